package Qasino::Askers;

# Clients, each a process, that ask small queries over HTTP all the time, none
# twice, and note what was not answered right: another status, another
# answer, an older generation than before.
#
#   my $askers = Qasino::Askers->start($server, count => 4);
#   $askers->wait_answers(100);
#   is_deeply([$askers->finish], []);
#
# count: how many (2); connections: of each, used in turn (2).  roam: each
# query over a new connection, from another address of this machine.

use v5.36;

use JSON::PP ();
use POSIX qw(SIGTERM SIG_BLOCK sigpending sigprocmask);

use Qasino::Process qw(wait_until);
use Qasino::Visitor;

sub start ($class, $server, %how) {
    my $self = bless {
        server => $server, count => 2, connections => 2, roam => 0, %how,
        answers => 0, wrong => [], pending => '',
    }, $class;

    pipe $self->{out}, $self->{in} or die "pipe: $!\n";
    $self->{out}->blocking(0);
    $self->{children} = [map { $self->child($_) } 1 .. $self->{count}];

    return $self;
}

# Until that many more were right, of all of them together.
sub wait_answers ($self, $more) {
    $self->read;
    my $end = $self->{answers} + $more;

    wait_until("$more answers", sub {
        $self->read;
        return $self->{answers} >= $end || @{$self->{wrong}};
    });
}

# Ends them; what was wrong, and the count of answers last, if that is 0.
sub finish ($self) {
    kill 'TERM', @{$self->{children}};
    waitpid $_, 0 for @{$self->{children}};
    $self->read;

    return @{$self->{wrong}}, $self->{answers} ? () : 'no answer at all';
}

sub child ($self, $who) {
    my $parent = $$;
    my $pid = fork() // die "fork: $!\n";

    return $pid if $pid;

    # it waits until nothing is asked
    my $term = POSIX::SigSet->new(SIGTERM);
    my $pending = POSIX::SigSet->new;
    sigprocmask(SIG_BLOCK, $term);

    $self->{in}->blocking(1);
    $self->ask($who, sub {
        sigpending($pending);
        return $pending->ismember(SIGTERM) || getppid() != $parent;
    });
    POSIX::_exit(0);
}

sub ask ($self, $who, $stopped) {
    my @visitors = map { Qasino::Visitor->new($self->{server},
        "127.0.$who.1", leaves => $self->{roam}) } 1 .. $self->{connections};
    my $last = 0;

    for (my $n = 1; !$stopped->(); $n++) {
        my $visitor = $visitors[$n % @visitors];

        $visitor->move("127.$who." . ($n >> 8 & 255) . '.' . (1 + $n % 254))
            if $self->{roam};

        my $answer = $visitor->get(Qasino::Visitor::target('request',
            "select generation_number, $n from qasino_server_info"));
        my $generation = $answer->{headers}{'qasino-generation'} // 0;
        my $rows = eval { JSON::PP::decode_json($answer->{content})
            ->{table}{rows} };
        my $right = $answer->{status} == 200 && $rows
            && "@{$rows->[0]}" eq "$generation $n" && $generation >= $last;

        syswrite $self->{in}, $right ? "A\n"
            : "$who asked $n after $last: $answer->{status} $generation "
                . $answer->{content} =~ s/\s+/ /gr . "\n";
        $last = $generation;
    }
}

sub read ($self) {
    while (sysread $self->{out}, $self->{pending}, 65536,
        length $self->{pending})
    {
        while ($self->{pending} =~ s/\A(.*)\n//) {
            $1 eq 'A' ? $self->{answers}++ : push @{$self->{wrong}}, $1;
        }
    }
}

1;
