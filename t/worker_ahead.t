# Queries that are sent to a process while it runs another: none waits for a
# slow one, dies with another, or keeps what it was given back.

use v5.36;

use Test::More;

use Qasino::Frame qw(encode);
use Qasino::Process qw(slurp);
use Qasino::Worker;

use constant ENDLESS => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n) select max(i) from n';

my $worker = start_worker(generation_duration => 3600, query_processes => 2,
    query_deadline => 3600);
my $client = $worker->connect;

sub slow ($n) { ENDLESS =~ s/from n\)/from n limit 100000 + $n)/r }

# All in one write, so that processes are sent several at once.
sub send_all (@queries) {
    my $first = ($client->{id} // 0) + 1;

    $client->send_raw(join '', map {
        encode(op => 'query', id => ++$client->{id}, args => { sql => $_ })
    } @queries);

    return $first .. $client->{id};
}

sub cancel (@ids) {
    $client->send(type => Qasino::Frame::CANCEL, id => $_) for @ids;
}

# Behind, before and between slow ones.
for my $place (0, 5, 15) {
    my @queries = map { "select $_ as n" } 1 .. 30;
    splice @queries, $place, 0, ENDLESS;

    my @ids = send_all(@queries);
    my ($endless) = splice @ids, $place, 1;
    my %answers = map { $_->{id} => $_ } $client->answers(30);

    is(scalar(grep { $answers{$ids[$_]}{body} =~ /\[\["@{[$_ + 1]}"\]\]/ }
        0 .. 29), 30, "at place $place a slow query: all others come first");
    cancel($endless);
    like(($client->answers(1))[0]{body}, qr/cancelled/, '... it is stopped');
}

# As many slow ones as there are processes: the others wait, and run at last.
{
    my ($one, $two, @ids) = send_all(ENDLESS, ENDLESS . ' limit 1',
        map { "select $_ as n" } 1 .. 10);

    like($worker->connect->request(op => 'generation_signal')->{body},
        qr/"ok"/, 'both processes are busy, the worker is not');
    cancel($two);
    is(scalar(grep { $_->{status} == 200 } grep { $_->{id} != $two }
        $client->answers(11)), 10, '... one is free: all are answered');
    cancel($one);
    $client->answers(1);
}

# Cancelled while they wait, in any order.
{
    my @ids = send_all(map { slow($_) } 1 .. 16);

    cancel(@ids[15, 3, 8, 0, 1, 2, 9]);
    my @answers = $client->answers(16);
    is(scalar(grep { $_->{status} == 200 || $_->{body} =~ /cancelled/ }
        @answers), 16, 'some are cancelled: all are answered');
    like($client->query('select 8 as n')->{body}, qr/"8"/,
        '... and the connection goes on');
}

# The processes die: of all that they had, one each may be lost.
for my $n (1 .. 3) {
    my @ids = send_all(map { slow(100 * $n + $_) } 1 .. 16);

    $worker->connect->request(op => 'generation_signal');
    my $killed = kill 'KILL', map { split ' ', slurp($_) }
        glob '/proc/' . $worker->pid . '/task/*/children';

    my @answers = $client->answers(16);
    my @lost = grep { $_->{status} != 200 } @answers;
    cmp_ok(scalar @lost, '<=', $killed, "death $n: the others run again");
    is(scalar(grep { $_->{body} !~ /died/ } @lost), 0,
        '... those that do not say why');
}

done_testing();
