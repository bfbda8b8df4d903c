# Bodies that are half in: their bytes are bounded by publish_memory, with
# room for one of max_body in any case.  What is past that is refused by
# itself, after its body, and nothing else waits for it.

use v5.36;

use Test::More;

use Qasino::Frame;
use Qasino::Process qw(wait_until);
use Qasino::Worker;

use constant MIB => 1024 * 1024;
use constant HALF => 'x' x (MIB * 15 / 2);

my $worker = start_worker(generation_duration => 3600,
    publish_memory => MIB, max_body => 16 * MIB, max_cell => 16 * MIB);
my $well = $worker->connect;

# A publish of 15 MiB, as far as its first half; then the rest of it.
sub begin ($client, $table) {
    $client->send(op => 'add_table_data', id => 1,
        flags => Qasino::Frame::MORE, body => qq({"op": "add_table_data",)
            . qq("identity": "memory", "table": {"tablename": "$table",)
            . '"column_names": ["a"], "column_types": ["text"], "rows": [["'
            . HALF);
}

sub end ($client) {
    $client->send(type => Qasino::Frame::DATA, id => 1,
        body => HALF . '"]]}}');
}

sub answer_to ($client) {
    my ($answer) = $client->answers(1);

    return $answer;
}

# What one connection has sent is all taken when its next request is done.
sub is_taken ($client) {
    my $answer = $client->request(op => 'generation_signal', id => 2);

    return $answer->{status} == 200;
}

# One at a time: as large as max_body allows, whatever publish_memory says.
for my $n (1 .. 3) {
    begin($well, "alone$n");
    end($well);
    is(answer_to($well)->{status}, 200, "large and alone, $n");
}

# Ten at once: two halves fit, and the third would be too much.
{
    my @clients = map { $worker->connect } 1 .. 10;
    my %count;

    for my $n (0 .. 9) {
        begin($clients[$n], "half$n");
        ok(is_taken($clients[$n]), "half a body, $n");
    }

    is($worker->publish('small', { tablename => 'small',
        column_names => ['a'], column_types => ['int'],
        rows => [[1]] })->{response_op}, 'ok', 'a small publish meanwhile');
    $well->send(op => 'add_table_data', id => 3, flags =>
        Qasino::Frame::MORE, body => '{"op": "add_table_data", ');
    $well->send(type => Qasino::Frame::DATA, id => 3,
        body => '"identity": "pieces", "table": {"tablename": "pieces", '
            . '"column_names": ["a"], "column_types": ["int"],'
            . '"rows": [[1]]}}');
    is(answer_to($well)->{status}, 200, '... one in pieces, too');

    # the first leaves its room to the second, being too large beside it
    for my $n (0 .. 9) {
        end($clients[$n]);

        my $answer = answer_to($clients[$n]);

        $count{$answer->{status}}++;
        next if $answer->{status} == 200;
        like($answer->{body}, qr/publish_memory/, 'it is refused by name');
        is($answer->{args}{retry_after}, 1, '... for the moment');
    }

    is_deeply(\%count, { 200 => 1, 503 => 9 }, 'one of ten is taken');

    for my $n (0, 9) {
        begin($clients[$n], "again$n");
        end($clients[$n]);
        is(answer_to($clients[$n])->{status}, 200, "it is next time, $n");
    }
}

# Who leaves in the middle leaves its room, too.
{
    for my $round (1 .. 3) {
        my @clients = map { $worker->connect } 1 .. 2;

        for my $n (0 .. 1) {
            begin($clients[$n], "left$n");
            is_taken($clients[$n]);
        }

        $_->close for @clients;
    }

    wait_until('room for a large one', sub {
        begin($well, 'after');
        end($well);
        return answer_to($well)->{status} == 200;
    });
    pass('bodies that were left in the middle');
}

# A body that is too long is not kept: it leaves its room at once.
{
    my $long = $worker->connect;

    begin($long, 'long');
    $long->send(type => Qasino::Frame::DATA, id => 1,
        flags => Qasino::Frame::MORE, body => HALF) for 1 .. 2;
    ok(is_taken($long), 'a body longer than max_body');
    begin($well, 'beside');
    end($well);
    is(answer_to($well)->{status}, 200, '... is not in the way');
    end($long);
    my $answer = answer_to($long);
    is($answer->{status}, 413, '... and is refused');
    like($answer->{body}, qr/max_body/, '... by name');
}

# A body of so many bytes, as far as its last ones, then those; of one client
# over several connections.
sub begin_of ($client, $who, $bytes) {
    $client->send(op => 'add_table_data', id => 1,
        flags => Qasino::Frame::MORE, args => { client => $who },
        body => '{"identity": "' . $who . '", "comment": "' . 'x' x $bytes);
    is_taken($client);
}

sub end_of ($client) {
    $client->send(type => Qasino::Frame::DATA, id => 1, body => '", "table": {'
        . '"tablename": "of_clients", "column_names": ["a"], "column_types":'
        . ' ["int"], "rows": [[1]]}}');

    return answer_to($client)->{status};
}

# One that has all that one may have is not in the way of another; two that
# have all that there is are, until it is seen that they do not go on.
{
    my @greedy = map { $worker->connect } 1 .. 3;
    my $other = $worker->connect;

    begin_of($greedy[$_], 'greedy', MIB * (7.5, 7.5, 0.9)[$_]) for 0 .. 2;
    begin_of($other, 'other', MIB / 2);
    is(end_of($other), 200, 'one client does not have all the room');

    my $second = $worker->connect;
    my $third = $worker->connect;

    begin_of($second, 'second', MIB);
    begin_of($third, 'third', MIB / 2);
    is(end_of($third), 503, 'two have');
    wait_until('room for a third', sub {
        begin_of($third, 'third', MIB / 2);
        return end_of($third) == 200;
    });
    is(end_of($greedy[0]), 503, 'who did not go on has lost it');
    is(end_of($second), 200, 'who was not in the way has not');
}

# The worker stops in the very moment in which clients leave.
{
    my $stops = start_worker(generation_duration => 3600);
    my @clients = map { $stops->connect } 1 .. 4;

    begin_of($_, 'leaves', 100_000) for @clients;
    kill 'STOP', $stops->pid;
    $_->close for @clients;
    kill 'TERM', $stops->pid;
    is($stops->stop('CONT'), '', 'a stop while bodies are given up');
}

done_testing();
