# The worker's socket against clients that break its protocol, leave early or
# ask a lot at once.  After each the worker is the same process and answers.

use v5.36;

use Test::More;

use Qasino::Frame qw(encode);
use Qasino::Process qw(wait_until);
use Qasino::Worker;

use constant ENDLESS => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n) select max(i) from n';

# nothing here may be over because a deadline was
my $worker = start_worker(generation_duration => 1, query_processes => 2,
    query_deadline => 3600);
my $pid = $worker->pid;
my $standing = $worker->connect;

sub publish_frame ($table, %more) {
    return encode(op => 'add_table_data', %more,
        body => qq({"op": "add_table_data", "identity": "frames", "table": )
            . qq({"tablename": "$table", "column_names": ["a"], )
            . qq("column_types": ["int"], "rows": [[1]]}}));
}

sub unharmed ($after) {
    my $answer = $standing->query("select 'well' as state");

    ok($answer && $answer->{body} =~ /"well"/ && kill(0, $pid), $after);
}

sub tables () {
    return { map { $_->[0] => 1 } @{$worker->rows(
        'select tablename from qasino_server_tables')} };
}

unharmed('a connection works');

# Frames that break the format: the connection is closed without a word.

my $query = encode(op => 'query', args => { sql => 'select 1' });
my %broken = (
    'wrong magic' => encode(magic => 'QSNX'),
    'wrong version' => encode(version => 2),
    'type 0' => encode(type => 0),
    'unknown type' => encode(type => 99),
    'a type only the worker sends' => encode(type => Qasino::Frame::RESPONSE),
    'an event from a client' => encode(type => Qasino::Frame::EVENT),
    'DATA of no request' => encode(type => Qasino::Frame::DATA, id => 7),
    'more arguments than allowed' =>
        encode(args_length => Qasino::Frame::ARGS_MAX + 1),
    'all the arguments a number can say' => encode(args_length => 0xffffffff),
    'a larger body than allowed' =>
        encode(body_length => Qasino::Frame::BODY_MAX + 1),
    'all the body a number can say' =>
        encode(body_length => ~0),
    'an argument longer than the arguments' =>
        encode(op => 4, args => pack('v v V a4', 3, 0, 5, 'abcd')),
    'an argument of all ones' => encode(op => 4, args => "\xff" x 8),
    'half an argument header' => encode(op => 4, args => "\3\0\0\0"),
    'an unknown argument' =>
        encode(op => 4, args => pack('v v V a4', 31, 0, 4, 'abcd')),
    'an argument tag past the table' =>
        encode(op => 4, args => pack('v v V a4', 65535, 0, 4, 'abcd')),
    'an id in flight twice' => encode(op => 'query', id => 5,
        flags => Qasino::Frame::MORE) x 2,
    'HTTP' => "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" . ' ' x 32,
    'garbage' => join('', map { chr(($_ * 131 + 7) % 256) } 1 .. 5000),
);

for my $name (sort keys %broken) {
    my $client = $worker->connect;

    $client->send_raw($broken{$name});
    ok($client->closed, "$name: closed");
    unharmed("$name: unharmed");
}

# What was whole before the broken frame is answered or not, never in halves.
{
    my $client = $worker->connect;

    $client->send_raw($query . encode(magic => 'oops'));
    my $answer = $client->receive;
    ok(!$answer || $answer->{body} =~ /"rows"/,
        'a good frame before a broken one');
    ok(!$answer || $client->closed, '... and then the end');
}

# Requests that can't be done are answered, and the connection goes on.

my $client = $worker->connect;

for my $case (
    ['an unknown op', { op => 'unknown' }, qr/Unrecognized operation/],
    ['no op', { op => 'none' }, qr/op/],
    ['an op only a query process takes',
     { op => 'snapshot', args => { snapshot => '/etc/passwd' } }, qr/./],
    ['a query without SQL', { op => 'query' }, qr/sql/],
    ['a body that is no JSON', { op => 'add_table_data', body => '{' },
     qr/pars/i],
    ['an empty body', { op => 'add_table_data' }, qr/./],
    ['a statement past its limit',
     { op => 'query', args => { sql => 'select ' . '1,' x 50000 . '1' } },
     qr/query_max_sql/],
    ['SQL with a NUL', { op => 'query', args => { sql => "select 1\0, 2" } },
     qr/./],
) {
    my ($name, $request, $text) = @$case;
    my $answer = $client->request(%$request);

    ok($answer && $answer->{status} >= 400 && $answer->{status} < 500
        && $answer->{body} =~ /"response_op": *"error"/
        && $answer->{body} =~ $text, "$name is an error")
        or diag(explain($answer));
}

like($client->query('select 8 as n')->{body}, qr/"8"/,
    'and the connection goes on');

# A frame cut off anywhere does nothing.

my $frame = publish_frame('cut_off');

