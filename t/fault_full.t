# A generation that is as large as it may be; a db_dir that is full, at every
# point of a generation's life, also for a worker that was killed meanwhile;
# static tables and an archive without room.  Nothing of it stops the server,
# what is refused is told why, and all that was acknowledged is served.

use v5.36;

use POSIX ();
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(slurp spew temp_dir wait_until);
use Qasino::Server qw(table encode_json decode_json);
use Qasino::Worker;

use constant MIB => 1024 * 1024;

# Small file systems of this test's own, which go with it.
if (!$ENV{QASINO_OWN_MOUNTS}) {
    $ENV{QASINO_OWN_MOUNTS} = 1;
    exec 'unshare', '--mount', $^X, (map { "-I$_" } @INC), $0
        if $> == 0 && system('unshare --mount true 2>/dev/null') == 0;
}

# A directory on a file system of that many MiB; undef where mounting is not
# allowed.
sub small_dir ($mib) {
    my $dir = temp_dir();

    return $dir if system("mount -t tmpfs -o size=${mib}m qasino $dir"
        . ' 2>/dev/null') == 0;
    return undef;
}

sub fill ($dir) {
    open my $out, '>>:raw', "$dir/filler" or die "$dir/filler: $!\n";
    my $size = 1024 * 1024;

    while ($size >= 1024) {
        $size /= 2 if (syswrite($out, 'x' x $size) // 0) < $size;
    }
    close $out;
}

# A process that fills it again and again.
sub keep_full ($dir) {
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;

    my $parent = getppid;
    while (getppid == $parent) {
        fill($dir);
        select undef, undef, undef, 0.001;
    }
    POSIX::_exit(0);
}

sub stop_filling ($pid) {
    kill KILL => $pid;
    waitpid $pid, 0;
}

sub raw_publish ($worker, $identity, $table, %more) {
    my $answer = $worker->connect->request(op => 'add_table_data',
        body => encode_json({ identity => $identity, table => $table,
            %more }));

    return ($answer->{status}, decode_json($answer->{body}));
}

sub big ($name, $kib) {
    return table($name, [n => 'int', text => 'text'],
        map { [$_, 'x' x 1000] } 1 .. $kib);
}

sub text_of ($document) { $document->{error_message} // '' }

# Limits that the operator sets.
{
    my $worker = start_worker(generation_duration => 2,
        max_generation => 2 * MIB, max_rows => 2500, max_identities => 5,
        max_static => 2 * MIB);

    my ($status, $answer) = raw_publish($worker, 'a', table(rows =>
        [n => 'int'], map { [$_] } 1 .. 2501));
    is($status, 413, 'a row too many');
    like(text_of($answer), qr/max_rows \(2500\)/, '... names max_rows');

    $answer = $worker->connect->request(op => 'add_csv_table_data',
        body => "identity=a\nrows\nn\nint\nnumber\n" . "1\n" x 2501);
    is($answer->{status}, 413, '... as CSV');
    like($answer->{body}, qr/max_rows \(2500\)/, '... too');

    ($status) = raw_publish($worker, 'a', table(rows =>
        [n => 'int'], map { [$_] } 1 .. 2500));
    is($status, 200, 'as many as are allowed');

    ($status) = raw_publish($worker, "i$_", table(rows => [n => 'int'],
        [$_])) for 1 .. 4;
    is($status, 200, 'five identities');
    ($status, $answer) = raw_publish($worker, 'i5', table(rows =>
        [n => 'int'], [5]));
    is($status, 507, 'the sixth');
    like(text_of($answer), qr/'i5'.*max_identities \(5\)/,
        '... names max_identities');
    is(($worker->connect->request(op => 'name_value_update',
        args => { name => 'a.b', value => 1, claimed_identity => 'i6' }))
        ->{status}, 507, '... as an update too');
    ($status) = raw_publish($worker, 'i4', table(more => [n => 'int'], [1]));
    is($status, 200, 'those that are in may go on');

    ($status, $answer) = raw_publish($worker, 'a', big(large => 2200));
    is($status, 507, 'a table larger than the generation may be');
    like(text_of($answer), qr/'large'.*max_generation is 2097152 bytes/,
        '... names max_generation');
    ($status) = raw_publish($worker, 'a', table(small => [n => 'int'],
        [1]));
    is($status, 200, 'a small one still goes in');
    $worker->wait_generation;
    is($worker->rows('select (select count(*) from small)'
        . ' + (select count(*) from rows)')->[0][0], 2505,
        'and is served with all the others');

    ($status, $answer) = raw_publish($worker, 'a', big(large => 2200),
        static => 1);
    is($status, 507, 'static tables have a limit of their own');
    like(text_of($answer), qr/max_static is 2097152 bytes/, '... named');
    ($status) = raw_publish($worker, 'a', big(static1 => 500), static => 1);
    is($status, 200, 'what fits goes in');

    # what persists fills the generation: it is carried all the same
    ($status) = raw_publish($worker, 'p', big(kept => 1500), persist => 1);
    is($status, 200, 'a large one that persists');
    $worker->wait_generation(2);
    is($worker->rows('select count(*) from kept')->[0][0], 1500,
        '... is carried');
    $worker->stop;
    $worker->{settings}{max_generation} = MIB;
    $worker->start;
    $worker->wait_generation(2);
    is($worker->rows('select count(*) from kept')->[0][0], 1500,
        '... also under a limit that is lower than it is');

    my $n = 0;
    wait_until('... which refuses new rows', sub {
        ($status) = raw_publish($worker, 'q', table('rows' . ++$n =>
            [n => 'int'], map { [$_] } 1 .. 2500));
        return $status == 507;
    });
    pass('... which refuses new rows');
    unlike($worker->log_text, qr/starts anew|Assert/, 'no restart');
}

SKIP: {
    my $db_dir = small_dir(16);

    skip 'file systems cannot be mounted here', 1 if !$db_dir;

    # a default: a fifth of the file system
    my $worker = start_worker(generation_duration => 1, db_dir => $db_dir,
        query_deadline => 600);
    my ($status, $answer) = raw_publish($worker, 'a', big(large => 4000));
    is($status, 507, 'a fifth of the file system by default');
    like(text_of($answer), qr/max_generation is 3355443 bytes/, '... named');
    $worker->wait_generation(2);

    ($status) = raw_publish($worker, 'p', table(kept => [n => 'int'], [1]),
        persist => 1);
    is($status, 200, 'something that persists');
    $worker->wait_generation(2);

    # somebody else fills it
    my $filler = keep_full($db_dir);
    my $pid;

    for my $n (1 .. 20) {
        ($status, $answer) = raw_publish($worker, "i$n", big("t$n" =>
            100));
        last if $status == 507;
    }
    is($status, 507, 'a publish that does not fit');
    like(text_of($answer), qr/db_dir/, '... says where there is no room');
    wait_until('publishes to be refused for good', sub {
        ($status, $answer) = raw_publish($worker, 'tiny', table(tiny =>
            [n => 'int'], [1]));
        $worker->generation;
        return text_of($answer) =~ /for the moment/;
    });
    is($status, 507, 'nothing is taken at all once the reserve is spent');
    is($worker->rows('select n from kept')->[0][0], 1,
        '... while queries are answered');
    like($worker->connect->query('select 1', flags =>
        Qasino::Frame::WRITE_DB)->{status}, qr/^(200|507)$/,
        '... on a copy of what is collected if there is room for one');
    like($worker->connect->request(op => 'generation_signal')->{body},
        qr/"generation_number": \d+/, '... and the signal is');

    # killed, and again: it comes back each time
    for my $round (1 .. 3) {
        $worker->kill;
        $worker->start;
        is($worker->rows('select n from kept')->[0][0], 1,
            "killed on a full file system, $round: served again");
    }
    $pid = $worker->pid;
    wait_until('publishes to be refused for good', sub {
        ($status, $answer) = raw_publish($worker, 'tiny', big(tiny => 100));
        return text_of($answer) =~ /for the moment/;
    });

    # room again
    stop_filling($filler);
    unlink "$db_dir/filler";
    wait_until('a publish to be taken', sub {
        ($status, $answer) = raw_publish($worker, 'after', table(after =>
            [n => 'int'], [1]));
        return $status == 200;
    });
    pass('with room again publishing goes on');
    $worker->wait_generation(2);
    is($worker->rows('select n from kept')->[0][0], 1,
        'what persists has been carried across');
    is($worker->pid, $pid, 'by the same process');
    like($worker->log_text, qr/there is room again/, 'and said so');

    # full in the middle of generations, with rows that are counted
    my (%in, $n);
    for my $round (1 .. 6) {
        for (1 .. 6) {
            fill($db_dir) if $_ == 4;
            ($status, $answer) = raw_publish($worker, 'i' . ++$n,
                big("t$n" => 100));
            $in{$answer->{generation_number}}{"t$n"} = 1 if $status == 200;
        }

        my ($last) = sort { $b <=> $a } keys %in;
        my $now = wait_until('the last acknowledged generation', sub {
            my $number = $worker->generation;
            return $number >= $last && $number;
        });
        my @names = map { $_->[0] } @{$worker->rows('select tablename from'
            . q( qasino_server_tables where tablename like 't_%' and nr_rows)
            . ' = 100 order by 1')};
        is_deeply(\@names, [sort keys %{$in{$now}}],
            "round $round: what was acknowledged is served")
            if $in{$now};
        unlink "$db_dir/filler";
        wait_until('publishes to be taken', sub {
            ($status) = raw_publish($worker, 'again' . ++$n,
                table("again$n" => [n => 'int'], [1]));
            return $status == 200;
        });
    }
    cmp_ok(scalar(keys %in), '>=', 3, 'in several generations');
    unlike($worker->log_text, qr/starts anew/, 'and nothing started anew');

    # a query on an old snapshot must not keep its room
    my $old = $worker->connect;
    $old->send(op => 'query', args => { sql => 'with recursive n(i) as'
        . ' (select 1 union all select i + 1 from n) select max(i) from n' });
    $worker->wait_generation;
    fill($db_dir);
    my ($ended) = $old->answers(1);
    is($ended->{status}, 504, 'a query on a retired snapshot ends');
    like($ended->{body}, qr/made room|three generations/, '... is told why');
    $worker->stop;
    system 'umount', $db_dir;
}

# Who only asks takes no room from who publishes: a copy for use_write_db is
# made where the generation may still grow to its end beside it.
SKIP: {
    my $db_dir = small_dir(16);

    skip 'file systems cannot be mounted here', 1 if !$db_dir;

    my $worker = start_worker(generation_duration => 3600, db_dir => $db_dir,
        query_deadline => 600, max_generation => 3 * MIB);
    my ($status, $answer) = raw_publish($worker, 'a', big(large => 1500));
    is($status, 200, 'a generation, half of what it may be');
    fill($db_dir);
    truncate "$db_dir/filler", (-s "$db_dir/filler") - 9 * MIB / 2;

    my @askers = map { $worker->connect } 1 .. 4;

    for my $n (1 .. 4) {
        $askers[$n - 1]->send(op => 'query', flags =>
            Qasino::Frame::WRITE_DB, args => { sql => 'with recursive n(i) as'
            . ' (select 1 union all select i + 1 from n) select max(i) from n'
            });
        # when this is answered there is a copy, or none can be made
        $worker->connect->query('select 1', flags => Qasino::Frame::WRITE_DB);
        ($status) = raw_publish($worker, "tiny$n", table("tiny$n" =>
            [n => 'int'], [1]));
        is($status, 200, "a publish after asker $n");
    }

    my ($refused) = $askers[1]->answers(1);
    is($refused->{status}, 507, 'the second copy is refused');
    like($refused->{body}, qr/copy of the generation.*max_generation.*db_dir/,
        '... is told why');
    ($status, $answer) = raw_publish($worker, 'b', big(more => 1000));
    is($status, 200, 'the generation goes on to its end')
        or diag(encode_json($answer));

    $_->close for @askers;
    unlink "$db_dir/filler";
    wait_until('a copy again', sub {
        my $now = $worker->connect->query('select count(*) as n from more',
            flags => Qasino::Frame::WRITE_DB);
        return $now->{status} == 200 && $now->{body} =~ /1000/;
    });
    pass('with room again there is a copy');
    $worker->stop;
    system 'umount', $db_dir;
}

# What persists cannot be carried: there is no generation to publish into.
SKIP: {
    my $db_dir = small_dir(16);

    skip 'file systems cannot be mounted here', 1 if !$db_dir;

    my $worker = start_worker(generation_duration => 1, db_dir => $db_dir,
        max_generation => 16 * MIB);
    my ($status, $answer) = raw_publish($worker, 'p', big(kept => 4000),
        persist => 1);

    is($status, 200, 'a large table that persists');
    $worker->wait_generation(2);

    # what a retired snapshot leaves is gone before the worker looks for it
    my $filler = keep_full($db_dir);
    wait_until('the next generation not to be opened', sub {
        ($status, $answer) = raw_publish($worker, 'q', table(tiny =>
            [n => 'int'], [1]));
        return $status == 507
            && text_of($answer) =~ /for the moment: cannot (carry|open)/;
    });

    for my $round ('as it is', 'after a kill') {
        ($status, $answer) = raw_publish($worker, 'q', table(tiny =>
            [n => 'int'], [1]));
        is($status, 507, "$round: publishes are refused");
        like(text_of($answer), qr/for the moment: cannot (carry|open).*full/,
            '... with the reason');
        is($worker->rows('select count(*) from kept')->[0][0], 4000,
            '... queries are answered');
        is($worker->connect->query('select 1', flags =>
            Qasino::Frame::WRITE_DB)->{status}, 507,
            '... but none of what is collected, for nothing is');
        like($worker->connect->request(op => 'generation_signal')->{body},
            qr/"generation_number": \d+/, '... and what generation it is');
        if ($round eq 'as it is') {
            $worker->kill;
            $worker->start;
        }
    }

    stop_filling($filler);
    unlink "$db_dir/filler";
    wait_until('a publish to be taken', sub {
        ($status) = raw_publish($worker, 'q', table(tiny => [n => 'int'],
            [1]));
        return $status == 200;
    });
    $worker->wait_generation(2);
    is($worker->rows('select count(*) from kept')->[0][0], 4000,
        'with room again what persists is carried, once');
    $worker->stop;
    system 'umount', $db_dir;
}

# The disks of the static tables and of the archive.
SKIP: {
    my $disk = small_dir(4);
    my $archive = small_dir(1);

    skip 'file systems cannot be mounted here', 1 if !$archive;

    my $worker = start_worker(generation_duration => 1,
        static_db => "$disk/static.db", archive_db_dir => $archive);
    my ($status, $answer) = raw_publish($worker, 'a', table(known =>
        [n => 'int'], [1]), static => 1);
    is($status, 200, 'a static table');
    fill($disk);
    ($status, $answer) = raw_publish($worker, 'a', big(known => 500),
        static => 1);
    is($status, 507, 'static_db on a full disk');
    like(text_of($answer), qr/static_db/, '... is named');
    is($worker->rows('select n from known')->[0][0], 1,
        'the table is what it was');
    ($status) = raw_publish($worker, 'a', big(plain => 1500));
    is($status, 200, 'everything else goes on');
    wait_until('a log line of the archive, which is full', sub {
        $worker->log_text =~ /cannot archive/ });
    $worker->wait_generation(2);
    pass('and it goes on');
    unlink "$disk/filler";
    ($status, $answer) = raw_publish($worker, 'a', table(known =>
        [n => 'int'], [2]), static => 1);
    is($status, 200, 'with room again static tables can be published')
        or diag(encode_json($answer));
    is($worker->rows('select n from known')->[0][0], 2, '... and are seen');
    $worker->stop;
    system 'umount', $disk, $archive;
}

done_testing();
