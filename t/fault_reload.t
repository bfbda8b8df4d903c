# nginx takes its configuration anew, and another nginx binary takes over,
# under load: no request fails.  The clients connect anew each time; on a
# kept connection HTTP leaves open whether the server closes it just when the
# next request is on its way.

use v5.36;

use IO::Socket::INET;
use IO::Socket::UNIX;
use Test::More;

use Qasino::Ledger;
use Qasino::Process qw(now slurp spew temp_dir top_dir wait_until);
use Qasino::Server;

# An nginx that gives up on its configuration leaves its first pool behind.
$ENV{ASAN_OPTIONS} = join ':', grep { defined } $ENV{ASAN_OPTIONS},
    'detect_leaks=0';

my $dir = temp_dir();
my $archive = temp_dir();
my $template = slurp(top_dir() . '/conf/nginx.conf');

spew("$dir/nginx.conf", $template);
my $server = start_server(generation_duration => 1,
    archive_db_dir => $archive, nginx_conf => "$dir/nginx.conf");
my $start = sub () {
    return Qasino::Ledger->start(
        archive => $archive,
        publish => sub ($who, $n) {
            my $answer = Qasino::Server::document($server->http_post(
                '/request?op=add_table_data', { identity => "p$who-$n",
                    table => table(ledger => [who => 'int', n => 'int'],
                        [$who, $n]) }, Connection => 'close'));
            return ($answer->{status}, $answer->{generation_number});
        },
        query => sub ($sql) {
            my $answer = Qasino::Server::document($server->http_post(
                '/request?op=query', { sql => $sql },
                Connection => 'close'));
            return $answer->{table} && $answer->{table}{rows};
        });
};
my $workers = sub ($of) { join ' ', sort $of->pids('nginx-worker') };
my $renewed = sub ($of, $before) {
    my %old = map { $_ => 1 } split / /, $before;

    wait_until('other nginx workers', sub {
        !grep { Qasino::Server::alive($_) } keys %old });
    wait_until('nginx workers', sub { $workers->($of) });
};

{
    my $ledger = $start->();

    $ledger->wait_acks(20);
    $server->wait_generation;
    for my $round (1 .. 4) {
        my $before = $workers->($server);

        spew("$dir/nginx.conf", $template =~ s/=404;/'=' . (410 + $round)
            . ';'/er);
        kill 'USR1', $server->pid;
        $renewed->($server, $before);
        $ledger->wait_acks(50);
        is($server->http_get('/nowhere')->{status}, 410 + $round,
            "round $round: it has the new configuration");
    }

    # a configuration that is none: it goes on with the one it has
    spew("$dir/nginx.conf", $template . "\nnonsense;\n");
    my $before = $workers->($server);
    kill 'USR1', $server->pid;
    wait_until('a word of it', sub {
        $server->log_text =~ /unknown directive "nonsense"/ });
    is($workers->($server), $before, 'a wrong configuration changes nothing');
    spew("$dir/nginx.conf", $template);
    kill 'USR1', $server->pid;
    $ledger->wait_acks(20);
    $ledger->finish;
    $ledger->judge;
    is_deeply({$ledger->refused}, {}, 'no request failed while nginx was'
        . ' reloaded');
}

