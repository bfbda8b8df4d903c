package Test::Nginx::Socket;

# Declarative nginx tests where OpenResty's Test::Nginx is not installed: the
# part of its format that the suites of t/ use, on Debian's libtest-base-perl.
# t/run puts this directory on @INC only where the real module is missing.
#
# In reading order: what a suite may set, the configuration, starting and
# stopping nginx, sending requests, reading responses, checking them, the
# loop over the blocks.
#
# Beyond the real one: nginx has to end with status 0 and without a sanitizer
# report, each process has its own port and directory (so suites run side by
# side), and log lines are waited for rather than slept for.

use v5.36;

use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Test::Base ();
use Test::More import => [qw(diag fail is like ok pass unlike)];

use Qasino::Process qw(exit_text now patience problem reserve_port
    sanitizer_env sanitizer_reports slurp spawn spew temp_dir wait_until);
use Qasino::Response qw(is_text log_lines parse_response seconds);

our @ISA = ('Test::Base');
our @EXPORT = qw(add_block_preprocessor add_cleanup_handler
    add_test_cleanup_handler bail_out check_accum_error_log env_to_nginx
    html_dir log_level master_off master_on no_long_string no_root_location
    no_shuffle repeat_each run_test run_tests server_addr server_name
    server_port server_root timeout worker_connections workers);

our $VERSION = '0.30';

my $owner = $$;
my $root = $ENV{TEST_NGINX_SERVROOT} // temp_dir() . '/servroot';
my $port = $ENV{TEST_NGINX_PORT} // $ENV{TEST_NGINX_SERVER_PORT}
    // reserve_port();

my %set = (repeat_each => 1, workers => 1, worker_connections => 64,
    log_level => $ENV{TEST_NGINX_LOG_LEVEL} // 'debug', timeout => 3,
    server_addr => '127.0.0.1', server_name => 'localhost',
    master => 'off', shuffle => 1, root_location => 1, whole_log => 0);
my (@nginx_env, @preprocessors, @cleanups, @test_cleanups);

my ($pid, $running) = (0, '');  # the nginx of now, and its configuration
my $log_start = 0;              # where this block's part of error.log begins
my %random_port;


sub option ($name, @value) {
    $set{$name} = $value[0] if @value;
    return $set{$name};
}

sub repeat_each { option('repeat_each', @_) }
sub workers { option('workers', @_) }
sub worker_connections { option('worker_connections', @_) }
sub log_level { option('log_level', @_) }
sub timeout { option('timeout', @_) }
sub server_addr { option('server_addr', @_) }
sub server_name { option('server_name', @_) }
sub server_port { @_ ? $port = $_[0] : $port }
sub server_root { $root }
sub html_dir { "$root/html" }
sub master_on { option('master', 'on') }
sub master_off { option('master', 'off') }
sub no_shuffle { option('shuffle', 0) }
sub no_root_location { option('root_location', 0) }
sub no_long_string { }          # see is_text()
sub check_accum_error_log { option('whole_log', 1) }
sub env_to_nginx { push @nginx_env, @_ }
sub add_block_preprocessor :prototype(&) { push @preprocessors, @_ }
sub add_cleanup_handler { push @cleanups, @_ }
sub add_test_cleanup_handler { push @test_cleanups, @_ }

# Ends this file, not the others as TAP's "Bail out!" would.
sub bail_out {
    stop_nginx();
    diag(@_);
    exit 255;
}

# One value of a section; undef where the block has none.
sub section ($block, $name) { scalar $block->$name }

# $TEST_NGINX_NAME is the environment's, or one of ours.
sub expand ($text) {
    my %ours = (TEST_NGINX_PORT => $port, TEST_NGINX_SERVER_PORT => $port,
        TEST_NGINX_SERVER_ROOT => $root,
        TEST_NGINX_HTML_DIR => html_dir());

    return $text if !defined $text || ref $text;

    return $text =~ s{\$(?:\{(TEST_NGINX_\w+)\}|(TEST_NGINX_[A-Z0-9_]+))}{
        my $name = $1 // $2;
        $name =~ /^TEST_NGINX_RAND_PORT_/
            ? $random_port{$name} //= reserve_port()
            : $ENV{$name} // $ours{$name}
                // bail_out("the environment has no $name")
    }gexr;
}


