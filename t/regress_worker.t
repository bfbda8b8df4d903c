# Bugs that a review of the worker found: each once more, as it was found.

use v5.36;

use IO::Socket::UNIX;
use List::Util qw(max);
use Socket qw(SOCK_STREAM);
use Test::More;

use Qasino::Frame qw(encode);
use Qasino::Process qw(is_direct slurp spew wait_until);
use Qasino::Server qw(table encode_json decode_json);
use Qasino::Worker;

sub resident_kib ($pid) {
    return (slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m)[0] // 0;
}

# Pids of the worker's query processes.
sub query_pids ($worker) {
    my @pids = map { m{/proc/(\d+)/} ? $1 : () }
        grep { slurp($_) =~ /^\d+ \(.*\) [^ZX] @{[$worker->pid]} /s }
        glob '/proc/[0-9]*/stat';

    return sort { $a <=> $b } grep { !is_direct($_) } @pids;
}

sub stores ($worker) {
    my @files = sort glob
        "$worker->{settings}{db_dir}/qasino_table_store_*.db";

    return @files;
}

# Memory is measured: what ASan keeps back after it is freed does not count.
$ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (),
    'quarantine_size_mb=8';

# A generation that ends when the test says so: by the worker's start anew.
my $worker = start_worker(generation_duration => 3600);

# Keys of an object that nobody asks for are not the request's.
for my $case (
    [{ meta => { n => 1, op => 'query', sql => 'select 42' } },
     qr/No op specified/],
    [{ meta => [{ op => 'query' }, { sql => 'select 42' }] },
     qr/No op specified/],
    [{ a => { b => { c => 1 }, op => 'query' }, sql => 'select 42' },
     qr/No op specified/],
    [{ meta => { sql => 'select 42' }, op => 'query' }, qr/sql/],
    [{ op => 'query', sql => 'select 7', zzz => { sql => 'select 42' } },
     qr/"7"/],
    [{ op => 'add_table_data', identity => 'x',
       meta => { x => 1, table => table(nested => [a => 'int'], [1]) } },
     qr/no 'table'/],
    [{ op => 'add_table_data', table => table(nested => [a => 'int'], [1]),
       meta => { x => {}, identity => 'x' } }, qr/identity/],
    [{ op => 'add_table_data', identity => 'x', table => {
       table(nested => [a => 'int'], [1])->%*, tablename => undef,
       more => { x => 1, tablename => 'nested' } } }, qr/tablename/],
) {
    my ($body, $pattern) = @$case;
    my $text = encode_json($body);

    like($worker->connect->request(body => $text)->{body}, $pattern, $text);
}

# Key columns without end are refused, and nobody waits for that.
for my $names (join(';', map { "k$_" } 1 .. 100_000), 'k;' x 100_000,
    ';' x 200_000 . 'k', ' ' x 500_000 . 'nosuch')
{
    my $many = $worker->connect;
    my $other = $worker->connect;

    $many->send(op => 'add_table_data', body => encode_json({ update => 1,
        identity => 'x', keycols => $names, table => table(keys =>
            [map { ("k$_" => 'int') } 1 .. 900], [1 .. 900]) })) for 1 .. 3;
    like($other->query('select 3 as three')->{body}, qr/"3"/,
        'another request is answered beside 3 with ' . length($names)
        . ' bytes of key columns');

    my @answers = $many->answers(3);
    is(scalar(grep { $_->{status} == 400 && $_->{body} =~ /keycols|key column/
        } @answers), 3, '... which are refused') or diag($answers[0]{body});
}

