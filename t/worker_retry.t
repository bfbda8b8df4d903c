# A query whose process somebody kills from outside is run once more, unless
# it had run for long: by then it may itself be the reason.  Killed twice, its
# statement is refused.

use v5.36;

use IO::Select;
use Test::More;

use Qasino::Process qw(is_direct slurp wait_until);
use Qasino::Worker;

my $worker = start_worker(generation_duration => 3600, query_processes => 1,
    query_slow_processes => 0, query_deadline => 3600);
my $client = $worker->connect;
my $other = $worker->connect;

sub pids () {
    return grep { !is_direct($_) } map { split ' ', slurp($_) }
        glob '/proc/' . $worker->pid . '/task/*/children';
}

# It has taken more time than a start does.
sub is_at_work ($pid) {
    return (split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //sr)[11] > 100;
}

# Asks, and kills the process as soon as the worker has the query.
sub ask_and_kill ($sql) {
    wait_until('a process that serves',
        sub { $other->query('select 1')->{status} == 200 });
    my ($pid) = pids();

    $client->send(op => 'query', args => { sql => $sql });
    $client->send(op => 'generation_signal');
    my ($signal) = $client->answers(1);
    kill 'KILL', $pid;

    return $pid;
}

# Asks, and kills the process once it has worked for long.
sub kill_at_work ($sql) {
    wait_until('a process that serves',
        sub { $other->query('select 1')->{status} == 200 });
    $client->send(op => 'query', args => { sql => $sql });

    kill_busy();

    return ($client->answers(1))[0];
}

sub kill_busy () {
    my $pid = wait_until('one that is at work', sub {
        return (grep { is_at_work($_) } pids())[0];
    });
    kill 'KILL', $pid;

    return $pid;
}

sub is_refused ($sql, $why) {
    my $answer = $other->query($sql);
    is($answer->{status}, 403, "$why: its statement is refused");
    like($answer->{body}, qr/killed twice.*until the next generation/,
        '... with the reason');
}

# However slow the machine is, one of these has not run for long.
my $n = 0;
ok(wait_until('one that is run again', sub {
    $n++;
    ask_and_kill('with recursive n(i) as (select 1 union all select i + 1'
        . " from n limit 300000 + $n) select max(i) from n");
    my ($answer) = $client->answers(1);

    return $answer->{status} == 200
        && $answer->{body} =~ /"@{[300_000 + $n]}"/;
}), 'a query whose process was killed is answered by another');

# Only once.
{
    my $sql = 'with recursive n(i) as (select 1 union'
        . ' all select i + 1 from n) select max(i) from n';
    my $pid = ask_and_kill($sql);
    my $select = IO::Select->new($client->socket);

    wait_until('the second to die', sub {
        my ($next) = grep { $_ != $pid && is_at_work($_) } pids();

        kill 'KILL', $next if $next;
        return $select->can_read(0);
    });
    my ($answer) = $client->answers(1);
    is($answer->{status}, 500, 'killed again and again: an error');
    like($answer->{body}, qr/process died/, '... that says so');
    is_refused($sql, 'killed twice, its retry being one');
}

# One that has run for long is not run again by itself, but may be asked again.
{
    my $sql = 'with recursive n(i) as (select 1 union'
        . ' all select i + 2 from n) select max(i) from n';

    for my $time (1, 2) {
        is(kill_at_work($sql)->{status}, 500, "killed at work, time $time");
    }

    is_refused($sql, 'killed twice');
    is($other->query($sql =~ s/from n\)/from n limit 9)/r)->{status}, 200,
        '... its like is not');
}

# Those that wait to run are not run, either.
{
    my $sql = 'with recursive n(i) as (select 1 union'
        . ' all select i + 3 from n) select max(i) from n';
    my @clients = map { $worker->connect } 1 .. 3;

    wait_until('a process that serves',
        sub { $other->query('select 1')->{status} == 200 });
    $_->send(op => 'query', args => { sql => $sql }) for @clients;

    my $pid = kill_busy();
    wait_until('the next that is at work',
        sub { grep { $_ != $pid && is_at_work($_) } pids() });
    kill_busy();

    my @statuses = map { ($_->answers(1))[0]{status} } @clients;
    is_deeply([sort @statuses], [403, 500, 500],
        'of three at once that are killed one is not begun');
}

# What kills its process by itself does not get another.
{
    wait_until('a process that serves',
        sub { $other->query('select 1')->{status} == 200 });
    my ($pid) = pids();

    $client->send(op => 'query', args => { sql => 'with recursive n(i) as'
        . ' (select 1 union all select i + 1 from n) select min(i) from n' });
    $client->send(op => 'generation_signal');
    $client->answers(1);
    kill 'ABRT', $pid;             # no report of a sanitizer
    my ($answer) = $client->answers(1);
    is($answer->{status}, 500, 'a crash is the statement\'s fault');
}

done_testing();
