# kill -9 of the worker while publishers publish: its successor serves the
# last snapshot, goes on with the generation that was open, and no
# acknowledged row is lost.  Here without nginx; QASINO_KILLS says how often.

use v5.36;

use JSON::PP ();
use Test::More;

use Qasino::Ledger;
use Qasino::Process qw(temp_dir wait_until);
use Qasino::Worker;

my $kills = $ENV{QASINO_KILLS} // 5;
my $archive = temp_dir();
my $worker = start_worker(generation_duration => 1,
    archive_db_dir => $archive);

# A connection that is made again when the worker was killed under it.
sub ask (%frame) {
    state $client;

    my $answer = eval {
        $client //= $worker->connect;
        $client->request(%frame);
    };
    undef $client if !$answer;

    return $answer;
}

my $ledger = Qasino::Ledger->start(
    archive => $archive,
    publish => sub ($who, $n) {
        my $answer = ask(op => 'add_table_data', body => JSON::PP::encode_json(
            { identity => "p$who-$n", table => { tablename => 'ledger',
              column_names => ['who', 'n'], column_types => ['int', 'int'],
              rows => [[$who, $n]] } })) // return 503;
        return ($answer->{status}, $answer->{args}{generation});
    },
    query => sub ($sql) {
        my $answer = ask(op => 'query', args => { sql => $sql });
        return undef if !$answer || $answer->{status} != 200;
        return JSON::PP::decode_json($answer->{body})->{table}{rows};
    });

$ledger->wait_acks(50);
$worker->wait_generation;

for my $kill (1 .. $kills) {
    $ledger->wait_acks(1 + int rand 200);

    my $before = $worker->generation;
    $worker->kill;
    $worker->start;

    my $after = $worker->generation;
    cmp_ok($after, '>=', $before,
        "kill $kill: a snapshot is served again, none from the past");
}

$ledger->finish;
$ledger->judge;
is_deeply([grep { $_ != 503 } keys %{{$ledger->refused}}], [],
    'nothing was refused but what the dead worker could not take');

done_testing();
