# Quick queries go past the worker, to processes that nginx asks itself.  It
# can be told by this: they are answered while the worker is stopped.  All
# else goes to the worker, and so does everything while such a process is not
# there or does not answer; whoever asks sees no difference.

use v5.36;

use Test::More;

use Qasino::Askers;
use Qasino::Hostile qw(bombs);
use Qasino::Process qw(slurp spew temp_dir top_dir wait_until);
use Qasino::Response qw(is_text);
use Qasino::Server;
use Qasino::Visitor;

# /brief is one that nginx gives up on early, to see that the worker was
# asked.  Nothing is cached, or most of this would come from there.
my $locations = join '', map {
    my ($name, @directives) = @$_;
    "location = /$name { qasino_pass qasino_worker; qasino_cache off;"
        . " @directives }\n"
} ['request'], ['off', 'qasino_direct off;'],
    ['brief', 'qasino_read_timeout 1s;'],
    ['brief_off', 'qasino_direct off;', 'qasino_read_timeout 1s;'],
    ['single', 'qasino_multiplex off;', 'qasino_read_timeout 1s;'];

my $dir = temp_dir();
spew("$dir/nginx.conf", slurp(top_dir() . '/conf/nginx.conf')
    =~ s/^\s*include\s\S+;.*$/$locations/mr);

my $server = start_server(generation_duration => 3600, query_deadline => 60,
    nginx_conf => "$dir/nginx.conf");
my $worker = $server->pid_of('qasino-worker');
my $addresses = 0;

# Another client each time: one that is on no list of anybody's.
sub address () {
    $addresses++;
    return '127.200.' . ($addresses >> 8) . '.' . ($addresses & 255);
}

sub client () { Qasino::Visitor->new($server, address()) }

sub get ($location, $sql, %more) {
    my $client = delete $more{client} // client();

    return $client->get(Qasino::Visitor::target($location, $sql, %more));
}

# Each of nginx's workers has a connection to one of them.
sub wait_links () {
    return wait_until('links of both nginx workers', sub {
        get('request', 'select 1');
        return $server->direct_links == 2;
    });
}

# How many of ten queries are answered without the worker; none is tried
# after one that was not.
sub past ($location, %more) {
    my $right = 0;

    kill 'STOP', $worker;
    for my $n (1 .. 10) {
        my $answer = get($location, "select $n as n", %more);

        last if $answer->{status} != 200
            || $answer->{content} !~ /\[\["$n"\]\]/;
        $right++;
    }
    kill 'CONT', $worker;

    return $right;
}

sub wait_past ($what) {
    return wait_until("queries to go past the worker $what",
        sub { wait_links() && past('brief') == 10 });
}

$server->published('host1', table(t => [a => 'int'], [1], [2]),
    static => 1);
$server->wait_answer;

# Which way.
{
    ok(wait_past('at first'), 'quick queries need no worker');
    is(past('brief_off'), 0, 'qasino_direct off: they do');
    is(past('single'), 0, 'qasino_multiplex off: they do');
    $server->wait_answer;

    kill 'STOP', $worker;
    my $answer = $server->http_get('/brief?op=get_table_list');
    is($answer->{status}, 504, 'a list of tables is the worker\'s');
    $answer = $server->http_post('/brief?op=query', { sql => 'select 1' });
    is($answer->{status}, 504, 'so is a query in a body');
    kill 'CONT', $worker;
    $server->wait_answer;
}

# What the process gives back, or answers with an error, looks as if it had
# never been asked: the first time, when nothing is known of it, and later.
{
    my $many = 'with recursive n(i) as (select 1 union all select i + 1'
        . ' from n limit';
    my $overflow = 'abs(-9223372036854775807 - 1)';
    my %cases = (
        'quick' => 'select a from t order by a',
        'of several types' => "select 1, 2.5, null, 'x', x'01'",
        'no rows' => 'select a from t where a > 5',
        'slow' => "$many 300000) select max(i) from n",
        'slow and long' => "$many 100000) select i from n",
        'at once and long' => 'select hex(zeroblob(200000))',
        'nearly too long' => 'select hex(zeroblob(130000))',
        'a column nobody knows' => 'select nosuch from t',
        'no SQL' => 'selct 1',
        'empty' => '',
        'two statements' => 'select 1; select 2',
        'a forbidden function' => "select load_extension('x')",
        'a write' => 'delete from t',
        'a pragma' => 'pragma journal_mode',
        'too long a statement' => "select '" . 'x' x 80_000 . "'",
        'an error in its first row' => "select $overflow",
        'an error in a later row' =>
            "$many 9) select case i when 5 then $overflow else i end from n",
        'too large a cell' => 'select length(zeroblob(2147483647))',
        'too much memory' => 'select length(group_concat(a.i)) from'
            . " ($many 100000) select i from n) a",
        'show tables' => 'show tables',
        'desc' => 'desc t',
        'quit' => 'quit',
        'a statement with NUL' => "select 1\0",
        'no UTF-8' => "select '\xff'",
    );

    for my $name (sort keys %cases) {
        for my $more ('', 'format=text', 'format=html', 'values=native',
            'format=nonsense')
        {
            my @more = split /=/, $more;
            my $client = client();
            my @answers = map { get($_, $cases{$name}, @more,
                client => $client) } qw(off request request);
            my ($wanted, @got) = map {
                delete @{$_->{headers}}{qw(date cache-control expires)};
                [@$_{qw(status content headers)}];
            } @answers;

            for my $answer (@got) {
                is($answer->[0], $wanted->[0], "$name $more: status");
                is_text($answer->[1], $wanted->[1], '... content');
                is_deeply($answer->[2], $wanted->[2], '... headers');
            }
        }
    }
}

