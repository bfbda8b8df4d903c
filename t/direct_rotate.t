# What goes past the worker is as new as what goes through it: generations do
# not go back, static tables are there when their publish is acknowledged, and
# the queries are counted.  With the configuration as it is shipped.

use v5.36;

use Test::More;

use Qasino::Askers;
use Qasino::Process qw(slurp wait_until);
use Qasino::Server;
use Qasino::Visitor;

my $server = start_server(generation_duration => 2);
my $worker = $server->pid_of('qasino-worker');
my @clients = map { Qasino::Visitor->new($server, "127.0.0.$_") } 1 .. 8;

sub get ($client, $sql, @seconds) {
    return Qasino::Server::document($client->get(
        Qasino::Visitor::target('request', $sql), @seconds));
}

# Each of nginx's workers has a connection to one of them.
sub wait_links () {
    wait_until('links of both nginx workers', sub {
        state $n = 0;   # nothing that is cached, and nobody who is banned
        $n++;
        get(Qasino::Visitor->new($server,
            '127.9.' . ($n >> 8) . '.' . ($n & 255)), "select $n");
        return $server->direct_links == 2;
    });
}

$server->wait_answer;
wait_links();

# Clients with connections to both.
{
    my $askers = Qasino::Askers->start($server, count => 3,
        connections => 6);

    $askers->wait_answers(100);
    $server->wait_generation(4);
    $askers->wait_answers(100);
    is_deeply([$askers->finish], [],
        'four rotations: no client sees a generation before its last');
    is($server->direct_links, 2, '... over the same links');
}

# Each rotation names the generation that it begins; the one named before is
# what queries see then.
{
    my $frames = $server->frames;
    my $n = 0;
    my $before;

    $frames->request(op => 'subscribe');
    for (1 .. 5) {
        my ($told) = $frames->receive->{body}
            =~ /"generation_number": *(\d+)/;
        my @seen = map {
            $n++;
            get($_, "select generation_number, $n from qasino_server_info")
                ->{table}{rows}[0][0];
        } @clients;

        is_deeply(\@seen, [($before) x @clients],
            "told of a rotation: $before is seen at once") if $before;
        $before = $told;
    }
}

# A publish of a static table.
{
    my @old;

    for my $n (1 .. 60) {
        $server->published('host1', table(fixed => [a => 'int'], [$n]),
            static => 1);
        my $rows = get($clients[$n % @clients], 'select a from fixed')
            ->{table}{rows};
        push @old, $n if !$rows || $rows->[0][0] != $n;
    }
    is_deeply(\@old, [], 'what is acknowledged is seen at once');
}

# Those that hang do not keep what is old: they have to go when the
# generation after the one they were told of comes.
{
    my @hang = $server->direct_pids;
    my $askers = Qasino::Askers->start($server, count => 2, roam => 1);

    $askers->wait_answers(50);
    kill 'STOP', @hang;
    ok(wait_until('other processes', sub {
        my %now = map { ($_ => 1) } $server->direct_pids;
        return !grep { $now{$_} } @hang;
    }), 'those that hang are replaced');
    like($server->log_text, qr/query process $_ hangs: killed/,
        '... as the worker says') for @hang;
    $askers->wait_answers(50);
    is_deeply([$askers->finish], [], '... and no query fails');
}

# The pool's processes wait until they have read a snapshot, but not for those
# that hang.
{
    my $frames = $server->frames;
    my $asker = $server->frames;
    my $told = sub () {
        return ($frames->receive->{body} =~ /"generation_number": *(\d+)/)[0];
    };

    $frames->request(op => 'subscribe');
    ok(wait_until('an answer in the generation that was just told', sub {
        my @hang = $server->direct_pids;
        my $before = $told->();

        kill 'STOP', @hang;
        $told->();
        my $answer = $asker->query(
            'select generation_number from qasino_server_info');
        kill 'KILL', @hang;

        return $answer->{body} =~ /\[\["$before"\]\]/;
    }), 'a rotation while they hang: the worker answers in that generation');
}

# The worker cannot have counted what it was not asked.
{
    my %counts;
    my $ours = wait_until('queries that all go past the worker', sub {
        my $frames = $server->frames;
        my %status = (200 => 0, 400 => 0);

        wait_links();
        $frames->request(op => 'subscribe');
        $frames->receive;
        kill 'STOP', $worker;
        for my $n (1 .. 30) {
            my $client = Qasino::Visitor->new($server, "127.0.1.$n");
            my $document = get($client, $n % 3 ? "select $n"
                : $n % 2 ? "select nosuch$n" : "selct $n", 0.5);
            my $of = $document->{status};

            $status{$of}++;
            last if $of == 599;
        }
        kill 'CONT', $worker;
        $frames->receive;

        my $rows = $server->rows('select generation_number, sql_received,'
            . ' sql_completed, sql_errors from qasino_server_sql_stats,'
            . ' qasino_server_info');
        %counts = (received => $rows->[0][1], completed => $rows->[0][2],
            errors => $rows->[0][3]);

        return !$status{599} && \%status;
    });

    is_deeply($ours, { 200 => 20, 400 => 10 }, '20 that are right, 10 not');
    is_deeply(\%counts, { received => 30, completed => 20, errors => 10 },
        '... are counted in the next generation')
        or diag(explain(\%counts));
}

# A snapshot that takes long to open: its watchdog hears the worker meanwhile,
# and peers again afterwards.
{
    my $wide = start_server(generation_duration => 2);
    my $client = Qasino::Visitor->new($wide, '127.0.0.2');
    my $last = 0;
    my $rests = sub {
        my $now = join ' ', map {
            (split ' ', slurp("/proc/$_/stat") =~ s/.*\) //sr)[11, 12]
        } $wide->direct_pids;
        my $same = $now eq $last;
        $last = $now;
        return $same;
    };

    $wide->published('host1', table("wide$_",
        [map { ("column_number_$_" => 'text') } 1 .. 40], [('x') x 40]),
        persist => 1) for 1 .. 400;
    for (1 .. 3) {
        $wide->wait_generation;
        wait_until('a process that has opened it', $rests);
        is(get($client, "select $_")->{status}, 200, 'asked once it is open');
    }
    unlike($wide->log_text, qr/is not answered/, '... and answered at once');
}

done_testing();