# A statement past its limit is refused here: no query process sees it.
{
    # one more may be there for a moment, if the queries above took long
    my @pids;
    wait_until('the query processes to be two', sub {
        (@pids = query_pids($worker)) == 2 });
    my $long = 'select ' . join(', ', map { "'" . 'x' x 1000 . "'" }
        1 .. 300);

    is(scalar @pids, 2, 'two query processes');
    for my $request (
        [op => 'query', body => encode_json({ sql => $long })],
        [body => encode_json({ op => 'query', sql => $long })],
        [op => 'query', flags => Qasino::Frame::WRITE_DB,
         body => encode_json({ sql => $long })],
        [op => 'query', args => { sql => substr $long, 0, 200_000 }],
    ) {
        my $answer = $worker->connect->request(@$request);
        is($answer->{status}, 413, 'a statement of '
            . 'hundreds of kilobytes is refused');
        like(decode_json($answer->{body})->{error_message},
            qr/query_max_sql/, '... naming the limit');
    }
    is_deeply([query_pids($worker)], \@pids,
        '... by the worker: the query processes are the same');

    my $fits = 'select ' . '1,' x 1900 . '2 as two' . ' ' x 60_000;
    is($worker->connect->query($fits)->{status}, 200,
        'one below the limit is answered');
    unlike($worker->log_text, qr/query process \d+ (?:died|did not stop)/,
        '... and no process dies of any');
}

# Until the worker has seen that they are dead: then it has reaped them.
sub kill_query_processes (@pids) {
    kill 'KILL', @pids;
    wait_until('their end', sub { !grep { -e "/proc/$_" } @pids });
}

# A query process that dies after its answer: the next query goes to another.
{
    my @failed;

    for my $round (1 .. 20) {
        my $pids = wait_until('two query processes', sub {
            my @now = query_pids($worker);
            return @now == 2 && \@now;
        });
        my $client = $worker->connect;

        $client->query("select $round");
        kill_query_processes($pids->[$round % 2]);
        my $answer = $client->query("select $round + 1 as next");
        push @failed, "$round: $answer->{body}" if $answer->{status} != 200;
    }

    is_deeply(\@failed, [], 'a query process that dies idle fails no query');

    kill_query_processes(query_pids($worker));
    is($worker->connect->query('select 5')->{status}, 200,
        '... nor do all of them');
}

# Thousands of requests in one write: each is answered, and no more of them
# are in work at once than a connection may have.
{
    my $client = $worker->connect;
    my $count = 5000;
    my $statement = "select 'a statement of some length', ";
    my $all = join '', map { encode(op => 'query', id => $_,
        args => { sql => $statement . $_ }) } 1 .. $count;
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        $client->send_raw($all);
        POSIX::_exit(0);
    }

    my %answers = map { $_->{id} => $_ } $client->answers($count);
    waitpid $pid, 0;
    is(scalar(keys %answers), $count, "$count requests in one go: each is"
        . ' answered');
    is(scalar(grep { $answers{$_}{body} =~ /"$_"/ } keys %answers), $count,
        '... with its own result');
}

{
    # none of these ends by itself, and the queue is too short for all of
    # them: what is not taken is not refused either
    my $busy = start_worker(generation_duration => 3600, query_queue => 1500,
        query_deadline => 3600);
    my $client = $busy->connect;
    my $other = $busy->connect;
    my $all = join '', map { encode(op => 'query', id => $_,
        args => { sql => 'with recursive n(i) as (select 1 union all'
            . ' select i + 1 from n) select max(i) from n' }) } 1 .. 5000;

    $client->socket->blocking(0);

    for (my $stalled = 0; length $all && $stalled < 5; $stalled++) {
        my $n = syswrite $client->socket, $all;

        ($stalled = 0, substr $all, 0, $n, '') if $n;
        is($other->request(op => 'generation_signal')->{status}, 200,
            'another client is answered beside thousands of endless queries')
            if $stalled == 4 || !length $all;
        $other->request(op => 'generation_signal');
    }

    ok(!IO::Select->new($client->socket)->can_read(0),
        '... of which none was refused: at most 1024 are in work')
        or diag($client->receive->{body});
    $busy->stop;
}

