# A copy for use_write_db is made between publishes: those go on meanwhile, it
# has what was acknowledged before it was asked for, and whatever comes in the
# middle of it (a turn, a full file system, the server's end) leaves nothing
# behind.

use v5.36;

use IO::Select;
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(temp_dir wait_until);
use Qasino::Server qw(table encode_json decode_json);
use Qasino::Worker;

use constant MIB => 1024 * 1024;
use constant WRITE_DB => Qasino::Frame::WRITE_DB;

# Small file systems of this test's own, which go with it.
if (!$ENV{QASINO_OWN_MOUNTS}) {
    $ENV{QASINO_OWN_MOUNTS} = 1;
    exec 'unshare', '--mount', $^X, (map { "-I$_" } @INC), $0
        if $> == 0 && system('unshare --mount true 2>/dev/null') == 0;
}

my $serial = 0;

sub body ($table, @rows) {
    return encode_json({ identity => 'i' . ++$serial, table => table($table =>
        [n => 'int', text => 'text'], @rows) });
}

sub publish ($client, $body) {
    my $answer = $client->request(op => 'add_table_data', body => $body);

    die $answer->{body} if $answer->{status} != 200;

    return decode_json($answer->{body});
}

# MiB of rows.
sub fill ($client, $mib) {
    state $body = body(large => map { [$_, 'x' x 1000] } 1 .. 1000);

    publish($client, $body =~ s/"i\d+"/'"f' . ++$serial . '"'/er)
        for 1 .. $mib;
}

sub ask ($client, $sql) {
    $client->send(op => 'query', args => { sql => $sql }, flags => WRITE_DB);
}

sub is_answered ($client) { IO::Select->new($client->socket)->can_read(0) }

sub row ($client) {
    my ($answer) = $client->answers(1);

    return decode_json($answer->{body})->{table}{rows}[0] // die
        $answer->{body};
}

sub files ($worker, $name) {
    return grep { /$name.*\.db$/ } glob "$worker->{settings}{db_dir}/*";
}

sub copies ($worker) { files($worker, 'qasino_write_snapshot_') }