sub configuration ($block) {
    my %text = map { $_ => expand(section($block, $_)) // '' }
        qw(main_config http_config config post_main_config);

    my @main = map { "load_module $_;" }
        split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';

    # root, because the workers have to reach our temporary directory
    push @main, 'user root;' if $> == 0;
    push @main, map { "env $_;" } @nginx_env;

    my $level = section($block, 'log_level') // $set{log_level};
    my $files = $set{root_location}
        ? "location / { root $root/html; index index.html; }" : '';

    return join "\n", @main, <<"END";
worker_processes $set{workers};
daemon off;
master_process $set{master};
pid $root/logs/nginx.pid;
error_log $root/logs/error.log $level;
$text{main_config}
events {
    worker_connections $set{worker_connections};
}
http {
    access_log $root/logs/access.log;
    client_body_temp_path $root/client_body_temp;
    proxy_temp_path $root/proxy_temp;
    fastcgi_temp_path $root/fastcgi_temp;
    uwsgi_temp_path $root/uwsgi_temp;
    scgi_temp_path $root/scgi_temp;
    default_type text/plain;
    keepalive_timeout 68s;
$text{http_config}
    server {
        listen $port;
        server_name $set{server_name};
        client_max_body_size 30m;
$text{config}
        $files
    }
}
$text{post_main_config}
END
}

# user_files: ">>> name" lines in text, or [[name, content], ...].
sub write_user_files ($block) {
    my $files = section($block, 'user_files') // return;

    if (!ref $files) {
        my (undef, @parts) = split /^>>>[ \t]*(\S+)[^\n]*\n/m, $files;

        $files = [];
        while (my ($name, $text) = splice @parts, 0, 2) {
            push @$files, [$name, $text // ''];
        }
    }

    for my $file (@$files) {
        my $path = $file->[0] =~ m{^/} ? $file->[0]
            : html_dir() . "/$file->[0]";

        make_path(dirname($path));
        spew($path, $file->[1]);
    }
}

sub error_log_path () { "$root/logs/error.log" }

# Starts nginx for the block, unless the one that runs is right for it.
sub start_nginx ($block) {
    my $conf = configuration($block);
    my $dies = defined section($block, 'must_die');

    return if $pid && $conf eq $running && !$dies
        && !defined section($block, 'user_files')
        && !defined section($block, 'init');

    stop_nginx();
    remove_tree($root);
    make_path("$root/logs", "$root/conf", "$root/html");
    spew("$root/html/index.html",
        '<html><head><title>It works!</title></head>'
        . '<body>It works!</body></html>');
    write_user_files($block);
    spew("$root/conf/nginx.conf", $conf);
    $log_start = 0;

    if (defined(my $code = section($block, 'init'))) {
        eval "package main; $code; 1" or bail_out("init failed: $@");
    }

    my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

    $pid = spawn(
        command => [$nginx, '-p', "$root/", '-c', "$root/conf/nginx.conf",
            '-e', error_log_path()],
        env => { sanitizer_env($root) }, output => "$root/logs/stderr");

    my $died;
    wait_until('nginx to listen', sub {
        return $died = 1 if waitpid($pid, WNOHANG) == $pid;
        return !$dies && -s "$root/logs/nginx.pid" && connect_nginx();
    });

    if ($died) {
        ($pid, $running) = (0, '');
        return if $dies && $?;
        bail_out($block->name . ' - nginx does not start: '
            . exit_text($?) . ' ' . slurp("$root/logs/stderr")
            . slurp(error_log_path()));
    }

    $running = $conf;
}

# Stops it and judges how it ended.
sub stop_nginx () {
    return if !$pid || $owner != $$;

    kill 'QUIT', $pid;

    my $gone = eval {
        wait_until('nginx to stop', sub { waitpid($pid, WNOHANG) == $pid });
    };
    my $how = $gone ? exit_text($?) : 'did not stop';

    if (!$gone) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }

    ($pid, $running) = (0, '');

    my @alerts = grep { /\[(?:alert|emerg)\]/ }
        split /^/, substr slurp(error_log_path()), $log_start;

    problem("nginx $how\n" . slurp("$root/logs/stderr")) if $how ne '';
    problem("nginx left alerts:\n@alerts")
        if @alerts && !$set{whole_log};
    sanitizer_reports($root);
}

sub connect_nginx () {
    return IO::Socket::INET->new(Proto => 'tcp', PeerPort => $port,
        PeerAddr => $set{server_addr});
}


# "POST /path\nbody" and the more_headers section as bytes to send.
sub request_bytes ($text, $more, $last) {
    $text = expand($text) =~ s/\A(?:\s*#[^\n]*\n|\s+)+//r;

    my ($line, $body) = split /\n/, $text, 2;
    my ($method, $target, $version) = split ' ', $line;
    my @headers = map { my ($name, $value) = split /:\s*/, $_, 2;
                        "$name: " . ($value // '') }
        grep { !/^\s*#/ } split /[\r\n]+/, expand($more) // '';
    my $has = sub ($name) { scalar grep { /^$name:/i } @headers };

    $body //= '';
    $body =~ s/\A\s+|\s+\z//g
        if !grep { /^transfer-encoding:\s*chunked/i } @headers;

    unshift @headers, "Host: $set{server_name}" if !$has->('host');
    push @headers, 'Connection: ' . ($last ? 'close' : 'keep-alive')
        if !$has->('connection');
    push @headers, 'Content-Length: ' . length $body
        if $body ne '' && !$has->('content-length')
           && !$has->('transfer-encoding');

    return ($method, join("\r\n",
        join(' ', $method, $target // '/', $version // 'HTTP/1.1'),
        @headers, '', $body));
}

# A piece of a request: text, or { value =>, delay_before =>, delay_after }.
sub piece ($piece) { ref $piece ? $piece : { value => $piece } }

# What is sent, a list of connections: pieces in order, methods of the
# requests in them.
sub connections ($block) {
    my $raw = section($block, 'raw_request');

    if (defined $raw) {
        my @pieces = map { { %{piece($_)},
                             value => expand(piece($_)->{value}) } }
            ref $raw eq 'ARRAY' ? @$raw : $raw;
        my ($method) = join('', map { $_->{value} } @pieces) =~ /^\s*(\S+)/;

        return { pieces => \@pieces, methods => [$method // 'GET'] };
    }

    my $pipelined = section($block, 'pipelined_requests');
    my $list = $pipelined // section($block, 'request')
        // bail_out($block->name . ' - no request section');
    my $more = section($block, 'more_headers');
    my @requests = ref $list eq 'ARRAY' ? @$list : $list;
    my @all;

    for my $i (0 .. $#requests) {
        my @pieces = map { piece($_) }
            ref $requests[$i] eq 'ARRAY' ? @{$requests[$i]} : $requests[$i];
        my ($method, $bytes) = request_bytes(
            join('', map { $_->{value} } @pieces),
            ref $more eq 'ARRAY' ? $more->[$i] : $more,
            !$pipelined || $i == $#requests);

        push @all, { pieces => [{ value => $bytes }],
                     methods => [$method] };
    }

    return @all if !$pipelined;

    return { pieces => [map { @{$_->{pieces}} } @all],
             methods => [map { @{$_->{methods}} } @all] };
}

# Sends a connection's pieces and returns all that comes back.  A block with
# "abort" hangs up when its timeout is over; any other has to see the end.
sub exchange ($block, $connection) {
    my $aborts = defined section($block, 'abort');
    my $limit = $aborts
        ? seconds(section($block, 'timeout') // $set{timeout}) : patience();
    my $socket = connect_nginx();
    my $in = '';

    if (!$socket) {
        fail($block->name . " - cannot connect to port $port");
        return '';
    }

    local $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($socket);

    for my $piece (@{$connection->{pieces}}) {
        my $bytes = $piece->{value};

        select undef, undef, undef, $piece->{delay_before}
            if $piece->{delay_before};

        # read along, lest both sides wait for the other to read
        while (length $bytes) {
            my $n = $select->can_write(0)
                ? syswrite $socket, $bytes, 1 << 16 : 0;
            last if !defined $n;
            substr $bytes, 0, $n, '';
            sysread $socket, $in, 1 << 16, length $in
                if $select->can_read($n ? 0 : 0.005);
        }
    }

    if (defined(my $how = section($block, 'shutdown'))) {
        shutdown $socket, $how =~ /(\d)/ ? $1 : 1;
    }

    my $end = now() + $limit;

    while ((my $left = $end - now()) > 0) {
        next if !$select->can_read($left);
        return $in if !sysread $socket, $in, 1 << 16, length $in;
    }

    fail($block->name . " - no end of the response within $limit s")
        if !$aborts;

    return $in;
}

sub normal ($text) {
    return ref $text || !defined $text ? $text
        : expand($text) =~ s/\$ServerPort\b/$port/gr;
}

# What a section expects of request $i; undef where it says nothing.
sub expected ($block, $name, $i, $many) {
    my $value = section($block, $name) // return undef;

    return $value->[$i] if ref $value eq 'ARRAY';

    if ($many) {
        fail($block->name . " - many requests, so $name has to be an array");
        return undef;
    }

    return $value;
}

sub check_headers ($block, $name, $text, $response) {
    for my $line (split /\n+/, $text) {
        my $title = $block->name . " - $name: $line";

        if ($line =~ /^\s*!\s*(\S+)/) {
            ok(!exists $response->{headers}{lc $1}, $title);
            next;
        }

        my ($header, $want) = split /\s*:\s*/, $line, 2;
        my $got = join ', ', @{$response->{headers}{lc $header} // []};

        $want = normal($want // '');
        $name eq 'response_headers' ? is($got, $want, $title)
            : like($got, qr/^$want$/, $title);
    }
}

sub check_response ($block, $response, $i, $many) {
    my $title = $block->name;
    my $want = sub ($name) { expected($block, $name, $i, $many) };
    my $body = $response->{body};

    if (defined(my $pattern = $want->('error_code_like'))) {
        like($response->{code}, qr/$pattern/, "$title - status");
    } else {
        my $code = $want->('error_code') // 200;
        is($response->{code}, $code =~ s/\s+//gr, "$title - status");
    }

    for my $name (qw(response_headers response_headers_like)) {
        my $text = $want->($name) // next;
        check_headers($block, $name, $text, $response);
    }

    if (defined(my $pattern = $want->('raw_response_headers_like'))) {
        like($response->{head}, qr/$pattern/s, "$title - raw headers like");
    }

    if (defined(my $pattern = $want->('raw_response_headers_unlike'))) {
        unlike($response->{head}, qr/$pattern/s,
            "$title - raw headers unlike");
    }

    for my $filter (section($block, 'response_body_filters') // ()) {
        $body = $_->($body) for ref $filter eq 'ARRAY' ? @$filter : $filter;
    }

    if (defined(my $text = $want->('response_body'))) {
        ref $text ? like($body, $text, "$title - body (request $i)")
            : is_text($body, normal($text), "$title - body (request $i)");
    }

    if (defined(my $pattern = $want->('response_body_like'))) {
        like($body, qr/$pattern/s, "$title - body like (request $i)");
    }

    if (defined(my $pattern = $want->('response_body_unlike'))) {
        unlike($body, qr/$pattern/s, "$title - body unlike (request $i)");
    }
}

# The patterns of a log section: lines of text, a regex, or a list of both.
sub patterns ($value) {
    return () if !defined $value;
    return map { patterns($_) } @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return map { qr/\Q$_\E/ } grep { /\S/ } split /\n+/, expand($value);
}

# Log lines may come after the last byte of a response: they are waited for.
sub check_log ($title, $name, $path, $start, $wanted, $unwanted) {
    for my $pattern (@$wanted) {
        my $found = eval {
            wait_until($name, sub {
                grep { /$pattern/ } log_lines($path, $start);
            });
        };
        ok($found, "$title - $pattern in $name");
    }

    for my $pattern (@$unwanted) {
        my @bad = grep { /$pattern/ } log_lines($path, $start);
        ok(!@bad, "$title - $pattern not in $name") or diag(@bad);
    }
}

sub check_logs ($block, $access_start) {
    my $title = $block->name;
    my $start = $set{whole_log} ? 0 : $log_start;

    check_log($title, 'error.log', error_log_path(), $start,
        [patterns(section($block, 'error_log'))],
        [patterns(section($block, 'no_error_log'))]);
    check_log($title, 'access.log', "$root/logs/access.log", $access_start,
        [patterns(section($block, 'access_log'))],
        [patterns(section($block, 'no_access_log'))]);

    if (defined(my $pattern = section($block, 'grep_error_log'))) {
        my $want = section($block, 'grep_error_log_out') // '';
        my $regex = ref $pattern ? $pattern : qr/\Q$pattern\E/;
        my $got = join '', map { /($regex)/ ? "$1\n" : () }
            log_lines(error_log_path(), $start);

        ref $want ? like($got, $want, "$title - grep_error_log")
            : is($got, $want, "$title - grep_error_log");
    }

    return if defined section($block, 'must_die');

    my $allowed = join "\n", map { ref $_ eq 'ARRAY' ? @$_ : $_ // '' }
        map { section($block, $_) } qw(error_log no_error_log);

    for my $level (qw(crit alert emerg)) {
        my @bad = grep { /\[$level\]/ } log_lines(error_log_path(), $start);
        fail("$title - $level in error.log: @bad")
            if @bad && index($allowed, "[$level") < 0;
    }

    # seen here once, not to be held against the end of nginx again
    $log_start = -s error_log_path() // 0 if !$set{whole_log};
}


sub excused ($block) {
    my $text = section($block, 'skip_nginx') // return 0;
    my ($count, $op, $than) = $text =~ /^\s*(\d+)\s*:\s*([<>=!]+)\s*([\d.]+)/
        or bail_out("bad skip_nginx section: $text");
    my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

    state $version = (`$nginx -v 2>&1` =~ m{nginx/([\d.]+)})[0];
    my $order = version->parse("v$version") <=> version->parse("v$than");
    my %holds = ('<' => $order < 0, '<=' => $order <= 0, '>' => $order > 0,
        '>=' => $order >= 0, '==' => $order == 0, '!=' => $order != 0);

    return 0 if !$holds{$op};

    my $builder = Test::More->builder;
    $builder->skip("nginx $version $op $than") for 1 .. $count;
    return 1;
}

sub run_test ($block) {
    $_->($block) for @preprocessors;
    return if excused($block);

    start_nginx($block);
    $log_start = -s error_log_path() // 0 if $pid && !$set{whole_log}
        && !defined section($block, 'init');

    if (defined section($block, 'must_die')) {
        ok(!$pid, $block->name . ' - nginx refuses to start');
        $log_start = 0;
        check_logs($block, 0);
        $log_start = -s error_log_path() // 0;
        return;
    }

    for (1 .. $set{repeat_each}) {
        my $access_start = -s "$root/logs/access.log" // 0;
        my @connections = connections($block);
        my $many = map { @{$_->{methods}} } @connections;
        my $i = 0;

        for my $connection (@connections) {
            my $in = exchange($block, $connection);
            next if defined section($block, 'ignore_response');

            for my $method (@{$connection->{methods}}) {
                my $response = parse_response(\$in, $method)
                    // { code => '', head => '', body => '',
                         headers => {} };
                check_response($block, $response, $i++, $many > 1);
            }
        }

        select undef, undef, undef, seconds(section($block, 'wait'))
            if section($block, 'wait');
        check_logs($block, $access_start);
    }

    $_->($block) for @test_cleanups;
}

sub run_tests () {
    my @blocks = Test::Base::blocks();

    @blocks = sort { $a->[0] <=> $b->[0] } map { [rand, $_] } @blocks
        if $set{shuffle} && !$ENV{TEST_NGINX_NO_SHUFFLE};

    run_test(ref $_ eq 'ARRAY' ? $_->[1] : $_) for @blocks;
    stop_nginx();
}

END {
    if ($owner == $$) {
        local $?;
        $_->() for @cleanups;
        stop_nginx();
    }
}

1;