# Likewise the one in front of copies of the open generation: it is nothing
# that more room would help.
{
    my $full = start_worker(generation_duration => 3600, query_queue => 1);
    my $client = $full->connect;

    $client->send_raw(join '', map { encode(op => 'query', id => $_,
        flags => Qasino::Frame::WRITE_DB, args => { sql => "select $_" }) }
        1 .. 5);

    my @refused = grep { $_->{status} != 200 } $client->answers(5);

    ok(scalar @refused, 'too many wait for a copy');
    is_deeply([map { [$_->{status}, $_->{args}{retry_after},
        $_->{body} =~ /query_queue/] } @refused], [([503, 1, 1]) x @refused],
        '... and may ask again');
    $full->stop;
}

# The queue is full of one client's: of one more it is theirs that is refused.
{
    my $full = start_worker(generation_duration => 3600, query_queue => 10,
        query_processes => 1, query_slow_processes => 0,
        query_deadline => 3600);
    my $crowd = $full->connect;
    my $other = $full->connect;
    my $refused = sub { scalar grep { $_->{status} == 503
        && $_->{body} =~ /query_queue/ } $crowd->answers($_[0]) };

    $crowd->send(op => 'query', args => { sql => 'with recursive n(i) as'
        . " (select $_ union all select i + 1 from n) select max(i) from n" })
        for 1 .. 31;
    is($refused->(20), 20, 'one runs, ten wait, the others are refused');

    $other->send(op => 'query', args => { sql => "select $_" }) for 1 .. 3;
    is($refused->(3), 3, 'three of another: three more of the crowd');
    close $crowd->socket;
    is(join(' ', map { $_->{status} } $other->answers(3)), '200 200 200',
        '... and they have their answers when it goes');
    $full->stop;
}

# A line client that asks and does not read: what it is owed is bounded.
{
    my $before = resident_kib($worker->pid);
    my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM,
        Peer => $worker->line_path) or die "line: $!";
    my $statement = "select '" . 'x' x 30_000 . "';\r\n";
    my $all = $statement x 3000;
    my $peak = 0;
    my $stalled = 0;

    $socket->blocking(0);

    # until nothing more is taken, however often another client is served
    while (length $all && $stalled < 20) {
        my $n = syswrite $socket, $all, 1 << 20;

        substr $all, 0, $n, '' if $n;
        $stalled = $n ? 0 : $stalled + 1;
        my $answer = $worker->connect->query("select $stalled as stalled");
        die $answer->{body} if $answer->{body} !~ /\["$stalled"\]/;
        $peak = max($peak, resident_kib($worker->pid));
    }

    ok(length $all, 'a line client that does not read is not read');
    cmp_ok($peak - $before, '<', 60 * 1024,
        '... and the worker does not grow without bound');
    pass('... and other clients are served all the time');

    # once it reads, all it asked is answered
    my ($rows, $tail) = (0, '');
    wait_until('all answers', sub {
        my $n = syswrite $socket, $all, 1 << 20;
        substr $all, 0, $n, '' if $n;
        while (sysread $socket, my $in, 1 << 20) {
            $in = $tail . $in;
            $rows += () = $in =~ /1 rows returned\r\n/g;
            $tail = $in =~ /([^\n]*)\z/ ? $1 : '';
        }
        return $rows == 3000;
    });
    is($rows, 3000, 'when it reads, each statement is answered');
    cmp_ok(resident_kib($worker->pid) - $before, '<', 60 * 1024,
        '... and still the worker has not grown');
}

# What a start finds in db_dir.

