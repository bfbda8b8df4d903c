# A query whose process somebody kills from outside is run once more, unless
# it had run for long: by then it may itself be the reason.

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
    my $pid = ask_and_kill('with recursive n(i) as (select 1 union'
        . ' all select i + 1 from n) select max(i) from n');
    my $select = IO::Select->new($client->socket);

    wait_until('the second to die', sub {
        my ($next) = grep { $_ != $pid && is_at_work($_) } pids();

        kill 'KILL', $next if $next;
        return $select->can_read(0);
    });
    my ($answer) = $client->answers(1);
    is($answer->{status}, 500, 'killed again and again: an error');
    like($answer->{body}, qr/process died/, '... that says so');
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
