# Answers too long for a shared connection: announced there, fetched on
# another, given up when nobody comes.

use v5.36;

use Test::More;

use Qasino::Frame;
use Qasino::Process qw(slurp wait_until);
use Qasino::Worker;

use constant {
    WHOLE => Qasino::Frame::WHOLE,
    LONG => 'with recursive n(i) as (select 1 union all select i + 1 from n'
        . ' limit %d) select i from n',
};

my $worker = start_worker(generation_duration => 3600, query_processes => 2,
    query_slow_processes => 0,
    query_deadline => 3600);
my $shared = $worker->connect;

sub long ($rows) { sprintf LONG, $rows }

sub announced ($sql = long(200_000), $on = $shared) {
    return $on->query($sql, flags => WHOLE);
}

sub claim ($answer, $on = $worker->connect) {
    return $on->request(op => 'claim', args => { claim =>
        $answer->{args}{claim} });
}

# Both query processes are free: nobody's answer is in their way.
sub free_again ($what) {
    my @clients = map { $worker->connect } 1, 2;

    $_->send(op => 'query', args => { sql => long(2_000_000) }) for @clients;
    is($_->receive->{status}, 200, "$what: a query process is free")
        for @clients;
    $_->close for @clients;
}

# What fits one frame stays as it is.

my $short = announced("select 'short' as s");
is($short->{flags}, 0, 'a short answer has no flag');
like($short->{body}, qr/"short"/, '... and its body');
like(announced('select nothing')->{body}, qr/"error"/, 'so has an error');

# Announced, other requests in between, claimed.

my $answer = announced();
is($answer->{flags}, WHOLE, 'a long answer is announced');
is($answer->{status}, 200, '... as good');
is($answer->{body}, '', '... without a body');
ok($answer->{args}{claim}, '... with a claim');
ok($answer->{args}{generation} && $answer->{args}{max_age},
    '... and what caches want to know');
like($shared->query('select 5 as n', flags => WHOLE)->{body}, qr/"5"/,
    'the shared connection goes on');

my $whole = claim($answer);
my $reference = $worker->connect->query(long(200_000));
is($whole->{status}, 200, 'claimed');
ok($whole->{body} eq $reference->{body}, '... and the same, to its end');
is($whole->{args}{generation}, $reference->{args}{generation},
    '... from the same generation');

my $again = claim($answer);
is($again->{status}, 503, 'an answer is claimed once');
is($again->{args}{retry_after}, 1, '... and may be asked for again');
like($again->{body}, qr/"response_op": *"error".*gone/, '... as it says');
is($worker->connect->request(op => 'claim')->{status}, 503,
    'a claim of nothing');

my %tokens = map { my $a = announced(); claim($a); ($a->{args}{claim}, 1) }
    1 .. 20;
is(scalar keys %tokens, 20, 'no claim is like another');

# A connection may claim again and again, and ask other things.
{
    my $own = $worker->connect;

    for my $n (1 .. 3) {
        is(length claim(announced(), $own)->{body},
            length $reference->{body}, "claim $n on one connection");
        like($own->query("select $n as n")->{body}, qr/"$n"/,
            '... which is of use between');
    }
}

# Nobody comes: cancelled, or the shared connection ends.

$answer = announced();
$shared->send(type => Qasino::Frame::CANCEL, id => $answer->{id});
like($shared->query('select 6 as n', flags => WHOLE)->{body}, qr/"6"/,
    'cancelled: the connection goes on');
is(claim($answer)->{status}, 503, '... the answer is gone');
free_again('cancelled');

my $other = $worker->connect;
my @left = map { announced(long(2_000_000), $other) } 1, 2;
$other->close;
wait_until('the end of the shared connection to be seen',
    sub { claim($left[0])->{status} == 503 });
is(claim($left[1])->{status}, 503, 'the connection closed: both are gone');
free_again('closed');

# Whoever claimed leaves.
{
    my $leaver = $worker->connect;

    $answer = announced(long(2_000_000));
    $leaver->send(op => 'claim', args => { claim => $answer->{args}{claim} });
    is($leaver->receive->{status}, 200, 'claimed, begun, left');
    $leaver->close;
    free_again('left');
}

# A claim is cancelled like a query.
{
    my $own = $worker->connect;

    $answer = announced(long(20_000_000));
    my $id = $own->send(op => 'claim',
        args => { claim => $answer->{args}{claim} });
    $own->receive;
    $own->send(type => Qasino::Frame::CANCEL, id => $id);
    my $frame;
    do { $frame = $own->receive } while $frame->{flags} & Qasino::Frame::MORE;
    ok($frame->{flags} & Qasino::Frame::ABORT, 'a claim is cancelled');
    like($own->query('select 7 as n')->{body}, qr/"7"/,
        '... and its connection goes on');
}

# A claim that comes with a long body, and whose client leaves meanwhile.
{
    my $own = $worker->connect;
    my $pid = $worker->pid;

    $answer = announced(long(20_000_000));
    $own->send(op => 'claim', args => { claim => $answer->{args}{claim} },
        body => '{' . ' ' x 40_000);
    undef $own;
    free_again('who claimed with a body and left');
    is($worker->pid, $pid, '... the worker goes on');
}

# Held answers keep both processes; who waits for one gets it in the end.

my @held = map { announced(long(2_000_000)) } 1, 2;
like($worker->connect->query('select 8 as n')->{body}, qr/"8"/,
    'held answers give way to those who wait');
ok(scalar(grep { claim($_)->{status} == 503 } @held),
    '... and are gone then');

# The query process dies: what was held is claimed, and seen not to be whole.

$answer = announced(long(2_000_000));
my @children = glob '/proc/' . $worker->pid . '/task/*/children';
my @queries = map { split ' ', slurp($_) } @children;
kill 'KILL', @queries;
wait_until('the death to be seen',
    sub { (() = $worker->log_text =~ /died/g) >= @queries });
my ($broken) = do {
    my $own = $worker->connect;
    $own->send(op => 'claim', args => { claim => $answer->{args}{claim} });
    $own->answers(1);
};
is($broken->{status}, 200, 'its process died: the answer begins');
like($broken->{abort}, qr/died/, '... and says why it ends');
like($shared->query('select 9 as n', flags => WHOLE)->{body}, qr/"9"/,
    '... and the shared connection goes on');

# The list of tables is one long frame, without a query behind it.

my $lister = start_worker(generation_duration => 1, max_tables => 3000);
my $client = $lister->connect;

for my $n (1 .. 2500) {
    $client->send(op => 'name_value_update', args => { identity => 'whole',
        name => sprintf('%s_%04d.v', 't' x 55, $n), value => 1 });
    $client->answers(100) if $n % 100 == 0;
}

my $list = wait_until('a long list to be announced', sub {
    my $answer = $client->request(op => 'get_table_list', flags => WHOLE);
    return $answer->{flags} == WHOLE && $answer;
});
my $claimed = claim($list, $lister->connect);
cmp_ok(length $claimed->{body}, '>', 256 * 1024, '... and claimed');
like($claimed->{body}, qr/\}\}\}\z/, '... to its end');

done_testing();
