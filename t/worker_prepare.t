# Before a snapshot is served the query processes read its schema.  Until then
# the last one is served and publishes go into the next generation; nobody
# waits for a process that does not come to an end with it.

use v5.36;

use JSON::PP qw(decode_json);
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(is_direct slurp temp_dir wait_until);
use Qasino::Server qw(table);
use Qasino::Worker;

# A quarter of it is what the turn waits at most.
my $worker = start_worker(generation_duration => 6,
    archive_db_dir => temp_dir());

sub publish ($n) {
    my $answer = $worker->publish("h$n", table(t => [n => 'int'], [$n]));

    die $answer->{error_message} // '' if !$answer->{generation_number};

    return $answer->{generation_number};
}

# One of those that read it does not go on.  Stopped until its generation is
# sealed, which is when what is published goes into another.
sub hold_up () {
    my ($pid) = grep { is_direct($_) } map { /(\d+)$/ }
        grep { (slurp("$_/status") =~ /^PPid:\s*(\d+)/m)[0] == $worker->pid }
        glob '/proc/[0-9]*';
    my $n = 1;
    my $first = publish(0);
    my $next;

    kill 'STOP', $pid;
    wait_until('the turn', sub { ($next = publish($n++)) != $first });

    return ($first, $next, $n - 1, $pid);
}

sub number () {
    return $worker->rows('select generation_number from qasino_server_info')
        ->[0][0];
}

# Rows as the open generation has them.
sub written ($sql) {
    my $answer = $worker->connect->query($sql,
        flags => Qasino::Frame::WRITE_DB);

    return decode_json($answer->{body})->{table}{rows};
}

# It may have been seen too late, on a busy machine.
my ($first, $next, $count, $pid, @missed);
my $seen = wait_until('an answer in that time', sub {
    my $signals = $worker->connect;

    $worker->wait_generation;
    $signals->request(op => 'subscribe');
    ($first, $next, $count, $pid) = hold_up();
    my $number = number();
    my $answers;

    # who asks for what was published last has it in that time, too
    for my $n ($count + 1 .. $count + 5) {
        $answers = publish($n);
        push @missed, $n
            if !written("select n from t where n = $n")->@*;
    }

    my $signal = $signals->receive;     # it comes, whoever hangs

    kill 'KILL', $pid;
    return $signal->{body} =~ /"generation_number": *$next\b/
        && $number < $first && $answers == $next && $number;
});

ok($seen, 'the last snapshot is served while the next one is sealed');
is_deeply(\@missed, [], '... and a copy of the open one has what is in it');
is(number(), $first, 'then that is served');
is_deeply($worker->rows('select count(*), max(n) from t'),
    [[$count, $count - 1]], '... with all that was acknowledged into it');

# Whoever stops in that time has it, and the one that was begun, when it starts
# again; a generation whose time is over turns at once.
$worker->wait_generation;
($first, $next, $count) = hold_up();
$worker->stop;
$worker->start;
wait_until('what was collected to be served', sub { number() >= $next });
is($worker->archived($first, 'select count(*) from t'), $count,
    'stopped meanwhile: nothing is lost of the sealed one');
$worker->wait_generation;
is($worker->archived($next, 'select group_concat(n) from t'), $count,
    '... or the next');

done_testing();
