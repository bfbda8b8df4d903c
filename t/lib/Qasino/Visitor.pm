package Qasino::Visitor;

# An HTTP client that comes from an address of its own of 127.0.0.0/8, which
# to the server is another client:
#
#   my $visitor = Qasino::Visitor->new($server, '127.0.0.7');
#   my $answer = $visitor->get('/request?op=query&sql=select+1');
#
# The answer is { status, headers, content }; status 599 where there was none.
# It keeps its connection, except with leaves => 1.

use v5.36;

use IO::Select;
use IO::Socket::INET;

use Qasino::Process qw(now patience);
use Qasino::Response qw(parse_response);

sub new ($class, $server, $address, %how) {
    return bless { port => $server->port('http'), address => $address,
        %how }, $class;
}

# What it asks from now on comes from there.
sub move ($self, $address) {
    delete $self->{socket};
    $self->{address} = $address;
}

# The target of a query.
sub target ($location, $sql, %more) {
    my %parameters = (op => 'query', sql => $sql, %more);

    return "/$location?" . join '&', map {
        "$_=" . $parameters{$_} =~ s/([^\w.-])/sprintf '%%%02x', ord $1/ger
    } sort keys %parameters;
}

sub get ($self, $target, $seconds = patience()) {
    my $socket = delete $self->{socket};

    $socket = $self->connect
        if !$socket || IO::Select->new($socket)->can_read(0);
    return failed("connect: $!") if !$socket;

    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, "GET $target HTTP/1.1\r\nHost: localhost\r\n"
        . ($self->{leaves} ? "Connection: close\r\n" : '') . "\r\n";

    my $in = '';
    my $end = now() + $seconds;

    while (1) {
        my $left = $end - now();

        return failed("nothing within $seconds s: $in")
            if $left <= 0 || !IO::Select->new($socket)->can_read($left);
        return failed("closed: $in")
            if !sysread $socket, $in, 1 << 18, length $in;

        my $response = parse_response(\(my $copy = $in), 'GET');
        next if !$response || $response->{cut};

        $self->{socket} = $socket if !$self->{leaves};
        return { status => $response->{code}, content => $response->{body},
            headers => { map { ($_ => $response->{headers}{$_}[0]) }
                keys %{$response->{headers}} } };
    }
}

# Its port, which is bound now, is in nobody's way afterwards.
sub connect ($self) {
    return IO::Socket::INET->new(Proto => 'tcp', ReuseAddr => 1,
        LocalAddr => $self->{address}, PeerAddr => '127.0.0.1',
        PeerPort => $self->{port});
}

sub failed ($why) { { status => 599, headers => {}, content => $why } }

1;