# The sealed files are gone, the generation being collected is not.
{
    $worker->publish('host1', table(kept => [a => 'int'], [1], [2]));
    $worker->publish('host2', table(kept => [a => 'int'], [3]), persist => 1);
    my ($number) = reverse map { /_(\d+)\.db$/ } stores($worker);
    my $before = $worker->generation;

    $worker->stop;
    $worker->{settings}{generation_duration} = 1;
    is(scalar(my @both = stores($worker)), 2,
        'a sealed generation and an open one');
    unlink $worker->{settings}{db_dir} . "/qasino_table_store_$before.db"
        or die "unlink: $!";
    $worker->start;
    cmp_ok($worker->generation, '<', $number,
        'without sealed files an empty snapshot is served');
    wait_until('the open generation', sub { $worker->generation >= $number });
    my $rows = $worker->rows('select a from kept order by a');
    my $now = $worker->generation;
    is_deeply($rows, $now == $number ? [[1], [2], [3]] : [[3]],
        "what was acknowledged appears (in $now)");
    is_deeply($worker->rows('select a from kept where a = 3'), [[3]],
        '... and persists');
}

# Only damaged files: of one kind or another, sealed or open.
for my $damage (
    ['overwritten', sub ($file) { spew($file, 'no database ' x 10_000) }],
    ['a header without a database', sub ($file) {
        spew($file, "SQLite format 3\0" . "\xff" x 5000) }],
    ['another database', sub ($file) {
        unlink $file;
        system('sqlite3', $file, 'create table mine(a); insert into mine'
            . ' values(42)') == 0 or die "sqlite3\n" }],
) {
    my ($name, $do) = @$damage;
    my $hurt = start_worker(generation_duration => 3600);
    my $dir = $hurt->{settings}{db_dir};

    $hurt->publish('host', table(rows => [a => 'int'], [1]));
    $hurt->stop;
    my ($sealed, $open) = stores($hurt);
    $do->($open);
    my $text = slurp($open);

    $hurt->start;
    is($hurt->query('select 1')->{table}{rows}[0][0], 1,
        "$name: the server starts");
    ok(-e "$open.damaged", '... the file is put aside');
    is(slurp("$open.damaged"), $text, '... as it was');
    like($hurt->log_text, qr/\Q$open\E.*put aside as \Q$open.damaged\E/,
        '... and the log says so');
    is($hurt->publish('host', table(rows => [a => 'int'], [1]))
        ->{response_op}, 'ok', '... and it collects');

    # once more, the one that is served; a further start leaves what lies
    # aside alone
    $hurt->stop;
    my ($served) = stores($hurt);
    $do->($served);
    $hurt->start;
    ok(-e "$served.damaged", '... so is one that was served');
    is($hurt->publish('host2', table(rows => [a => 'int'], [1]))
        ->{response_op}, 'ok', '... and what is open goes on');
    $hurt->restart;
    is(slurp("$open.damaged"), $text, '... both stay through a restart');
    ok(-e "$served.damaged", '... untouched');
    is_deeply($hurt->rows('select count(*), sum(a) from rows',
        flags => Qasino::Frame::WRITE_DB), [[2, 2]],
        '... with all that was acknowledged since');
    $hurt->stop;
}

# An empty file, as a worker leaves it that dies before its first commit.
{
    my $hurt = start_worker(generation_duration => 3600);
    $hurt->publish('host', table(rows => [a => 'int'], [1]));
    $hurt->stop;
    my ($newest) = reverse stores($hurt);
    my $empty = $newest =~ s/(\d+)\.db$/($1 + 5) . '.db'/er;

    spew($empty, '');
    $hurt->start;
    ok(!-e $empty && !-e "$empty.damaged", 'an empty file is just removed');
    is_deeply($hurt->rows('select a from rows',
        flags => Qasino::Frame::WRITE_DB), [[1]],
        '... and the generation before goes on');
}

# What persists is larger than max_cell is now: no generation was sealed any
# more.
{
    my $worker = start_worker(generation_duration => 1, max_cell => '4m');
    $worker->publish('host', table(large => [a => 'text'],
        ['x' x 2_000_000]), persist => 1);
    $worker->publish('host', table(small => [a => 'int'], [7]),
        persist => 1);
    $worker->wait_generation;
    $worker->stop;
    $worker->{settings}{max_cell} = '1m';
    $worker->start;
    $worker->wait_generation(2);
    is_deeply($worker->rows('select a from small'), [[7]],
        'rows too large for a lower max_cell are dropped, others carried');
    like($worker->log_text, qr/'large' are dropped: larger than max_cell/,
        '... which the log says');
    $worker->stop;
}

