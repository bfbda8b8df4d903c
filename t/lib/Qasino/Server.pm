package Qasino::Server;

# A whole server of a test's own: the launcher and all that it starts.
#
#   use Qasino::Server;
#   my $server = start_server(generation_duration => 1);
#   $server->publish('host1', $table);
#
# It runs in a temporary directory on ports that the launcher chooses.  It is
# stopped when the test ends: not exiting with 0, leaving a process behind or
# a sanitizer's report fails the test.

use v5.36;

use Exporter qw(import);
use HTTP::Tiny ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(min);
use POSIX qw(WNOHANG);
use Socket qw(IPPROTO_TCP TCP_NODELAY);

use Qasino::Frame;
use Qasino::Process qw(build_dir exit_text is_direct patience problem
    sanitizer_env sanitizer_reports slurp spawn spew temp_dir wait_until);

our @EXPORT = qw(start_server run_server table encode_json decode_json);

my @all;
my $owner = $$;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub encode_json ($value) { $json->encode($value) }
sub decode_json ($text) { $json->decode($text) }

# A table for publish(): table(name => [a => 'int', b => 'text'], [1, 'x'])
sub table ($name, $columns, @rows) {
    my @pairs = @$columns;
    my (@names, @types);

    while (my ($column, $type) = splice @pairs, 0, 2) {
        push @names, $column;
        push @types, $type;
    }

    return { tablename => $name, column_names => \@names,
             column_types => \@types, rows => \@rows };
}

sub new ($class, %settings) {
    my $dir = temp_dir();
    my $binary = $ENV{TEST_NGINX_BINARY};
    my $self = bless {
        dir => $dir,
        http => HTTP::Tiny->new(timeout => patience()),
        settings => {
            (map { ($_ . '_port' => 0) } qw(http zmq pubsub line)),
            run_dir => "$dir/run", db_dir => "$dir/db",
            static_db => "$dir/static.db", identity => 'test-server',
            query_processes => 2, nginx_workers => 2,
            ($binary ? (nginx => $binary) : ()),
            %settings,
        },
    }, $class;

    push @all, $self;
    return $self;
}

sub start_server (%settings) {
    return __PACKAGE__->new(%settings)->start;
}

# For what must not start: its exit in words, and what it wrote.
sub run_server (%settings) {
    my $self = __PACKAGE__->new(%settings);

    $self->launch;

    my $pid = delete $self->{pid};
    my $how;
    wait_until('qasino-server to give up', sub {
        return 0 if waitpid($pid, WNOHANG) != $pid;
        $how = exit_text($?);
        return 1;
    });

    return ($how, $self->log_text);
}

sub dir ($self) { $self->{dir} }
sub pid ($self) { $self->{pid} }
sub port ($self, $name) { $self->{ports}{$name} }
sub ready_line ($self) { $self->{ready} }
sub run_dir ($self) { $self->{settings}{run_dir} }
sub log_text ($self) { slurp("$self->{dir}/server.log") }

sub launch ($self) {
    my %settings = %{$self->{settings}};
    my @options = map { ('--' . tr/_/-/r, $settings{$_}) }
        sort grep { defined $settings{$_} } keys %settings;

    pipe $self->{stdout}, my $child or die "pipe: $!\n";
    $self->{pid} = spawn(
        command => [build_dir() . '/qasino-server', @options],
        env => { sanitizer_env($self->{dir}) },
        stdout => $child, output => "$self->{dir}/server.log");
    close $child;
}

sub start ($self) {
    $self->launch;

    my $out = '';
    my $select = IO::Select->new($self->{stdout});

    wait_until('the ready line', sub {
        return 0 if !$select->can_read(0);
        return sysread($self->{stdout}, $out, 4096, length $out) ? $out =~ /\n/
            : 'end of file';
    });

    if ($out !~ /^qasino ready .*\n/) {
        waitpid delete $self->{pid}, 0;
        die 'the server did not start, it ' . exit_text($?) . ": $out\n"
            . $self->log_text;
    }

    $self->{ready} = $out;
    $self->{ports} = { $out =~ /(\w+)=(\w+)/g };
    undef $self->{socket};

    return $self;
}

# Sends a signal and waits for the end; judges how it ended.
sub stop ($self, $signal = 'TERM', $expected = '') {
    my $pid = delete $self->{pid} // return;
    my @family = $self->family($pid);

    CORE::kill $signal, $pid;
    CORE::kill 'CONT', $pid;    # a test may have stopped it

    my $gone = eval {
        wait_until("the server to stop after SIG$signal",
            sub { waitpid($pid, WNOHANG) == $pid });
    };
    my $how = $gone ? exit_text($?) : $@;

    if (!$gone) {
        CORE::kill 'KILL', $pid;
        waitpid $pid, 0;
    }

    # the launcher does not end before its children have
    my @left = grep { alive($_) } @family;
    if (@left && !$expected) {
        problem("processes left after the server's end: @left");
        CORE::kill 'KILL', @left;
    }
    wait_until('orphans to end', sub { !grep { alive($_) } @family });

    problem("the server $how:\n" . $self->log_text) if $how ne $expected;
    sanitizer_reports($self->{dir});

    return $how;
}