# Which copies there are, and whether each has begun and is not whole by far.
sub parts ($worker) {
    my $whole = (sort { $b <=> $a } map { -s // 0 }
        files($worker, 'qasino_table_store_'))[0];

    return map { my $size = -s // 0;
        ($_ => $size > 0 && $size < $whole * 0.8) } copies($worker);
}

sub in_the_middle ($worker) {
    my %parts = parts($worker);

    return scalar grep { $_ } values %parts;
}

# Rows that are set one after the other in the first pages of a generation,
# and others that are appended: what a copy has of both is as it was at one
# moment, which is not before it was asked for.
{
    my $worker = start_worker(generation_duration => 3600);
    my ($client, $asker) = map { $worker->connect } 1, 2;
    my ($asked, $set, $within, @wrong) = (0, 0, 0);

    publish($client, encode_json({ identity => 'setter', update => 1,
        keycols => 'k', table => table(state => [k => 'int', v => 'int'],
        map { [$_, 0] } 0 .. 99) }));
    publish($client, body(added => [0, 'x']));
    fill($client, 40);

    for (my $round = 1; $within < 20; $round++) {
        last if $round > 20;
        $asked = $set;
        ask($asker, 'select (select count(*) - 1 from added), (select max(v)'
            . ' from state), (select sum(v) from state), (select count(*)'
            . ' from large)');

        do {
            ++$set;
            publish($client, body(added => [$set, 'x' x 3000]));
            publish($client, encode_json({ identity => 'setter', update => 1,
                keycols => 'k', table => table(state => [k => 'int',
                v => 'int'], [$set % 100, $set]) }));
            $within += in_the_middle($worker);
        } while (!is_answered($asker));

        my ($added, $last, $sum, $large) = row($asker)->@*;
        my $expected = 0;

        $expected += $_ for ($last < 100 ? 1 : $last - 99) .. $last;
        push @wrong, "asked after $asked: $added added, $last set last, sum"
            . " $sum instead of $expected, $large" if $last < $asked
            || $added != $last && $added != $last + 1 || $sum != $expected
            || $large != 40_000;
    }

    cmp_ok($within, '>=', 20, 'publishes are acknowledged while copies are'
        . ' half done');
    is_deeply(\@wrong, [], '... which are as it was at one moment');
    my $check = "'pragma integrity_check'";
    my @broken = grep { $_ ne "ok\n" }
        map { `sqlite3 'file:$_?immutable=1' $check` } copies($worker);
    is_deeply(\@broken, [], '... and whole');

    # nothing is published any more: the last one is still right
    my @names = map {
        ask($asker, 'select 1');
        row($asker);
        wait_until('one copy', sub {
            my @copies = copies($worker);
            return @copies == 1 && $copies[0];
        });
    } 1, 2;
    is($names[1], $names[0], 'the last one serves again');
}

# A writer that always has something to do.
{
    my $worker = start_worker(generation_duration => 3600);
    my ($client, $busy, $asker) = map { $worker->connect } 1 .. 3;
    my $part = body(busy => map { [$_, 'y' x 20] } 1 .. 3000);
    my ($sent, $done) = (0, 0);
    my $send = sub {
        $busy->send(op => 'add_table_data',
            body => $part =~ s/"i\d+"/'"b' . ++$serial . '"'/er);
        $sent++;
    };

    fill($client, 20);
    $send->() for 1 .. 8;
    ask($asker, 'select count(*), count(*) % 3000 from busy');

    while (!is_answered($asker)) {
        my ($answer) = $busy->answers(1);
        is($answer->{status}, 200, 'a publish') if $answer->{status} != 200;
        $done++;
        $send->();
    }

    my ($rows, $rest) = row($asker)->@*;
    $busy->answers($sent - $done);
    pass("a copy beside a busy writer is done ($done publishes)");
    is($rest, 0, '... with whole publishes');
    cmp_ok($rows, '<=', 3000 * $sent, '... of those that were sent');
}

# A question that was asked before a turn is answered from the generation that
# was collected then, be a copy of it half done or not yet begun.
{
    my $worker = start_worker(generation_duration => 1);
    my ($client, $asker) = map { $worker->connect } 1, 2;
    my ($turned, $half, $filled, @wrong) = (0, 0, 0);
    my $collecting = sub {
        my ($signal) = $asker->answers(1);
        return decode_json($signal->{body})->{generation_number};
    };

    for (my $n = 1; $turned < 6 || !$half; $n++) {
        die "$turned turns, $half in the middle of a copy" if $n > 300;

        my $into = publish($client, body("t$n" => [$n, 'x']))
            ->{generation_number};

        if ($into != $filled) {
            fill($client, 16);
            $filled = $into;
        }

        # in this order
        ask($asker, 'select (select generation_number from'
            . " qasino_server_info), (select count(*) from sqlite_schema where"
            . " name = 't$n')");
        $asker->send(op => 'generation_signal');

        my $then = $collecting->();
        my %seen;

        %seen = (%seen, parts($worker)) while !is_answered($asker);
        %seen = (%seen, parts($worker));        # one may be whole by now

        my ($of, $has) = row($asker)->@*;
        $asker->send(op => 'generation_signal');
        my $turn = $collecting->() > $of;

        push @wrong, "t$n into $into, asked in $then: $of, $has"
            if $of != $then || $into == $of && !$has;
        $turned += $turn;
        $half += $turn && grep { $_ } values %seen;
    }

    is_deeply(\@wrong, [], 'a question has the generation that it was asked'
        . ' in');
    $worker->wait_generation;
    wait_until('no copies', sub { !copies($worker) });
    pass('no copy outlives its generation');
}

# The end in the middle of a copy, by a kill or in order.
for my $signal ('KILL', 'TERM') {
    my $worker = start_worker(generation_duration => 3600);
    my ($client, $asker) = map { $worker->connect } 1, 2;
    my ($before, $middle) = ($serial, 0);

    for my $round (1 .. 20) {
        fill($client, 20);
        ask($asker, 'select 1');
        last if $middle = wait_until('a copy', sub {
            return in_the_middle($worker) ? 'half' : is_answered($asker);
        }) eq 'half';
        row($asker);
    }

    ok($middle, "a copy is half done, when $signal comes");
    $signal eq 'KILL' ? $worker->kill : $worker->stop;
    is_deeply([copies($worker)], [], '... and leaves none')
        if $signal eq 'TERM';
    $worker->start;
    is_deeply([copies($worker)], [], '... nor is there one afterwards');
    my $again = $worker->connect;
    ask($again, 'select count(*) from large');
    is(row($again)->[0], 1000 * ($serial - $before), '... but all rows');
}

# Somebody else fills the file system in the middle of a copy.
SKIP: {
    my $db_dir = temp_dir();

    skip 'file systems cannot be mounted here', 1
        if system("mount -t tmpfs -o size=128m qasino $db_dir 2>/dev/null");

    my $worker = start_worker(generation_duration => 3600, db_dir => $db_dir,
        max_generation => 48 * MIB);
    my ($client, $asker) = map { $worker->connect } 1, 2;
    my $answer;

    fill($client, 40);

    for my $round (1 .. 20) {
        publish($client, body(more => [$round, 'x']));
        ask($asker, 'select count(*) from more');
        wait_until('a copy', sub {
            return in_the_middle($worker) || is_answered($asker) });
        open my $out, '>:raw', "$db_dir/filler" or die "filler: $!\n";
        1 while syswrite $out, 'x' x MIB;
        close $out;
        ($answer) = $asker->answers(1);
        last if $answer->{status} != 200;
        unlink "$db_dir/filler";
    }

    is($answer->{status}, 507, 'a copy for which room is gone half-way');
    like($answer->{body}, qr/no room for a copy|cannot be copied.*full/,
        '... and why');
    wait_until('its part to be gone', sub { !copies($worker) });
    pass('... and nothing is left of it');
    unlink "$db_dir/filler";
    # a deleted file gives its room back bit by bit
    wait_until('the room for one', sub {
        return `df --output=avail -B1 $db_dir` =~ /^(\d+)$/m && $1 >= 48 * MIB;
    });
    publish($client, body(last => [1, 'x']));
    ask($asker, 'select count(*) from last');
    is(row($asker)->[0], 1, 'with room again there is one');
    $worker->stop;
    system 'umount', $db_dir;
}

done_testing();
