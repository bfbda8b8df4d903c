# The same question from many at the same time: asked once.  With one query
# process and a queue of one, whatever is run for itself finds no room.

use v5.36;

use Test::More;

use Qasino::Frame;
use Qasino::Process qw(slurp wait_until);
use Qasino::Worker;

my $worker = start_worker(generation_duration => 3600, query_processes => 1,
    query_queue => 1, query_deadline => 3600);

# Takes a while, and has a short answer that caches may keep.
sub slow ($n, $columns = 'max(i)', $rest = '') {
    return 'with recursive n(i) as (select 1 union all select i + 1 from n'
        . " limit 300000 + $n) select $columns from n $rest";
}

sub ask ($client, $sql, %f) {
    return $client->send(op => 'query', args => { sql => $sql }, %f);
}

sub statuses (@answers) {
    my %count;
    $count{$_->{status}}++ for @answers;
    return join ', ', map { "$_: $count{$_}" } sort keys %count;
}

my @clients = map { $worker->connect } 1 .. 4;

# Many, on several connections.
{
    for my $client (@clients) {
        ask($client, slow(1)) for 1 .. 50;
    }

    my @answers = map { $_->answers(50) } @clients;
    is(statuses(@answers), '200: 200', 'the same: all are answered');
    is(scalar(grep { $_->{body} =~ /"300001"/ } @answers), 200,
        '... right');
    is(scalar(grep { $_->{args}{max_age} && $_->{args}{generation} }
        @answers), 200, '... and told how long it holds');
}

# What differs is not the same: the process has eight of them at most.

for my $case (
    ['statement', map { [slow($_)] } 1 .. 40],
    ['limit', map { [slow(1) . ' limit ' . (1 + $_)] } 1 .. 40],
    ['volatile', map { [slow(1, 'max(i), random()')] } 1 .. 40],
    ['quoted', map { [slow(1, 'max(i), "RANDOM"()')] } 1 .. 40],
    ['of time', map { [slow(1, "max(i), datetime('now')")] } 1 .. 40],
) {
    my ($what, @queries) = @$case;

    ask($clients[0], $_->[0]) for @queries;
    like(statuses($clients[0]->answers(scalar @queries)),
        qr/^200: \d+, 503: \d+$/, "$what: each by itself");
}

{
    my $sql = slow(2, "max(i), datetime('now')");

    ask($clients[0], $sql, flags => Qasino::Frame::FROZEN) for 1 .. 40;
    is(statuses($clients[0]->answers(40)), '200: 40',
        'of time, which is stopped: the same');

    ask($clients[0], slow(3), format => $_ % 3,
        flags => $_ % 2 ? Qasino::Frame::NATIVE : 0) for 1 .. 6;
    my @answers = sort { $a->{id} <=> $b->{id} } $clients[0]->answers(6);
    is(join(' ', map { $_->{format} } @answers), '1 2 0 1 2 0',
        'formats and flags: each its own');
    is(scalar(grep { $_->{body} =~ /\[\[300003\]\]/ } @answers), 1,
        '... in its own form');
}

# The first leaves.
{
    my $first = $worker->connect;

    ask($first, slow(4));
    $first->query('select 1');                  # it has been taken
    ask($_, slow(4)) for @clients;
    $_->query('select 1') for @clients;
    $first->close;
    is(statuses(map { $_->answers(1) } @clients), '200: 4',
        'the first leaves: the others are answered');
}

# The first cancels, then one that follows, then all.
{
    my $endless = slow(5) =~ s/limit 300005//r;
    my @ids = map { ask($clients[0], $endless) } 1 .. 4;

    for my $id (@ids[0, 2, 1, 3]) {
        $clients[0]->send(type => Qasino::Frame::CANCEL, id => $id);
        my ($answer) = $clients[0]->answers(1);
        is($answer->{id}, $id, 'cancelled');
        like($answer->{body}, qr/cancelled/, '... as it says');
    }

    like($clients[0]->query('select 8 as n')->{body}, qr/"8"/,
        'the process is free');
}

# Its process dies: the first's fault, the others run again.
{
    my $sql = slow(6);
    my ($query) = map { split ' ', slurp($_) }
        glob '/proc/' . $worker->pid . '/task/*/children';

    ask($clients[0], $sql);
    ask($clients[1], $sql);
    $clients[2]->query('select 1', op => 'generation_signal');
    kill 'KILL', $query;
    like(($clients[0]->answers(1))[0]{body}, qr/died|300006/,
        'its process dies');
    like(($clients[1]->answers(1))[0]{body}, qr/"300006"/,
        '... the other gets its answer');
}

# A long result is for one; the others find it themselves, in their turn.
{
    my $roomy = start_worker(generation_duration => 3600,
        query_processes => 2);
    my $sql = 'with recursive n(i) as (select 1 union all select i + 1 from n'
        . ' limit 100000) select i from n';
    my @readers = map { $roomy->connect } 1 .. 4;

    ask($_, $sql) for @readers;
    my @answers = map { $_->answers(1) } @readers;
    is(statuses(@answers), '200: 4', 'long results');
    is(scalar(grep { $_->{body} =~ /\["100000"\]\]\}, "max_widths"/ }
        @answers), 4, '... to their ends');

    # so are errors
    ask($_, 'select nosuch') for @readers;
    is(scalar(grep { $_->{body} =~ /no such column/ }
        map { $_->answers(1) } @readers), 4, 'errors');

    # A static table is published meanwhile: who asks later sees it.
    for my $n (1 .. 5) {
        my $static = slow($n, 'max(i) + (select max(a) from fixed)');

        $roomy->publish('static', { tablename => 'fixed',
            column_names => ['a'], column_types => ['int'],
            rows => [[0]] }, static => 1);
        wait_until('the static table', sub {
            $readers[0]->query('select max(a) from fixed')->{body}
                =~ /"0"/ });
        ask($readers[0], $static);
        $readers[0]->query('select 1');
        $roomy->publish('static', { tablename => 'fixed',
            column_names => ['a'], column_types => ['int'],
            rows => [[1_000_000]] }, static => 1);
        ask($readers[1], $static);
        like(($readers[1]->answers(1))[0]{body}, qr/"13\d{5}"/,
            "static $n: not an answer from before");
        $readers[0]->answers(1);
    }
}

done_testing();