sub restart ($self, @signal) { $self->stop(@signal); $self->start }


# Processes, through /proc.

# (pid, parent, state, name, command line) of each.
sub processes () {
    my @all;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($pid, $name, $state, $parent)
            = slurp($stat) =~ /^(\d+) \((.*)\) (\S) (\d+)/s or next;
        push @all, [$pid, $parent, $state, $name];
    }

    return @all;
}

sub alive ($pid) {
    return slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) [^ZX]/s;
}

# Everything below a process.
sub family ($self, $top = $self->{pid}) {
    my @all = processes();
    my %in = ($top => 1);
    my $size = 0;

    while ($size != keys %in) {
        $size = keys %in;
        $in{$_->[0]} = 1 for grep { $in{$_->[1]} } @all;
    }

    delete $in{$top};
    return sort { $a <=> $b } grep { alive($_) } keys %in;
}

# Pids of the server's processes of that name: qasino-worker, qasino-query,
# qasino-zmq-bridge, nginx-master, nginx-worker.
sub pids ($self, $name) {
    my $title = $name =~ /^nginx-(\w+)$/ ? qr/^nginx: $1 process/
        : qr{^(?:\S*/)?\Q$name\E(?:\0|\z)};

    my %found = map { ($_ => 1) }
        grep { slurp("/proc/$_/cmdline") =~ $title } $self->family;

    # of these some are of another kind
    delete @found{grep { is_direct($_) } keys %found};

    # the child of one that has its name has not become another program yet
    return grep {
        my ($parent) = slurp("/proc/$_/stat") =~ /.*\) \S (\d+)/s;
        !$found{$parent // 0};
    } sort { $a <=> $b } keys %found;
}

sub pid_of ($self, $name) {
    return wait_until("a $name", sub { ($self->pids($name))[0] });
}

# kill -9, then until there is another (as many as before).
sub kill_and_wait ($self, $name, $pid = $self->pid_of($name)) {
    my $count = $self->pids($name);

    CORE::kill 'KILL', $pid;
    wait_until("another $name", sub {
        my @now = $self->pids($name);
        return @now >= $count && !grep { $_ == $pid } @now;
    });
}

# The query processes that nginx asks itself, which are none of those: as many
# as there are nginx workers, or query_processes if that is less.
sub direct_pids ($self) {
    my $count = min(@{$self->{settings}}{qw(nginx_workers query_processes)});

    return @{wait_until('the query processes that nginx asks', sub {
        my @pids = grep { is_direct($_) } $self->family;
        return @pids == $count && \@pids;
    })};
}

# Connections of nginx to them: their ends there have the socket's name, as what
# listens does.
sub direct_links ($self) {
    my $path = $self->run_dir . '/query.sock';

    return -1 + grep { /\Q$path\E$/ } split /\n/, slurp('/proc/net/unix');
}

sub resident_kib ($pid) {
    return (slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m)[0] // 0;
}


# HTTP

sub url ($self) { "http://127.0.0.1:$self->{ports}{http}/" }

# { status, headers, content }; status 599 where nobody answered.
sub http ($self, $method, $target, $body = undef, %headers) {
    my $answer = $self->{http}->request($method,
        "http://127.0.0.1:$self->{ports}{http}$target",
        { defined $body ? (content => $body) : (), headers => \%headers });

    # it writes head and body apart, and Nagle would have the body wait for
    # a delayed acknowledgement: 40 ms a request on the connection it keeps
    my $handle = $self->{http}{handle};
    setsockopt $handle->{fh}, IPPROTO_TCP, TCP_NODELAY, 1
        if $handle && $handle->{fh};

    return $answer;
}

sub http_get ($self, $target, %headers) {
    return $self->http('GET', $target, undef, %headers);
}

sub http_post ($self, $target, $body, %headers) {
    return $self->http('POST', $target, ref $body ? encode_json($body)
        : $body, %headers);
}

# The JSON document of an answer, with "status" in it.
sub document ($answer) {
    my $document = eval { decode_json($answer->{content}) };

    $document = { error_message => $answer->{content} }
        if ref $document ne 'HASH';
    $document->{status} = $answer->{status};

    return $document;
}

# The answer of a publish: decoded, with "status" in it.
sub publish ($self, $identity, $table, %more) {
    my $answer = $self->http_post('/request?op=add_table_data',
        { op => 'add_table_data', identity => $identity, table => $table,
          %more });

    return document($answer);
}

