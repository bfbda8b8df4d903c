# qasino_server_slow_queries: what took long and how it ended.

use v5.36;
use utf8;

use Encode qw(encode_utf8);
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(wait_until);
use Qasino::Worker;

use constant ENDLESS => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n) select i from n where i';

my $worker = start_worker(generation_duration => 3600, query_deadline => 1);

# As of now: a publish makes the copy that use_write_db asks another one.
sub slow ($columns, $rest = '') {
    state $n = 0;

    $worker->publish('host', { tablename => 'news' . ++$n,
        column_names => ['n'], column_types => ['int'], rows => [] });

    return $worker->rows(encode_utf8("select $columns from"
        . " qasino_server_slow_queries $rest"),
        flags => Qasino::Frame::WRITE_DB | Qasino::Frame::NATIVE);
}

sub status ($sql) {
    return $worker->connect->query(encode_utf8($sql))->{status};
}

is(status(ENDLESS . ' < 0'), 504, 'one that never ends');
is_deeply(slow('statement, status, seconds >= 0.1,'
        . " abs(finished_epoch - strftime('%s', 'now')) < 3600"),
    [[ENDLESS . ' < 0', 504, 1, 1]], 'is noted');

{
    my $sql = ENDLESS . ' < 0 -- ' . 'é' x 1000;

    is(status($sql), 504, 'a long statement');
    my $kept = slow('statement', "where statement like '%é%'")->[0][0];
    is($kept, substr($sql, 0, length $kept), '... is cut');
    like(length encode_utf8($kept), qr/^(?:999|1000)$/,
        '... to 1,000 bytes, after a whole character');
}

# Rows for the first frames, and then no more.
my $broken = ENDLESS . ' < 100000';
status($broken);
is_deeply(slow('status', "where statement = '$broken'"), [[0]],
    'an answer that broke off');

# However fast the machine is, one of these takes long enough, and not too
# long: it may have been held up by others.
use constant FEW => 100_000;
my $limit = FEW;
ok(wait_until('a slow one that is answered', sub {
    my $sql = 'with recursive n(i) as (select 1 union all select i + 1'
        . " from n limit @{[$limit *= 2]}) select max(i) from n";
    my $answered = status($sql) == 200;

    $limit = FEW if !$answered;
    return $answered
        && @{slow('status', "where statement = '$sql' and status = 200")};
}), 'one that is answered');

done_testing();
