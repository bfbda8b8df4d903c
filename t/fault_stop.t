# A worker that hangs (SIGSTOP) and goes on; a clock that jumps.

use v5.36;

use Test::More;

use Qasino::Ledger;
use Qasino::Process qw(build_dir now preload_library slurp spew temp_dir
    top_dir wait_until);
use Qasino::Server;
use Qasino::Worker;

# Stopped under load, again and again.  nginx waits a second only.
{
    my $dir = temp_dir();
    my $archive = temp_dir();
    my $template = slurp(top_dir() . '/conf/nginx.conf') =~ s/^\s*include
        \s\S+;.*$/location = \/request {
            qasino_pass qasino_worker;
            qasino_read_timeout 1s;
        }/mrx;

    spew("$dir/nginx.conf", $template);
    my $server = start_server(generation_duration => 1, query_deadline => 1,
        archive_db_dir => $archive, nginx_conf => "$dir/nginx.conf");
    my $ledger = Qasino::Ledger->of_server($server, $archive);

    $ledger->wait_acks(20);
    $server->wait_generation;

    my $pid = $server->pid_of('qasino-worker');
    my $line = $server->line_connect;

    for my $round (1 .. 3) {
        kill 'STOP', $pid;
        my $answer = $server->query('select 1');
        like($answer->{status}, qr/^50[34]$/,
            "stopped, $round: a query gets $answer->{status}");
        is($answer->{response_op}, 'error', '... as a JSON error');
        like($server->publish('other', table(x => [n => 'int'], [1]))
            ->{status}, qr/^50[34]$/, '... so does a publish');
        syswrite $line, "select $round as n;\r\n";
        kill 'CONT', $pid;
        is($server->wait_answer && $server->value('select 2'), 2,
            'it goes on: served again');
        like(Qasino::Server::read_until($line, qr/rows returned|ERROR/),
            qr/\b$round\b|query_deadline/,
            '... a line that waited is answered, or told that it took long');
        is($server->pid_of('qasino-worker'), $pid, '... by the same process');
        $ledger->wait_acks(20);
    }

    # ZeroMQ clients are told by the bridge
    kill 'STOP', $pid;
    like($server->zmq('print(req({"op": "query", "sql": "select 1"})[0])')
        ->{error_message}, qr/does not answer, try again/,
        'a ZeroMQ client of a worker that hangs gets an error');
    kill 'CONT', $pid;
    $server->wait_answer;

    # which says "try again": the bridge connects anew
    is(wait_until('an answer over ZeroMQ', sub {
        $server->zmq('print(req({"op": "query", "sql": "select 3"})[0])')
            ->{table}{rows}[0][0];
    }), '3', '... and an answer afterwards');

    # a query process: the deadline is the worker's
    my @query = $server->pids('qasino-query');
    kill 'STOP', $query[0];
    my $still = 0;
    for (1 .. 20) { $still++ if $server->query('select 1')->{status} == 200 }
    cmp_ok($still, '>=', 10, 'a stopped query process costs its own queries');
    kill 'CONT', $query[0];

    # the bridge
    my $bridge = $server->pid_of('qasino-zmq-bridge');
    kill 'STOP', $bridge;
    is($server->wait_answer && $server->value('select 3'), 3,
        'a stopped bridge is nothing to the others');
    kill 'CONT', $bridge;
    is(ref $server->zmq('print(req({"op": "query", "sql": "select 1"})[0])'),
        'HASH', '... and goes on');

    $ledger->wait_acks(20);
    $ledger->finish;
    $ledger->judge;
    is_deeply([grep { !/^50[34]$/ } keys %{{$ledger->refused}}], [],
        'nothing else was refused');
}

# The wall clock of the worker alone, moved while it runs.
{
    my $dir = temp_dir();

    local $ENV{LD_PRELOAD} = preload_library($dir, 'clock', <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* seconds that the file $QASINO_CLOCK says the clock is off */
static long off(void)
{
    const char *path = getenv("QASINO_CLOCK");
    char text[32] = "";
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd != -1) {
        if (read(fd, text, sizeof(text) - 1) < 0) {
            text[0] = '\0';
        }
        close(fd);
    }
    return atol(text);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int rc;

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    rc = real(id, now);
    if (rc == 0 && id == CLOCK_REALTIME) {
        now->tv_sec += off();
    }
    return rc;
}

time_t time(time_t *t)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (t) {
        *t = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void) zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
END
    spew("$dir/off", '0');
    local $ENV{QASINO_CLOCK} = "$dir/off";

    my $worker = start_worker(generation_duration => 1);
    my $last = $worker->generation;
    my $n = 0;

    for my $off (86400, 86400 * 365, 0, -86400, 7200, -3600, 0) {
        spew("$dir/off.new", $off);
        rename "$dir/off.new", "$dir/off";

        for (1 .. 2) {
            my $answer = $worker->publish('i' . ++$n,
                table(t => [n => 'int'], [$n]));
            is($answer->{response_op}, 'ok', "clock off by $off s: taken");
            my $into = $answer->{generation_number};
            my $now = wait_until('its generation', sub {
                my $number = $worker->generation;
                return $number >= $into && $number;
            });
            is($worker->rows('select max(n) from t')->[0][0], $n,
                '... and served') if $now == $into;
            cmp_ok($now, '>', $last, '... in a later generation');
            $last = $now;
        }
    }
    like($worker->generation, qr/^\d+$/, 'it rotates as ever');

    # a worker that starts when its files are of the future
    spew("$dir/off", -86400 * 400);
    $worker->restart;
    cmp_ok($worker->generation, '>=', $last,
        'files of the future are served after a restart');
    $worker->wait_generation(2);
    cmp_ok($worker->generation, '>', $last, '... and followed by later ones');
}

done_testing();
