package Bench;

# What every measurement needs: a directory on a tmpfs, a server, an nginx
# that only answers "return 200", programs that print a line of figures, and
# the median of several.
#
# Everything is ended and removed when the program exits.

use v5.36;

use Exporter qw(import);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use FindBin qw($Bin);
use HTTP::Tiny ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(WNOHANG strftime);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

our @EXPORT = qw(build_dir work_dir say_step now slurp spew spawn end figures
    on_each_core start_watch end_watch start_server stop_server port
    server_pid server_options http_get http_post rows snapshot_path publish
    publish_rows wait_visible start_plain plain_pid nginx_work median
    provenance);

my $build = $ENV{QASINO_BUILD} // "$Bin/../build/release";
my $owner = $$;
my $began = now();
my $dir = tempdir('qasino-bench.XXXXXX', DIR => '/dev/shm');
my $http = HTTP::Tiny->new(timeout => 120);
my (%child, $server, %port, %options, $plain, $core);

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

END {
    if ($$ == $owner) {
        my $status = $?;
        end_all();
        remove_tree($dir);
        $? = $status;
    }
}

sub build_dir () { $build }
sub work_dir () { $dir }
sub now () { clock_gettime(CLOCK_MONOTONIC) }
sub port ($name) { $port{$name} }
sub server_pid () { $server }

# On stderr, with the seconds since the beginning.
sub say_step ($text) {
    printf STDERR "%4d s  %s\n", now() - $began, $text;
}

sub slurp ($path) {
    open my $in, '<', $path or return '';
    local $/;
    return scalar(<$in>) // '';
}

sub spew ($path, $text) {
    open my $out, '>', $path or die "bench: $path: $!\n";
    print {$out} $text;
    close $out or die "bench: $path: $!\n";
}

# Starts a program, its output in a file; ended with us.
sub spawn ($out, @command) {
    my $pid = fork() // die "bench: fork: $!\n";

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $out;
        open STDERR, '>>', "$dir/log";
        { exec @command }
        POSIX::_exit(127);
    }

    return $child{$pid} = $pid;
}

# Waits for one of these to end; its exit status.
sub wait_for ($pid) {
    waitpid $pid, 0;
    delete $child{$pid};
    return $? >> 8 || $? & 127;
}

sub end ($pid) {
    kill 'TERM', $pid;
    my $limit = now() + 30;
    while (waitpid($pid, WNOHANG) == 0) {
        kill 'KILL', $pid if now() > $limit;
        sleep 0.02;
    }
    delete $child{$pid};
}