for my $length (0 .. length($frame) - 1) {
    my $cut = $worker->connect;

    $cut->send_raw(substr $frame, 0, $length);
    $cut->close;
}

unharmed('a frame cut off at each of its bytes');

# A body cut off in the middle of its frames.
{
    my $cut = $worker->connect;

    $cut->send_raw(publish_frame('cut_body', flags => Qasino::Frame::MORE));
    $cut->close;
    unharmed('a body that never ends');
}

# Byte by byte is as good as at once.
{
    my $slow = $worker->connect;

    $slow->send_raw($_) for split //, publish_frame('by_bytes');
    like($slow->receive->{body}, qr/"ok"/, 'a frame sent byte by byte');
}

# Two long bodies, piece by piece, in turns.
{
    my $turns = $worker->connect;
    my %pieces = map {
        my $table = "turns_$_";
        ($_ => ['{"op": "add_table_data", "identity": "turns", ',
                qq("table": {"tablename": "$table", "column_names": ["a"],),
                '"column_types": ["int"], "rows": [[',
                join('],[', 1 .. 1000), ']]}}'])
    } 1, 2;

    $turns->send(op => 'add_table_data', id => $_,
        flags => Qasino::Frame::MORE) for 1, 2;

    for my $i (0 .. 4) {
        $turns->send(type => Qasino::Frame::DATA, id => $_,
            flags => $i < 4 ? Qasino::Frame::MORE : 0,
            body => $pieces{$_}[$i]) for 2, 1;
    }

    my @answers = $turns->answers(2);
    is(scalar(grep { $_->{body} =~ /"ok"/ } @answers), 2,
        'two long bodies in turns');
}

$worker->wait_generation;
is($worker->rows('select count(*), sum(a) from turns_1')->[0][1], 500500,
    '... and all of it is in');

my $tables = tables();
ok($tables->{by_bytes}, 'the frame sent byte by byte is in');
ok(!$tables->{cut_off} && !$tables->{cut_body}, 'what was cut off is not');

# A slow query holds up nobody: answers come out of order.
{
    my $many = $worker->connect;
    my $slow = $many->send(op => 'query', args => { sql => ENDLESS });
    my %wanted = map {
        ($many->send(op => 'query', args => { sql => "select $_ as n" }), $_)
    } 1 .. 200;
    my @answers = $many->answers(200);

    is(scalar(grep { $_->{body} =~ /\[\["$wanted{$_->{id}}"\]\]/ } @answers),
        200, '200 answers while a slow query runs, each to its id');

    $many->send(type => Qasino::Frame::CANCEL, id => $slow);
    my ($cancelled) = $many->answers(1);
    is($cancelled->{id}, $slow, 'the cancelled one is answered too');
    cmp_ok($cancelled->{status}, '>=', 400, '... with an error');
    like($many->query('select 3', id => $slow)->{body}, qr/"3"/,
        '... and its id is free again');
}

# Who leaves before the answer gives the query process back: each of these
# would occupy one for an hour.
for (1 .. 6) {
    my $leaver = $worker->connect;

    $leaver->send(op => 'query', args => { sql => ENDLESS });
    $leaver->close;
}

unharmed('clients that left before their answers');

# So do those who leave in the middle of a long result.
for (1 .. 6) {
    my $leaver = $worker->connect;

    $leaver->send(op => 'query', args => { sql => 'with recursive n(i) as'
        . ' (select 1 union all select i + 1 from n) select i from n' });
    sysread $leaver->socket, my $some, 100000;
    $leaver->close;
}

unharmed('clients that left in the middle of a result without end');

# Thousands of requests at once on one connection.
{
    my $busy = $worker->connect;
    my $writer = fork() // die "fork: $!";

    if ($writer == 0) {
        my $all = join '', map {
            encode(op => 'query', id => $_, args => { sql => "select $_ n" })
        } 1 .. 5000;
        POSIX::_exit($busy->send_raw($all) ? 0 : 1);
    }

    my @answers = $busy->answers(5000);
    waitpid $writer, 0;
    is($?, 0, 'thousands of requests are taken');
    is(scalar(grep { $_->{body} =~ /\[\["$_->{id}"\]\]/ } @answers), 5000,
        '... and answered, each to its id');
}

# Subscribers hear of each rotation, in order.
{
    my $subscriber = $worker->connect;
    my $answer = $subscriber->request(op => 'subscribe', id => 77);
    my @numbers;

    is($answer->{status}, 200, 'subscribed');

    for (1 .. 3) {
        my $event = $subscriber->receive;
        is("$event->{type} $event->{id}", Qasino::Frame::EVENT . ' 77',
            'an event with the id of the subscription');
        push @numbers, $event->{body} =~ /"generation_number": *(\d+)/;
    }

    ok(@numbers == 3 && $numbers[0] < $numbers[1]
        && $numbers[1] < $numbers[2], "strictly increasing: @numbers");
}

unharmed('at the end');
is($worker->pid, $pid, 'the same process');

done_testing();
