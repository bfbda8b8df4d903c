# Queries that never end: 504 at the deadline, the process killed at twice
# the deadline, and the others go on meanwhile.

use v5.36;

use Test::More;

use Qasino::Process qw(now);
use Qasino::Server;

use constant ENDLESS => 'with recursive n(i) as (select 1 union all'
    . ' select i + 1 from n) select max(i) from n';

# One opcode that computes for half a minute, which nothing in the process
# stops: with values as large as by default there is none.
use constant STUCK => "select hex(zeroblob(50000000)) glob '*' ||"
    . " substr(hex(zeroblob(200)), 1, 250) || 'x'";

my $server = start_server(generation_duration => 2, query_deadline => 1,
    query_slow_processes => 0,
    max_cell => '256m', query_heap => '1g');

# Runs a query in a process of its own; returns a handle of its answer.
sub background ($sql) {
    my $pid = open(my $out, '-|') // die "fork: $!";

    if (!$pid) {
        my $answer = $server->query($sql);
        print encode_json($answer), "\n";
        close STDOUT;
        POSIX::_exit(0);
    }

    return $out;
}

sub answer ($out) {
    my $answer = decode_json(scalar <$out>);
    close $out;

    return $answer;
}

# How often others are answered until the query is.
sub others_until ($out) {
    my $others = 0;
    my $select = IO::Select->new($out);

    until ($select->can_read(0)) {
        my $reply = $server->query('select 1');

        if ($reply->{status} != 200) {
            diag(explain($reply));
            return 0;
        }
        $others++;
    }

    return $others;
}

# One that can be interrupted.
{
    my @before = $server->pids('qasino-query');
    my $out = background(ENDLESS);

    cmp_ok(others_until($out), '>', 5, 'others are answered meanwhile');

    my $answer = answer($out);
    is($answer->{status}, 504, 'a runaway query: 504');
    is($answer->{response_op}, 'error', '... with the JSON error');
    like($answer->{error_message}, qr/query_deadline/,
        '... that names the option');
    is($answer->{identity}, 'test-server', '... and the server');
    is_deeply([$server->pids('qasino-query')], \@before,
        '... and its process lives on');
}

# As text.
{
    my $answer = $server->http_get('/request?op=query&format=text&sql='
        . ENDLESS =~ s/ /%20/gr =~ s/\+/%2b/gr);

    is($answer->{status}, 504, 'format=text: 504');
    unlike($answer->{content}, qr/[{}]/, '... as text');
}

# One that can't be.
{
    my %before = map { $_ => 1 } $server->pids('qasino-query');
    my $start = now();
    my $out = background(STUCK);

    cmp_ok(others_until($out), '>', 5, 'others are answered meanwhile');

    my $answer = answer($out);
    is($answer->{status}, 504, 'a query that can not be interrupted: 504');
    is($answer->{response_op}, 'error', '... with the JSON error');
    cmp_ok(now() - $start, '>=', 1.9, '... at twice the deadline');

    Qasino::Process::wait_until('a new query process', sub {
        my @now = $server->pids('qasino-query');
        return @now == 2 && grep { !$before{$_} } @now;
    });
    pass('... its process is replaced');

    # It is remembered until the next generation; its like is not.
    $server->wait_generation;
    is(answer(background(STUCK . ' as again'))->{status}, 504,
        'so does another one');
    my $again = answer(background(STUCK . ' as again'));
    my $later = $server->generation;
    SKIP: {
        skip 'a generation ended meanwhile', 2 if $again->{status} == 504;
        is($again->{status}, 403, 'once more the same: refused');
        like($again->{error_message}, qr/query_deadline.*next generation/,
            '... and why');
    }
    isnt($server->wait_generation, $later, 'in the next generation');
    is(answer(background(STUCK . ' as again'))->{status}, 504,
        '... it may try again');
}

# More of them than there are processes: everyone is answered, also who waited
# in vain for a process.
{
    my @all = map { background($_ % 2 ? ENDLESS : STUCK) } 1 .. 6;

    like("$_->{status} $_->{response_op}", qr/^(50[34]|403) error$/,
        'one of many is answered') for map { answer($_) } @all;
    is($server->value('select 1'), '1', 'and then the server is free again');
}

# On the line port and over ZeroMQ.
like($server->line(ENDLESS . ";\r\n"), qr/query_deadline/,
    'a runaway on the line port');
like($server->zmq('print(json.dumps(req({"op": "query", "sql": "'
    . ENDLESS . '"})[0]))'), qr/query_deadline/, 'a runaway over ZeroMQ');

done_testing();
