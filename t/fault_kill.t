# kill -9 of any process, at random, while publishers publish and others ask:
# no acknowledged row is lost, and after each death publishing goes on.
# QASINO_KILLS says how often.

use v5.36;

use List::Util qw(max sum);
use Test::More;

use Qasino::Ledger;
use Qasino::Process qw(now temp_dir wait_until);
use Qasino::Server;

my $kills = $ENV{QASINO_KILLS} // 10;
my $archive = temp_dir();
my $server = start_server(generation_duration => 1,
    archive_db_dir => $archive);
my @names = qw(qasino-worker qasino-query direct qasino-zmq-bridge
    nginx-worker nginx-master);

my $ledger = Qasino::Ledger->of_server($server, $archive);

$ledger->wait_acks(20);
$server->wait_generation;

my (%killed, @away);
my $seed = srand($ENV{QASINO_SEED} // time);

for (1 .. $kills) {
    my $name = $names[rand @names];
    my @pids = $name eq 'direct' ? $server->direct_pids
                                 : $server->pids($name) or next;

    $ledger->wait_acks(1 + int rand 60);

    my $start = now();
    kill 'KILL', $pids[rand @pids];
    $killed{$name}++;
    # those on their way when it died may still be answered
    $ledger->wait_acks(5);
    $server->wait_answer;
    push @away, now() - $start;
}

# the bridge at the end of it all
is(ref $server->zmq('print(req({"op": "query", "sql": "select 1"})[0])'),
    'HASH', 'the bridge answers');
wait_until('the line port, of an nginx that was just killed', sub {
    eval { $server->line("select 5 five;\r\n") =~ /five/ } });
pass('so does the line port');

$ledger->wait_acks(20);
$ledger->finish;
$ledger->judge;
is_deeply([grep { !/^(?:500|502|503|504|599)$/ } keys %{{$ledger->refused}}],
    [], 'refused was only what dead processes could not take');
note("seed $seed, killed: " . join ', ', map { "$_ x $killed{$_}" } sort keys %killed);
note(sprintf 'all of it works again after %.3f s, at most %.3f s',
    sum(@away) / @away, max(@away));

done_testing();
