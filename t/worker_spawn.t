# Query processes that cannot be started, or die as they start: what waits for
# them is answered once they can be, the others go on meanwhile, and the
# worker does not start them all the time.  Where memory ends it is they that
# the kernel takes.

use v5.36;

use IO::Select;
use Test::More;

use Qasino::Process qw(build_dir is_direct now slurp spew temp_dir
    wait_until);
use Qasino::Server;
use Qasino::Worker;

my $dir = temp_dir();
my $program = "$dir/qasino-query";

system('cp', (map { build_dir() . "/$_" } qw(qasino-worker qasino-query)),
    $dir) == 0 or die "cp: $?\n";

sub start (%settings) {
    local $ENV{QASINO_BUILD} = $dir;

    return start_worker(generation_duration => 3600, query_deadline => 3600,
        %settings);
}

sub long ($count) {
    return "with recursive n(i) as (select 1 union all select i + 1 from n"
        . " limit $count) select max(i) from n";
}
use constant ENDLESS => long(10 ** 12);

sub ask ($client, @sql) {
    $client->send(op => 'query', args => { sql => $_ }) for @sql;
}
sub is_silent ($client) { !IO::Select->new($client->socket)->can_read(0) }

sub processes ($worker) {
    return grep { slurp("/proc/$_/cmdline") =~ /^qasino-query\0/
            && !is_direct($_) }
        Qasino::Server::family(undef, $worker->pid);
}
sub yielding ($worker) {
    return grep {
        ((split ' ', slurp("/proc/$_/stat") =~ s/.*\) //sr)[16] // 0) >= 10
    } processes($worker);
}

sub take_away () { rename $program, "$dir/away" or die "$program: $!\n" }
sub put_back () { rename "$dir/away", $program or die "$program: $!\n" }

# Waits until that has been logged so often since $code was run.
sub wait_log ($worker, $pattern, $times, $code = sub () {}) {
    my $before = () = $worker->log_text =~ /$pattern/g;

    $code->();
    wait_until("$pattern, $times times", sub {
        $times <= (() = $worker->log_text =~ /$pattern/g) - $before });
}

sub oom_score ($pid) { 0 + slurp("/proc/$pid/oom_score_adj") }

# None is left, and none can be started.
{
    my $worker = start(query_processes => 2);
    my $client = $worker->connect;
    my $own = oom_score($worker->pid);
    my $higher = $own + 500 < 1000 ? $own + 500 : 1000;

    is($own, oom_score($$), 'the worker is to the kernel like any other');
    wait_until('both lanes', sub { 2 == processes($worker) });
    $worker->query('select 1');
    # a third one may be about to start
    ok(wait_until('each to say so', sub {
        my @scores = map { oom_score($_) } processes($worker);
        return @scores >= 2 && !grep { $_ != $higher } @scores;
    }), '... its query processes go first when there is no memory left');
    take_away();
    wait_log($worker, qr/query process \d+ died/, 2,
        sub { kill 'KILL', processes($worker) });
    ask($client, map { "select $_" } 1 .. 3);
    wait_log($worker, qr/cannot start/, 6);
    ok(is_silent($client), 'without a process queries wait');
    put_back();
    is_deeply([map { $_->{status} } $client->answers(3)], [200, 200, 200],
        '... and are answered once there is one');
    unlike($worker->log_text, qr/died \(status 0, signal 0\)/,
        '... and what never lived has not died');
}

# One of two is busy for ever, so the other is the last lane.
{
    my $worker = start(query_processes => 2, query_slow_processes => 2);
    my $client = $worker->connect;

    wait_until('both lanes', sub { 2 == processes($worker) });
    take_away();
    ask($client, ENDLESS);
    wait_until('it to be slow', sub { 1 == yielding($worker) });
    ask($client, long(1000));
    wait_log($worker, qr/cannot start/, 6);
    is($worker->rows('select 4')->[0][0], 4, 'what is quick has a lane');
    ok(is_silent($client), 'what is slow waits');
    put_back();
    is(($client->answers(1))[0]{status}, 200, '... until one can be started');
    unlike($worker->log_text, qr/died \(status 0, signal 0\)/,
        '... and what never lived has not died');
}

# Beside the one that is busy there is room for three.  Each that dies as it
# starts is the next one's 200 ms later, also while a query waits for it.
{
    my $worker = start(query_processes => 1, query_slow_processes => 3);
    my $client = $worker->connect;

    wait_until('the lane', sub { 1 == processes($worker) });
    take_away();
    spew("$program.new", "#!/bin/sh\nexit 3\n");
    chmod 0755, "$program.new";
    rename "$program.new", $program or die "$program: $!\n";

    my $since = now();

    ask($client, ENDLESS);
    wait_until('it to be slow', sub { 1 == yielding($worker) });
    ask($client, long(1000));
    wait_log($worker, qr/died \(status 3/, 24);
    cmp_ok(now() - $since, '>=', 1,         # of 1.4 s, as loops see time
        'those that die at once are not started all the time');
    ok(is_silent($client), 'what is slow waits');
    put_back();
    is(($client->answers(1))[0]{status}, 200, '... until one lives');
}

done_testing();