# What is not the same twice.
{
    my %seen = map { (get('request', 'select random()')->{content}, 1) }
        1 .. 20;
    is(scalar keys %seen, 20, 'a statement that is run each time');
}

# Of two processes each has one of nginx's workers, whatever ended before.
sub peers ($pid) {
    # one socket is the worker's
    return -1 + grep { (readlink $_ // '') =~ /^socket:/ }
        glob "/proc/$pid/fd/*";
}

sub wait_one_each ($what) {
    return ok(wait_until("one nginx worker for each process $what", sub {
        wait_links();
        return !grep { peers($_) != 1 } $server->direct_pids;
    }), "each nginx worker has a process to itself $what");
}

# Theirs are others than those.
sub wait_others (@before) {
    my %before = map { ($_ => 1) } @before;

    wait_until('others', sub { !grep { $before{$_} } $server->direct_pids });
}

is(scalar $server->direct_pids, 2, 'there are two processes');
wait_one_each('at first');

# Its death is nobody's matter.
{
    my $askers = Qasino::Askers->start($server, count => 4, roam => 1);

    for my $n (1 .. 8) {
        my $pid = ($server->direct_pids)[$n % 2];

        $askers->wait_answers(200);
        kill 'KILL', $pid;
        wait_others($pid);
        wait_one_each("after a death");
    }

    $askers->wait_answers(200);
    is_deeply([$askers->finish], [], 'killed: no query fails');
    ok(wait_past('after its death'), '... and the next one is asked');
}

# It hangs.
{
    my @pids = $server->direct_pids;
    my $askers = Qasino::Askers->start($server, count => 4, roam => 1);

    for my $n (1 .. 4) {
        my @hang = $n > 2 ? @pids : $pids[$n % 2];

        $askers->wait_answers(100);
        kill 'STOP', @hang;
        $askers->wait_answers(100);
        is_deeply([$server->direct_pids], \@pids, scalar(@hang) . ' hang');
        kill 'CONT', @hang;
    }

    $askers->wait_answers(100);
    is_deeply([$askers->finish], [], '... and no query fails');
    ok(wait_past('when it goes on'), '... it is asked again');
    is_deeply([$server->direct_pids], \@pids, '... being the same');
    wait_one_each('after that');
}

# One call that nothing can interrupt takes it with it.  The worker does what
# it should have done.
{
    my ($glob) = map { $_->[1] } grep { $_->[0] eq 'GLOB that backtracks' }
        bombs();
    my $askers = Qasino::Askers->start($server, count => 2, roam => 1);
    my $ask_and_end = sub ($client) {
        wait_links();
        my @pids = $server->direct_pids;

        my $answer = get('request', "$glob as x", client => $client);

        is($answer->{status}, 200, 'a call that takes long is answered');
        like($answer->{content}, qr/\[\["0"\]\]/, '... right');
        wait_until('the end of the process', sub {
            join(' ', $server->direct_pids) ne "@pids" });
    };

    $ask_and_end->(client()) for 1 .. 3;

    # On one connection, for each nginx worker finds out by itself.
    ok(wait_until('a client that is sent to the worker for a while', sub {
        my $client = client();

        $ask_and_end->($client);
        wait_links();

        return past('brief', client => $client) == 0;
    }), 'whoever asked that needs the worker for all');
    ok(wait_past('of others'), '... others do not');

    $askers->wait_answers(50);
    is_deeply([$askers->finish], [], 'others are answered meanwhile');
    like($server->log_text, qr/a query that should be quick does not end/,
        'the process has said why it ended');
}

# nginx's workers go and come.
{
    my $askers = Qasino::Askers->start($server, count => 4, roam => 1);

    for my $round (1 .. 3) {
        my @before = $server->pids('nginx-worker');

        $askers->wait_answers(100);
        kill 'HUP', $server->pid_of('nginx-master');
        wait_until('other nginx workers', sub {
            !grep { Qasino::Server::alive($_) } @before });
    }

    $askers->wait_answers(100);
    is_deeply([$askers->finish], [], 'a reload: no query fails');
    ok(wait_past('after a reload'), '... and the new ones have the way, too');
    wait_one_each('after a reload');
    unlike($server->log_text, qr/open socket .* left/,
        'the old ones closed their connections');
}

# So does the worker, who has the socket.
{
    $server->kill_and_wait('qasino-worker');
    $worker = $server->pid_of('qasino-worker');
    $server->wait_answer;
    ok(wait_past('of another worker'), 'another worker, another process');
}

done_testing();