# Dies unless it was acknowledged.
sub published ($self, @what) {
    my $answer = $self->publish(@what);

    return $answer if ($answer->{response_op} // '') eq 'ok';
    die 'not acknowledged: ' . encode_json($answer) . "\n";
}

sub query ($self, $sql) {
    my $answer = $self->http_post('/request?op=query', { sql => $sql });

    return document($answer);
}

# Rows of a query; dies with the error.
sub rows ($self, $sql) {
    my $answer = $self->query($sql);

    return $answer->{table}{rows}
        // die "$sql: " . encode_json($answer) . "\n";
}

sub value ($self, $sql) { $self->rows($sql)->[0][0] }

# The number of the generation that is served.
sub generation ($self) {
    return $self->value('select generation_number from qasino_server_info');
}

# Waits until another generation is served, $count times; returns the last.
sub wait_generation ($self, $count = 1) {
    my $now;

    for (1 .. $count) {
        my $before = $self->generation;
        $now = wait_until('the next generation', sub {
            my $number = $self->generation;
            return $number != $before && $number;
        });
    }

    return $now;
}

# Publishes, and waits for the snapshot that has it.
sub publish_and_wait ($self, @what) {
    $self->published(@what);
    $self->wait_generation;
}

# Waits until the server answers queries again.
sub wait_answer ($self) {
    return wait_until('an answer', sub {
        my $answer = $self->query('select generation_number'
            . ' from qasino_server_info');
        return $answer->{status} == 200 && $answer->{table}{rows}[0][0];
    });
}


# Lines

sub line_connect ($self) {
    return IO::Socket::INET->new(Proto => 'tcp', PeerAddr => '127.0.0.1',
        PeerPort => $self->{ports}{line}) // die "line port: $!\n";
}

# Reads from a socket until the pattern matches or the other side closes
# (pattern undef: until it closes); returns everything read.
sub read_until ($socket, $pattern) {
    my $in = '';

    eval {
        wait_until('an answer on the line port', sub {
            return 0 if !IO::Select->new($socket)->can_read(0.05);
            return 1 if !sysread $socket, $in, 65536, length $in;
            return defined $pattern && $in =~ $pattern;
        });
    } or die $@ =~ s/\n//r . ', which has said: ' . substr($in, -1000) . "\n";

    return $in;
}

# One session: sends it all, ends it with quit, returns what came, with LF.
sub line ($self, $text) {
    my $socket = $self->line_connect;

    syswrite $socket, $text . "quit;\r\n";

    return read_until($socket, undef) =~ s/\r\n/\n/gr;
}


# Frames, ZeroMQ, keys

sub frames ($self) { Qasino::Frame->connect($self->run_dir . '/worker.sock') }

# Runs Python with pyzmq, after a prelude: PORT, connect(kind, port),
# req(message), which returns the frames of the reply, and subscribe().  What
# the code prints as JSON is returned, decoded.
sub zmq ($self, $code) {
    my $file = "$self->{dir}/client-$$.py";
    my $limit = patience() * 1000;

    spew($file, <<"END" . $code);
import json, sys, zmq
PORT = $self->{ports}{zmq}
context = zmq.Context()
def connect(kind, port):
    s = context.socket(kind)
    s.setsockopt(zmq.LINGER, 0)
    s.setsockopt(zmq.RCVTIMEO, $limit)
    if kind == zmq.SUB:
        s.setsockopt(zmq.SUBSCRIBE, b"GENSIG")
    s.connect("tcp://127.0.0.1:%d" % port)
    return s
def req(message, s=None):
    s = s or connect(zmq.REQ, PORT)
    s.send(message.encode() if isinstance(message, str)
           else json.dumps(message).encode())
    return [f.decode() for f in s.recv_multipart()]
def subscribe():
    return connect(zmq.SUB, $self->{ports}{pubsub})
END
    # Debian's python: another in the path may not have the package
    my $out = `/usr/bin/python3 $file 2>&1`;

    return decode_json($out) if $? == 0;
    die "zmq client: $out\n";
}

# A key, a certificate and a password file for user qasino; the settings.
sub tls_settings () {
    my $dir = temp_dir();

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        . " -nodes -days 2 -subj /CN=localhost -keyout $dir/server.key"
        . " -out $dir/server.crt 2>$dir/log") == 0 or die slurp("$dir/log");
    my $hash = `openssl passwd -apr1 qasino`;
    spew("$dir/htpasswd", "qasino:$hash");

    return (https_port => 0, keys_dir => $dir,
        htpasswd_file => "$dir/htpasswd");
}

END {
    if ($owner == $$) {
        local $?;
        $_->stop for @all;
    }
}

1;
