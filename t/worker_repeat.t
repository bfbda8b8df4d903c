# Queries that come again: with the clock stopped they have one answer for as
# long as a generation lasts, and a statement that is kept prepared answers
# as a new one would.

use v5.36;

use JSON::PP ();
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(wait_until);
use Qasino::Worker;

use constant FROZEN => Qasino::Frame::FROZEN;

my $worker = start_worker(generation_duration => 3600, query_processes => 1);
my $client = $worker->connect;

sub cell ($answer) {
    return JSON::PP::decode_json($answer->{body})->{table}{rows}[0][0];
}

# Frozen: the same, and cacheable; else neither.

my $start = cell($client->query(
    'select generation_start_epoch from qasino_server_info'));

for my $now ("julianday('now')", "julianday()",
    'julianday(current_timestamp)', "julianday(datetime('now'))")
{
    my $sql = "select round(($now - 2440587.5) * 86400)";
    my ($first, $second) = map { $client->query($sql, flags => FROZEN) } 1, 2;

    cmp_ok(abs(cell($first) - $start), '<=', 1, "frozen: $now");
    is(cell($second), cell($first), '... stands');
    ok($first->{args}{max_age}, '... and is cacheable');
    ok(!$client->query($sql)->{args}{max_age}, '... not so otherwise');
}

cmp_ok(cell($client->query("select strftime('%s', 'now')")), '>=', int $start,
    'the clock goes on');
ok(!$client->query('select random()', flags => FROZEN)->{args}{max_age},
    'chance is not frozen');
isnt(cell($client->query('select random()', flags => FROZEN)),
    cell($client->query('select random()', flags => FROZEN)),
    '... not even where the statement is kept');

my $body = $client->request(op => 'query', body => JSON::PP::encode_json(
    { op => 'query', now => 'generation', sql =>
      "select round((julianday() - 2440587.5) * 86400)" }));
cmp_ok(abs(cell($body) - $start), '<=', 1, 'now in a JSON body');

# The same again and again, whatever comes between.

sub again ($sql, $expected, $what, @between) {
    for my $n (1 .. 4) {
        like($client->query($sql)->{body}, $expected, "$what, time $n");
        $client->query($_) for @between;
    }
}

again('select 5 as n union select 6', qr/\[\["5"\], \["6"\]\]/, 'rows');
again('show info', qr/generation_number/, 'a shortcut');
again('desc qasino_server_info', qr/\["generation_number", "INTEGER"\]/,
    'DESC');
again('(select 7 as n);', qr/\[\["7"\]\]/, 'in parentheses');
again("select abs('-9223372036854775808' + 0)", qr/integer overflow/,
    'an error while it runs');
again('select nosuch', qr/no such column/, 'an error before');
again('select ?', qr/bindings/, 'a parameter');
again("select max(tablename) from qasino_server_tables\n", qr/qasino/,
    'pushed out by others', map { ("select $_ as n") x 3 } 1 .. 70);
again('with recursive n(i) as (select 1 union all select i + 1 from n limit'
    . ' 100000) select i from n', qr/"100000"/, 'a long one');
again("select replace(hex(zeroblob(500000)), '0', 'xxxxxxxx') as big", qr/./,
    'a large one');

# One that is stopped is as new the next time.
{
    my $endless = 'with recursive n(i) as (select 1 union all'
        . ' select i + 1 from n) select max(i) from n';

    for my $n (1 .. 3) {
        my $id = $client->send(op => 'query', args => { sql => $endless });
        $client->send(type => Qasino::Frame::CANCEL, id => $id);
        like([$client->answers(1)]->[0]{body}, qr/cancelled/, "stopped $n");
        like($client->query('select 5 as n union select 6')->{body},
            qr/\[\["5"\], \["6"\]\]/, '... and a kept one goes on');
    }
}

# A static table comes to be, gets a column, is another.

my $static = 'select * from fixed';
like($client->query($static)->{body}, qr/no such table/, 'not yet')
    for 1 .. 3;

for my $columns (['a'], ['a', 'b'], ['a', 'b', 'c']) {
    $worker->publish('static', { tablename => 'fixed',
        column_names => $columns, column_types => [map { 'int' } @$columns],
        rows => [[map { 0 + @$columns } @$columns]] }, static => 1);

    my $wanted = join ', ', map { '"' . @$columns . '"' } @$columns;
    wait_until("a static table with @$columns", sub {
        $client->query($static)->{body} =~ /\[\[$wanted\]/ });
    like($client->query($static)->{body},
        qr/"column_names": \["a"[^]]*"$columns->[-1]"|\["$columns->[-1]"/,
        "static with @$columns, again") for 1 .. 3;
}

# Two readers never see each other's: each generation has its own.
{
    my $turning = start_worker(generation_duration => 1);
    my $asker = $turning->connect;
    my $sql = 'select generation_number from qasino_server_info';
    my %seen;

    wait_until('four generations', sub {
        my $answer = $asker->query($sql);
        $seen{cell($answer)} = $answer->{args}{generation};
        return keys %seen >= 4;
    });
    is_deeply([grep { $_ != $seen{$_} } keys %seen], [],
        'each answer is of the generation it says');
}

done_testing();
