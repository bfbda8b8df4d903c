# Slow queries leave their lane: those that ask something small beside them
# wait for none of them, and when they end their processes are not kept.

use v5.36;

use Test::More;

use Qasino::Process qw(now slurp wait_until);
use Qasino::Server;

use constant ENDLESS => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n) select max(i) from n';
use constant LONG => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n limit 2000000) select i from n';

# Two lanes, room for twenty beside them, an hour for a query to end: were
# one to wait for another, this test would not end either.
my $server = start_server(generation_duration => 3600, query_processes => 2,
    query_slow_processes => 20, query_deadline => 3600);
my $frames = $server->frames;

sub processes () { scalar $server->pids('qasino-query') }
sub stat_of ($pid) { split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //sr }
sub niceness ($pid) { (stat_of($pid))[16] }

# Of all threads, three each.  0: as all others (SCHED_OTHER), 3: whoever wakes
# up goes before (SCHED_BATCH).
sub policies () { join ' ', map { (split ' ', s/.*\) //sr)[38] } map { slurp($_) }
    map { glob "/proc/$_/task/*/stat" } $server->pids('qasino-query') }

# Those it may run on.
sub cores ($pid) {
    my ($list) = slurp("/proc/$pid/status") =~ /^Cpus_allowed_list:\s*(\S+)/m;
    return map { /(\d+)-(\d+)/ ? ($1 .. $2) : $_ } split /,/, $list;
}

$server->wait_answer;
wait_until('a process for each lane', sub { processes() == 2 });
for (1 .. 3) {
    $frames->send(op => 'query', args => { sql => 'select 1' });
    is($frames->receive->{status}, 200, 'a quick query');
}
is(wait_until('both to be there for queries', sub {
    policies() !~ /3/ && policies() }), '0 0 0 0 0 0', 'then they run as all others');
is_deeply([map { [cores($_)] } $server->pids('qasino-query')],
    [([cores($$)]) x 2], '... on all cores');

my @slow = map {
    $frames->send(op => 'query', args => { sql => ENDLESS . " -- $_" })
} 1 .. 20;

for my $i (1 .. 50) {
    my $answer = $server->query("select $i");
    is($answer->{table}{rows}[0][0], $i, 'answered beside 20 slow queries')
        or diag(explain($answer));
}

is(wait_until('the slow ones to yield', sub {
    my @nice = sort { $a <=> $b } grep { $_ >= 10 } map { niceness($_) }
        $server->pids('qasino-query');
    @nice == 20 && "@nice[0 .. 2]";
}), '10 10 19', 'the slow ones run at low priority, all but two at the lowest');
is_deeply([grep { (stat_of($_))[38] != 3 } grep { niceness($_) >= 10 }
    $server->pids('qasino-query')], [], '... and behind whoever wakes up');
SKIP: {
    my @cores = cores($$);
    skip 'there is one core', 1 if @cores == 1;
    is_deeply([map { "@$_" } grep { @$_ != @cores - 1 } map { [cores($_)] }
        grep { niceness($_) >= 10 } $server->pids('qasino-query')], [],
        '... on all cores but one');
}
cmp_ok(processes(), '<=', 22, 'there are no more processes than allowed');

# A 21st has the last place of those; lanes are left.
push @slow, $frames->send(op => 'query', args => { sql => ENDLESS });
is($server->value('select 7'), '7', 'one more is one lane less');

$frames->send(type => Qasino::Frame::CANCEL, id => $_) for @slow;
my %ended;
$ended{$frames->receive->{status}}++ for @slow;
is_deeply(\%ended, { 503 => 21 }, 'each of them ends');
is($server->value('select 9'), '9', '... and others go on');
wait_until('their processes to end', sub { processes() == 2 });
pass('their processes are not kept');

# Clients that do not read their answers have left their lanes, too.
my @asleep = map { $server->frames } 1 .. 4;
$_->send(op => 'query', args => { sql => LONG }) for @asleep;
is($server->value('select 8'), '8', 'nobody waits for one who sleeps');

# Slow ones that took the lanes, too, give them back although more of their
# like wait all the time.
{
    my $narrow = start_server(generation_duration => 3600,
        query_processes => 2, query_slow_processes => 1,
        query_deadline => 3600);
    my $client = $narrow->frames;
    my $send = sub ($n, $what) { $client->send(op => 'query', args => { sql =>
        ENDLESS =~ s/from n\)/from n limit $n)/r . $what }) };

    $narrow->wait_answer;
    $send->(1_000_000, '');                 # its like is slow
    $client->receive;

    my @slow = (map { $send->(3_000_000, " -- $_") } 'one', 'two', 'three');
    push @slow, map { $send->(1_000_000, '') } 1 .. 60;

    is($narrow->value('select 7'), '7', 'what is quick gets a lane back');
    $client->send(type => Qasino::Frame::CANCEL, id => $_) for @slow;
    my %ended;
    $ended{$client->receive->{status}}++ for @slow;
    cmp_ok($ended{503} // 0, '>', 0, '... while slow ones wait');
}

# Of which nothing is known, it is in nobody's way; what is known to be quick
# is as all others.
{
    my $narrow = start_server(generation_duration => 3600,
        query_processes => 1, query_slow_processes => 20);
    my $client = $narrow->frames;
    my $others = cores($$) == 1 ? 1 : cores($$) - 1;
    my $state = sub ($sql) {
        $client->send(op => 'query', args => { sql => $sql });
        is($client->receive->{status}, 200, $sql);
        my ($pid) = $narrow->pids('qasino-query');
        return join ' ', (stat_of($pid))[38], scalar cores($pid);
    };

    $narrow->wait_answer;
    $state->('select 1') for 1 .. 2;
    is($state->('select 1'), '0 ' . cores($$), 'a quick one is as all others');
    is($state->('select 1 union select 2'), "3 $others", 'an unknown one gives '
        . 'way to whoever wakes up, and is not on all cores');
    is($state->('select 1'), '0 ' . cores($$), 'the next is as all others');
}

# A client whose small queries fill the lane may have it, until somebody else
# asks, be it not here.  One who asks one at a time may have it even then.  Each
# takes less than LANES_HEAVY_US, under a sanitizer, too: 2,000 rows took 3.5 ms.
{
    my $narrow = start_server(generation_duration => 3600,
        query_processes => 1, query_slow_processes => 20);
    my ($crowd, $neighbour) = map { $narrow->frames } 1, 2;
    my $small = ENDLESS =~ s/from n\)/from n limit 300)/r;
    my $n = 0;
    my $ask = sub { $crowd->send(op => 'query', args => {
        client => 'a crowd', sql => "$small -- " . ++$n }) };
    my $neighbour_asks = sub { $neighbour->send(type =>
        Qasino::Frame::ASKER, args => { client => 'a neighbour' }) };

    # What has run of so many queries: in the lane, and beside it.
    my $ran = sub ($count) {
        my (%before, @ran);
        my $look = sub ($now) {
            for my $pid ($narrow->pids('qasino-query')) {
                my ($ns) = slurp("/proc/$pid/schedstat") =~ /^(\d+)/ or next;
                $now ? ($ran[niceness($pid) >= 10] += $ns - ($before{$pid} // 0))
                     : ($before{$pid} = $ns);
            }
        };

        $look->(0);
        $crowd->receive, $ask->() for 1 .. $count;
        $look->(1);

        return map { $_ // 0 } @ran[0, 1];
    };

    $narrow->wait_answer;
    $ask->();
    for my $round (1 .. 10) {
        $neighbour_asks->();
        my ($lane, $beside) = $ran->(100);
        next if $round < 10 && $lane > $beside;
        cmp_ok($lane, '>', $beside, 'one at a time is never too many');
        last;
    }
    $ask->() for 2 .. 20;

    # as long as the one that waited for an answer is remembered, and some more
    my ($alone, $lane, $beside) = (now());

    wait_until('the crowd to have the lane', sub {
        ($lane, $beside) = $ran->(500);
        return $lane > $beside && now() - $alone > 3;
    });
    pass('who is alone has the lane');

    my $rounds = 0;

    wait_until('the crowd to leave the lane', sub {
        $neighbour_asks->();
        ($lane, $beside) = $ran->(100);
        $rounds = $beside > $lane ? $rounds + 1 : 0;
        return $rounds == 5;
    });
    pass('... until another is known to ask elsewhere');
}

done_testing();