# The server last: what depends on it complains otherwise.
sub end_all () {
    end($_) for grep { $_ != ($server // 0) } keys %child;
    stop_server() if $server;
}

# Runs one of our programs: its line of figures.
sub figures ($program, @arguments) {
    open my $out, '-|', defined $core ? ('taskset', '-c', $core) : (),
        "$build/bench-$program", @arguments
        or die "bench: $program: $!\n";
    my @figures = split /\t/, scalar(<$out>) // '';
    close $out;
    chomp @figures;
    return @figures ? @figures
        : die "bench: bench-$program @arguments printed nothing\n";
}

# What one process reaches, the mean of all cores: on a machine that others
# share they are not equally fast, and the server has them all.  measure->()
# is called on each, and told on how many.
sub on_each_core ($measure) {
    my ($list) = `taskset -pc $$` =~ /: ([-\d,]+)$/
        or die "bench: taskset does not say which cores there are\n";
    my @cores = map { /(\d+)-(\d+)/ ? $1 .. $2 : $_ } split /,/, $list;
    my $sum = 0;

    for (@cores) {
        $core = $_;
        $sum += $measure->(scalar @cores);
    }
    $core = undef;
    return $sum / @cores;
}

# bench-watch on the server, until end_watch(), which has its lines.
sub start_watch (@directories) {
    my $out = "$dir/watch";
    pipe my $read, my $write or die "bench: pipe: $!\n";
    my $pid = fork() // die "bench: fork: $!\n";

    if (!$pid) {
        open STDIN, '<&', $read;
        open STDOUT, '>', $out;
        close $write;
        { exec "$build/bench-watch", $server, @directories }
        POSIX::_exit(127);
    }
    $child{$pid} = $pid;
    return { pid => $pid, pipe => $write, out => $out };
}

sub end_watch ($watch) {
    close $watch->{pipe};
    wait_for($watch->{pid});
    return map { [split /\t/] } split /\n/, slurp($watch->{out});
}

sub server_options () { \%options }

# Options as in worker.yaml; the files are kept from start to start unless
# "fresh" is there.
sub start_server (%given) {
    stop_server() if $server;
    remove_tree("$dir/db", "$dir/static.db", "$dir/run")
        if delete $given{fresh};

    %options = (
        (map { ("${_}_port" => 0) } qw(http zmq pubsub line)),
        identity => 'bench', nginx_workers => 2, db_dir => "$dir/db",
        max_identities => 10_000_000,   # one for each publish
        run_dir => "$dir/run", static_db => "$dir/static.db", %given);
    unlink "$dir/ready";
    $server = spawn("$dir/ready", "$build/qasino-server",
        map { ('--' . tr/_/-/r, $options{$_}) } sort keys %options);

    my $limit = now() + 60;
    until (slurp("$dir/ready") =~ /^qasino ready .*\n/) {
        die "bench: the server did not start:\n" . slurp("$dir/log")
            if waitpid($server, WNOHANG) || now() > $limit;
        sleep 0.02;
    }
    %port = slurp("$dir/ready") =~ /(\w+)=(\d+)/g;
}

sub stop_server () {
    end($server);
    undef $server;
}

sub http_get ($target) {
    return $http->get("http://127.0.0.1:$port{http}$target");
}

sub http_post ($target, $body) {
    return $http->post("http://127.0.0.1:$port{http}$target",
        { content => $body });
}

# Rows of a query; none where it is refused.
sub rows ($sql) {
    my $answer = http_post('/request?op=query',
        JSON::PP->new->encode({ sql => $sql }));
    my $document = eval { JSON::PP->new->decode($answer->{content}) };

    return @{$document->{table}{rows} // []};
}

# The file of the snapshot that is served.
sub snapshot_path () {
    my ($info) = rows('select generation_number from qasino_server_info');

    return "$options{db_dir}/qasino_table_store_$info->[0].db";
}

# Publishes bodies of 10,000 rows (see body()) until there are that many.
sub publish_rows ($body, $rows, $first = 1) {
    publish($body, $rows / 10_000, $first);
}

# The body so many times, each with another number.
sub publish ($body, $requests, $first = 1) {
    my @load = figures('load', '--port', $port{http}, '--target',
        '/request?op=add_table_data', '--body', $body, '--expect',
        '"response_op": "ok"', '--connections', 4, '--first', $first,
        '--requests', $requests, '--seconds', 300);

    die "bench: $load[2] publishes were not acknowledged\n" if $load[2];
}

# Waits until a snapshot has the table with that many rows.
sub wait_visible ($table, $rows) {
    my $limit = now() + 180;

    until (((rows("select count(*) from $table"))[0] // [0])->[0] == $rows) {
        die "bench: '$table' has not got $rows rows\n" if now() > $limit;
        sleep 0.1;
    }
}

# An nginx of 2 workers; locations are the text of its server block, what is
# before that of its http block.  The port.
sub start_plain ($locations, $before = '') {
    my $home = "$dir/plain";

    end($plain) if $plain;
    remove_tree($home);
    mkdir $home or die "bench: $home: $!\n";

    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
        ReuseAddr => 1) or die "bench: $!\n";
    my $at = $probe->sockport;
    close $probe;

    spew("$home/nginx.conf", <<"END");
daemon off; worker_processes 2; pid $home/pid; error_log stderr;
worker_rlimit_nofile 16384;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 1000000; keepalive_timeout 300s;
    client_max_body_size 64m; client_body_buffer_size 1m;
    client_body_temp_path $home/b; proxy_temp_path $home/p;
    fastcgi_temp_path $home/f; uwsgi_temp_path $home/u;
    scgi_temp_path $home/s;
$before
    server {
        listen 127.0.0.1:$at;
$locations
    }
}
END
    my $nginx = (grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}),
        '/usr/sbin')[0] // die "bench: no nginx\n";
    $plain = spawn("$home/out", $nginx, '-p', $home, '-c',
        "$home/nginx.conf");

    my $limit = now() + 30;
    until (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $at)) {
        die "bench: nginx did not start:\n" . slurp("$dir/log")
            if waitpid($plain, WNOHANG) || now() > $limit;
        sleep 0.02;
    }
    return $at;
}

sub plain_pid () { $plain }

# Seconds of processor time of each nginx worker below that process.
sub nginx_work ($ancestor) {
    my (%parent, %work);

    for my $stat (map { slurp($_) } glob '/proc/[0-9]*/stat') {
        $parent{$1} = $2 if $stat =~ /^(\d+) \(.*\) \S (\d+)/s;
    }
    for my $pid (keys %parent) {
        my $at = $pid;

        $at = $parent{$at} while $at && $at != $ancestor;
        $work{$pid} = (split ' ', slurp("/proc/$pid/schedstat"))[0] / 1e9
            if $at && slurp("/proc/$pid/cmdline") =~ /^nginx: worker/;
    }
    return %work;
}

sub median (@values) {
    my @sorted = sort { $a <=> $b } @values;

    return $sorted[$#sorted / 2];
}

# When, of what and on what: for whoever reads the figures later.
sub provenance () {
    my $top = "$Bin/..";
    my $info = slurp('/proc/cpuinfo');
    my ($model) = $info =~ /^model name\s*: (.*)/m;
    my $cores = () = $info =~ /^processor/mg;
    my $commit = `git -C $top log -1 --format=%h 2>/dev/null` =~ s/\n//r;
    my $changed = `git -C $top status --porcelain -uno 2>/dev/null`;

    return strftime('%Y-%m-%d %H:%M UTC', gmtime) . ', commit '
        . ($commit || 'unknown') . ($changed ? ' with changes' : '')
        . ", $cores cores" . ($model ? " of $model" : '');
}

1;