# Another nginx, in the place of the one that runs.
{
    my $ledger = $start->();
    my $old = $server->pid_of('nginx-master');

    $ledger->wait_acks(20);
    for my $round (1 .. 3) {
        kill 'USR2', $server->pid;
        wait_until('the old master to leave', sub {
            !Qasino::Server::alive($old) });
        my ($new) = wait_until('the launcher to say so', sub {
            $server->log_text =~ /nginx \(pid $old\) is to be replaced by pid (\d+).*nginx \(pid $old\) has been replaced/s && $1 });
        is_deeply([$server->pids('nginx-master')], [$new],
            "upgrade $round: the new master is the only one");
        $ledger->wait_acks(50);
        $old = $new;
    }
    $ledger->finish;
    $ledger->judge;
    is_deeply({$ledger->refused}, {}, 'no request failed meanwhile');

    $server->kill_and_wait('nginx-master');
    is($server->wait_answer && $server->value('select 1'), 1,
        'the launcher watches over the new one as over the old');
    kill 'USR1', $server->pid;
    is($server->wait_answer && $server->value('select 2'), 2,
        '... and reloads it');

    # while the worker is away: nginx still has its socket for that
    my $worker = $server->pid_of('qasino-worker');
    kill 'USR2', $server->pid;
    wait_until('the upgrade', sub {
        return 4 == (() = $server->log_text
            =~ /nginx \(pid \d+\) has been replaced/g) });
    kill 'STOP', $server->pid;
    kill 'KILL', $worker;
    wait_until('its death', sub { !Qasino::Server::alive($worker) });

    unlink $server->run_dir . '/line.sock';     # where nginx tries first
    like(Qasino::Server::read_until($server->line_connect, undef), qr/away/,
        'after an upgrade the line port still says that the worker is away');
    kill 'CONT', $server->pid;
    $server->wait_answer;

    # one that does not start
    spew("$dir/nginx.conf", $template);
    my $conf = $server->run_dir . '/nginx.conf';
    my $good = slurp($conf);
    spew($conf, "nonsense;\n");
    kill 'USR2', $server->pid;
    wait_until('a word of it', sub {
        $server->log_text =~ /the new nginx does not start/ });
    spew($conf, $good);
    is($server->value('select 3'), 3, 'a new one that does not start: the'
        . ' old one stays');
}

# A request that takes longer than any stop is waited for, all the same: by
# the old workers after a reload, by the whole old nginx after an upgrade.
# Meanwhile nginx still has its socket for a worker that is away.
{
    my $server = start_server(query_deadline => 60);
    my $long = sub ($count) {
        return "with recursive n(i) as (select 1 union all select i + 1"
            . " from n limit $count) select max(i), count(*) from n";
    };
    my $ticks = sub () {
        return { map { $_ => (split ' ', slurp("/proc/$_/stat"))[13] // 0 }
            $server->pids('qasino-query') };
    };
    my $begin = sub ($count) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $server->port('http')) // die "connect: $!\n";
        my $sql = $long->($count)
            =~ s/(\W)/sprintf '%%%02x', ord $1/ger;
        my $before = $ticks->();

        syswrite $socket, "GET /request?op=query&sql=$sql HTTP/1.0\r\n\r\n";
        wait_until('the query to run', sub {
            my $now = $ticks->();
            return grep { $now->{$_} > ($before->{$_} // 0) + 5 } keys %$now;
        });
        return $socket;
    };

    my $since = now();
    $server->rows($long->(1_000_000));
    my $count = int 1_000_000 * 5 / (now() - $since);

    my $before = $workers->($server);
    my $query = $begin->($count);
    kill 'USR1', $server->pid;
    like(Qasino::Server::read_until($query, undef),
        qr/200 OK.*\[\["$count", "$count"\]\]/s,
        'a long query that a reload finds is answered');
    $renewed->($server, $before);

    my $old = $server->pid_of('nginx-master');
    $query = $begin->($count + 1);
    kill 'USR2', $server->pid;
    wait_until('the old nginx to be asked to end', sub {
        return grep { slurp("/proc/$_/cmdline") =~ /is shutting down/ }
            $server->family($old) });
    my $away = wait_until('the socket', sub {
        IO::Socket::UNIX->new(Peer => $server->run_dir
            . '/line-away.sock') });
    like(Qasino::Server::read_until($away, undef), qr/away/,
        'while an old nginx ends the line port can say what is the matter');
    kill 'USR2', $server->pid;
    wait_until('a word of it', sub {
        $server->log_text =~ /nginx \(pid $old\) still ends/ });
    $count++;
    like(Qasino::Server::read_until($query, undef),
        qr/200 OK.*\[\["$count", "$count"\]\]/s,
        'a long query that an upgrade finds is answered');
    wait_until('the launcher to say so', sub {
        $server->log_text =~ /nginx \(pid $old\) has been replaced/ });
    is($server->value('select 1'), 1, '... and the new nginx goes on');

    # who does not want to wait stops the server
    $query = $begin->($count * 10);
    kill 'USR2', $server->pid;
    wait_until('two of them', sub { 2 == $server->pids('nginx-master') });
    is($server->stop, '', 'a stop does not wait for the old nginx');
}

done_testing();
