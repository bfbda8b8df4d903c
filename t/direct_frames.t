# The socket on which nginx asks past the worker, against those who are not
# nginx or do not do as it does: what is not a query ends its own connection,
# and nobody waits for another.

use v5.36;

use Test::More;

use Qasino::Frame qw(encode);
use Qasino::Process qw(slurp wait_until);
use Qasino::Worker;

use constant HELD => 16 << 20;  # OUTLET_HOLD_BYTES
use constant PEERS => 200;      # PEERS_MAX

my $worker = start_worker(generation_duration => 3600, nginx_workers => 1);
my $path = $worker->run_dir . '/query.sock';

sub peer () { Qasino::Frame->connect($path) }

# Until the process is there connections are closed.
sub wait_peer () {
    my $peer;

    wait_until('an answer', sub {
        $peer = peer();
        my $answer = eval { $peer->query('select 1') };
        return $answer && $answer->{status} == 200;
    });

    return $peer;
}

# The one that has them.
sub process () {
    return grep { (readlink "/proc/$_/fd/4" // '') =~ /qasino-counts/ }
        map { split ' ', slurp($_) }
        glob '/proc/' . $worker->pid . '/task/*/children';
}

my $standing = wait_peer();
my ($pid) = process();

sub unharmed ($after) {
    my $answer = $standing->query("select 'well' as state");

    ok($answer && $answer->{body} =~ /"well"/ && "@{[process()]}" eq $pid,
        $after);
}

is(sprintf('%o', (stat $path)[2] & 0777), '600',
    'the socket is for nobody else');

# A query.
{
    my $peer = peer();
    my $answer = $peer->query('select 8 as n');
    my $worker_answer = $worker->connect->query('select 8 as n');

    is($answer->{status}, 200, 'a query');
    is($answer->{body}, $worker_answer->{body}, '... answered as ever');
    ok(defined $answer->{args}{cost}, '... and what it took');
    ok(!defined $worker_answer->{args}{cost}, '... which others do not get');
    is($answer->{args}{generation}, $worker_answer->{args}{generation},
        '... of the same generation');

    my $error = $peer->query('select nosuch');
    is($error->{status}, 400, 'an error');
    ok(defined $error->{args}{cost}, '... has taken its time, too');
    is($peer->request(op => 'query')->{status}, 400,
        'no statement: an error');

    for my $moved ('with recursive n(i) as (select 1 union all select i + 1'
        . ' from n) select max(i) from n', 'select hex(zeroblob(200000))',
        "select '" . 'x' x 70_000 . "'")
    {
        my $answer = $peer->query($moved);
        is("$answer->{status} $answer->{flags}", '421 0',
            'slow, or too long: not here');
        ok(defined $answer->{args}{cost}, '... and what it took');
    }

    my $id = $peer->send(op => 'query', args => { sql => 'select 9' });
    $peer->send(type => Qasino::Frame::CANCEL, id => $id);
    $peer->send(type => Qasino::Frame::CANCEL, id => 12345);
    $answer = $peer->receive;
    is("$answer->{id} $answer->{status}", "$id 200",
        'nothing is worth to be cancelled');

    # at once: while its answers are not read, no more is taken of it
    $peer->send_raw(join '', map {
        encode(op => 'query', id => $_, args => { sql => "select $_ as n" })
    } 1 .. 1000);
    my @answers = $peer->answers(1000);
    is(scalar(grep { $answers[$_ - 1]{id} == $_
        && $answers[$_ - 1]{body} =~ /\[\["$_"\]\]/ } 1 .. 1000), 1000,
        'a thousand at once, in their order');

    $peer->send_raw($_) for split //,
        encode(op => 'query', args => { sql => 'select 10 as n' });
    like($peer->receive->{body}, qr/"10"/, 'byte by byte');
}

# Whatever is no query: closed, alone.
{
    my $sql = { sql => 'select 1' };
    my %wrong = (
        (map { ("op $_" => encode(op => $_, args => $sql)) } qw(none
            add_table_data name_value_update get_table_list
            generation_signal subscribe snapshot claim peer unknown)),
        'a snapshot of one\'s own' => encode(op => 'query',
            args => { %$sql, snapshot => '/etc/passwd' }),
        'a deadline of one\'s own' => encode(op => 'query',
            args => { %$sql, deadline => 3_600_000 }),
        'DATA' => encode(type => Qasino::Frame::DATA),
        'a response' => encode(type => Qasino::Frame::RESPONSE),
        'an event' => encode(type => Qasino::Frame::EVENT),
        'an unknown type' => encode(type => 99),
        'who asks' => encode(type => Qasino::Frame::ASKER,
            args => { client => 'somebody' }),
        'wrong magic' => encode(magic => 'QSNX'),
        'wrong version' => encode(version => 2),
        'more arguments than allowed' =>
            encode(args_length => Qasino::Frame::ARGS_MAX + 1),
        'a larger body than allowed' =>
            encode(body_length => Qasino::Frame::BODY_MAX + 1),
        'an argument of all ones' => encode(op => 4, args => "\xff" x 8),
        'half an argument' => encode(op => 4, args => "\3\0\0\0"),
        'HTTP' => "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" . ' ' x 32,
        'garbage' => join('', map { chr(($_ * 131 + 7) % 256) } 1 .. 5000),
    );

    for my $name (sort keys %wrong) {
        my $peer = peer();

        $peer->send_raw($wrong{$name});
        ok($peer->closed, "$name: closed");
        unharmed("$name: unharmed");
    }

    # also where something good came before: that may be answered, or not
    my $peer = peer();
    $peer->send_raw(encode(op => 'query', args => $sql)
        . encode(op => 'subscribe', id => 2));
    my $answer = $peer->receive;
    ok(!$answer || $answer->{status} == 200 && $peer->closed,
        'a query, then something else: the end');
    unharmed('... of that one');

    for my $length (0 .. length(encode(op => 'query', args => $sql)) - 1) {
        my $cut = peer();

        $cut->send_raw(substr encode(op => 'query', args => $sql), 0,
            $length);
        $cut->close;
    }
    unharmed('a frame cut off at each of its bytes');
}

# Who does not read: its answers are kept, to a limit, and others go on.
{
    my $size = 100_000;
    my $long = 'select hex(zeroblob(' . $size / 2 . '))';
    my $few = int HELD / $size * 0.9;
    my $asleep = peer();
    my $dead = peer();

    $asleep->send(op => 'query', args => { sql => $long }) for 1 .. $few;
    unharmed('beside one that does not read');
    $dead->send_raw(join '', map {
        encode(op => 'query', id => $_, args => { sql => $long })
    } 1 .. 2 * $few);
    unharmed('beside another, which has asked for too much');

    my @answers = $asleep->answers($few);
    is(scalar(grep { $_->{status} == 200 && length $_->{body} > $size }
        @answers), $few, 'who was asleep gets it all');
    like($asleep->query('select 11 as n')->{body}, qr/"11"/,
        '... and may go on');
    is($dead->answers(2 * $few), undef, 'the other was cut off');
    unharmed('after them');
}

# Those who leave without their answers.
for (1 .. 20) {
    my $leaver = peer();

    $leaver->send(op => 'query', args => { sql => "select $_" })
        for 1 .. 100;
    $leaver->close;
}
unharmed('after those who left');

# There is room for so many; later for others.
{
    my @peers = map { peer() } 1 .. PEERS + 10;
    my @answers = map { eval { $_->query('select 12 as n') } } @peers;
    my $room = grep { $_ && $_->{status} == 200 } @answers;

    is($room, PEERS - 1, 'so many have room beside the first');
    unharmed('... which is as well as ever');
    $_->close for @peers;
    ok(wait_peer(), '... and others when they have gone');
    unharmed('after them');
}

# It dies, and its connections with it.
{
    kill 'KILL', $pid;
    ok($standing->closed, 'when it dies its connections end');
    $standing = wait_peer();
    ($pid) = process();
    unharmed('... and the next one has new ones');
    like($worker->connect->query('select 13 as n')->{body}, qr/"13"/,
        'the worker was not concerned');
}

done_testing();
