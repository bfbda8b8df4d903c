package Qasino::Frame;

# The worker's protocol (docs/protocol.md) as a test sees it: a codec that
# can also write what no honest client would, and a blocking client.

use v5.36;

use Errno qw(EINTR);
use Exporter qw(import);
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

use Qasino::Process qw(now patience);

use constant {
    REQUEST => 1, RESPONSE => 2, DATA => 3, CANCEL => 4, EVENT => 5,
    ASKER => 6,
    MORE => 1, ABORT => 2, WRITE_DB => 4, NATIVE => 8, PARTS => 16,
    FROZEN => 32, WHOLE => 64,
    HEADER => 32, ARGS_MAX => 262144, BODY_MAX => 1 << 30,
    JSON => 0, TEXT => 1, HTML => 2,
};

our %OP = (none => 0, add_table_data => 1, add_csv_table_data => 2,
    name_value_update => 3, query => 4, get_table_list => 5,
    generation_signal => 6, subscribe => 16, snapshot => 17, claim => 18,
    peer => 19, unknown => 255);

our %TAG = (identity => 1, client => 2, sql => 3, name => 4, value => 5,
    claimed_identity => 6, allow => 7, snapshot => 10, static_db => 11,
    deadline => 12, claim => 13, generation => 16, static_version => 17,
    max_age => 18, retry_after => 19, cost => 20);

my %NUMBER = map { $_ => 1 } qw(allow deadline claim generation static_version
    max_age retry_after cost);
my %NAME = reverse %TAG;

our @EXPORT_OK = qw(encode decode);

# type, op (name or number), format, id, flags, status, args => { name =>
# value } or raw bytes, body; magic, version, args_length and body_length
# lie where given.
sub encode (%f) {
    my $args = $f{args} // '';
    my $body = $f{body} // '';
    my $op = $f{op} // 0;

    if (ref $args) {
        $args = join '', map {
            my $value = $NUMBER{$_} ? pack('Q<', $f{args}{$_})
                : $f{args}{$_};
            pack('v v V/a*', $TAG{$_}, 0, $value);
        } sort keys %{$f{args}};
    }

    return pack('a4 C4 Q< v v V Q<', $f{magic} // 'QSNF', $f{version} // 1,
        $f{type} // REQUEST, $OP{$op} // $op, $f{format} // JSON,
        $f{id} // 1, $f{flags} // 0, $f{status} // 0,
        $f{args_length} // length $args, $f{body_length} // length $body)
        . $args . $body;
}

# Takes one frame off the front of $$bytes; undef where it is not whole yet.
sub decode ($bytes) {
    return undef if length $$bytes < HEADER;

    my %f;
    (@f{qw(magic version type op format id flags status)},
        my ($args_length, $body_length))
        = unpack 'a4 C4 Q< v v V Q<', $$bytes;

    die "not a frame: " . unpack('H64', $$bytes) . "\n"
        if $f{magic} ne 'QSNF' || $f{version} != 1
           || $args_length > ARGS_MAX || $body_length > BODY_MAX;

    my $size = HEADER + $args_length + $body_length;
    return undef if length $$bytes < $size;

    my $args = substr $$bytes, HEADER, $args_length;
    $f{body} = substr $$bytes, HEADER + $args_length, $body_length;
    substr $$bytes, 0, $size, '';

    while (length $args) {
        my ($tag, $zero, $length) = unpack 'v v V', $args;
        die "broken arguments\n" if length $args < 8 + $length || $zero;
        my $name = $NAME{$tag} // die "unknown tag $tag\n";
        my $value = substr $args, 8, $length;
        $f{args}{$name} //= $NUMBER{$name} ? unpack('Q<', $value) : $value;
        substr $args, 0, 8 + $length, '';
    }

    return \%f;
}

sub connect ($class, $path) {
    my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path)
        or die "cannot connect to $path: $!\n";

    return bless { socket => $socket, in => '', id => 0 }, $class;
}

sub socket ($self) { $self->{socket} }
sub close ($self) { CORE::close $self->{socket} }

# Bytes as they are; false when the other side has hung up.
sub send_raw ($self, $bytes) {
    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes;
        next if !defined $n && $! == EINTR;
        return 0 if !$n;
        substr $bytes, 0, $n, '';
    }

    return 1;
}

# Sends a frame, returns its id.
sub send ($self, %f) {
    $f{id} //= ++$self->{id};
    $self->send_raw(encode(%f));

    return $f{id};
}

# The next frame, undef at the end of the stream.
sub receive ($self, $seconds = patience()) {
    my $end = now() + $seconds;
    my $select = IO::Select->new($self->{socket});

    while (1) {
        my $frame = decode(\$self->{in});
        return $frame if $frame;

        my $left = $end - now();
        die "no frame within $seconds s\n"
            if $left <= 0 || !$select->can_read($left);

        my $n = sysread $self->{socket}, $self->{in}, 1 << 18,
            length $self->{in};
        next if !defined $n && $! == EINTR;
        return undef if !$n;
    }
}

# Answers by id, each with its whole body, in the order they were finished:
# until $count of them are there.  undef where the stream ends before.
sub answers ($self, $count = 1) {
    my (%open, @done);

    while (@done < $count) {
        my $frame = $self->receive // return undef;
        my $answer = $open{$frame->{id}};

        if ($answer) {
            $answer->{body} .= $frame->{body};
            $answer->{abort} = $frame->{body} if $frame->{flags} & ABORT;
        } else {
            $answer = $open{$frame->{id}} = $frame;
        }

        push @done, delete $open{$frame->{id}}
            if !($frame->{flags} & MORE);
    }

    return @done;
}

sub request ($self, %f) {
    $self->send(%f);
    my ($answer) = $self->answers(1);

    return $answer;
}

sub query ($self, $sql, %f) {
    return $self->request(op => 'query', args => { sql => $sql }, %f);
}

# Has the other side closed the connection, and sent nothing before?
sub closed ($self) { !defined $self->receive }

1;