# More requests at once than are worked on: the rest was taken only when
# something else woke the worker.
{
    my $worker = start_worker(generation_duration => 3600);
    my $client = $worker->connect;
    my $count = 3000;
    my $all = join '', map { Qasino::Frame::encode(op => 'add_table_data',
        id => $_, body => encode_json({ identity => "host$_",
            table => table(rows => [a => 'int'], [$_]) })) } 1 .. $count;

    $client->send_raw($all);
    my %status;
    $status{$_->{status}}++ for $client->answers($count);
    is_deeply(\%status, { 200 => $count },
        'thousands of publishes at once are all answered');
    $worker->stop;
}

# A worker that stops while a body is half in.
{
    my $worker = start_worker(generation_duration => 3600);
    my $client = $worker->connect;
    my $frame = Qasino::Frame::encode(op => 'add_table_data', body =>
        encode_json({ identity => 'host', table =>
            table(rows => [a => 'text'], map { ['x' x 1000] } 1 .. 100) }));

    $client->send_raw(substr $frame, 0, 60_000);
    is($worker->connect->query('select 1')->{status}, 200,
        'half of a body is in');
    $worker->stop;
    pass('... and the worker stops all the same');
}

# Tables named like what the server's own SQL reads.
{
    my $worker = start_worker(generation_duration => 1);
    my @rows = ([a => 'int'], [1]);

    for my $name (qw(pragma_table_info json_each JSON_TREE)) {
        like($worker->publish(host => table($name, @rows))->{error_message},
            qr/table name '$name': SQL has a function of that name/,
            "$name is refused");
    }

    for my $name (qw(qsn_rows rows_vtab x)) {
        $worker->publish(host => table($name, [c0 => 'int', c1 => 'int']),
            persist => 1);
        $worker->publish(host => table("after_$name", @rows), persist => 1);
    }

    $worker->publish(host => table(old => @rows), static => 1);
    $worker->stop;

    # as an earlier version took it
    is(system('/usr/bin/python3', '-c', <<~'END', "$worker->{dir}/static.db"),
        import sqlite3, sys
        db = sqlite3.connect(sys.argv[1])
        db.execute('ALTER TABLE old RENAME TO pragma_table_info')
        db.execute("UPDATE _qasino_reports SET tablename = "
                   "'pragma_table_info' WHERE tablename = 'old'")
        db.commit()
        END
        0, 'a table has the name of a function');
    $worker->start;
    $worker->wait_generation(2);
    is_deeply($worker->rows('select (select a from after_qsn_rows),'
        . ' (select a from after_x), a from static.pragma_table_info'),
        [['1', '1', '1']], '... and no row is lost, nor the start held up');
    is_deeply([map { $_->[0] } $worker->rows('desc after_x')->@*], ['a'],
        '... nor DESC misled');
    $worker->stop;
}

# Tables that persisted in the last generation take no room from others in
# this one, when they do not any more: not in its first moment, either.
{
    my $worker = start_worker(generation_duration => 2, max_tables => 3);
    my @statuses;

    for (1 .. 3) {
        $worker->publish(host => table($_ => [n => 'int'], [1]),
            persist => JSON::PP::true) for qw(a b);
        $worker->wait_generation;
        $worker->publish(host => table($_ => [n => 'int'], [2])) for qw(a b);

        my $client = $worker->connect;

        $worker->wait_generation;
        $client->send(op => 'add_table_data', body => encode_json({
            identity => 'host', table => table($_ => [n => 'int'], [1]) }))
            for qw(c d e);
        push @statuses, map { $_->{status} } $client->answers(3);
        $worker->wait_generation;
    }

    is("@statuses", join(' ', (200) x 9), 'three others have room');
    $worker->stop;
}

done_testing();
