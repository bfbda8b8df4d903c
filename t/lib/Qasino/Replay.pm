package Qasino::Replay;

# Sends recorded requests to a server of the test's own, through every
# interface, and returns the answers as outcomes (Qasino::ReplayOutcome).

use v5.36;

use IO::Select;
use IO::Socket::INET;
use IPC::Open2 qw(open2);
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep);

use Qasino::Process qw(now patience top_dir wait_until);
use Qasino::ReplayOutcome;
use Qasino::Server;

use constant {
    PYTHON => '/usr/bin/python3',
    QUIET => 0.5,               # seconds of silence taken for no answer
    END_SQL => "select 'of the replay' as the_end;\r\n",
};

sub new ($class, $server) { bless { server => $server }, $class }

sub server ($self) { $self->{server} }

# The outcome of one record that is a single exchange.
sub answer ($self, $record) {
    my $request = $record->{request};

    for ($record->{interface}) {
        return $self->raw_http($request->{bytes}) if /\AHTTP RAW\z/;
        return $self->https($request) if /\AHTTPS /;
        return outcome_of_http($self->http($request)) if /\AHTTP /;
        return $self->zmq($record) if /\AZMQ (REQ|DEALER)\z/;
        return $self->signal($request) if /\AZMQ SUB\z/;
    }
    die "$record->{id}: no way to send '$record->{interface}'\n";
}


# HTTP, written by hand: the client must not improve what was recorded.

sub http ($self, $request) {
    my $body = $request->{body};
    my %headers = %{$request->{headers} // {}};
    my $method = $request->{method};

    $body = to_bytes($body) if defined $body;
    $headers{Host} //= 'localhost';
    $headers{Connection} = 'close';
    $headers{'Content-Length'} = length $body if defined $body;

    my $socket = $self->connect('http');
    $self->write($socket, "$method $request->{path} HTTP/1.1\r\n"
        . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers)
        . "\r\n" . ($body // ''));
    my $bytes = $self->read($socket, sub { 0 });

    return take_answer(\$bytes, $method) // { status => 0, headers => {},
        content => $bytes };
}

# Takes one whole answer off the front of $$bytes.
sub take_answer ($bytes, $method = 'GET') {
    while ($$bytes =~ m{\AHTTP/\S+\ (\d{3})[^\n]*\n((?:[^\r\n]
        [^\n]*\n)*)\r?\n}x) {
        my ($status, $lines, $rest) = ($1, $2, substr $$bytes, $+[0]);
        my %headers = map { /^([^:]+): *(.*?)\r?$/ ? (lc $1 => $2) : () }
            split /\n/, $lines;
        my $content = '';

        if ($status < 200) {
            $$bytes = $rest;
            next;
        }

        if ($method eq 'HEAD' || $status == 304) {
            # no body
        } elsif (($headers{'transfer-encoding'} // '') eq 'chunked') {
            while ($rest =~ s/\A([0-9a-fA-F]+)\r\n//) {
                my $length = hex $1;
                $content .= substr $rest, 0, $length;
                $rest = substr $rest, $length + 2;
                last if !$length;
            }
        } elsif (defined $headers{'content-length'}) {
            $content = substr $rest, 0, $headers{'content-length'};
            $rest = substr $rest, length $content;
        } else {
            ($content, $rest) = ($rest, '');
        }

        $$bytes = $rest;
        return { status => $status, headers => \%headers,
            content => $content };
    }
    return undef;
}

# Bytes of somebody's own making; what comes back until silence.
sub raw_http ($self, $pieces) {
    my $socket = $self->connect('http');
    my $bytes = '';

    for my $piece (@$pieces) {
        $self->write($socket, to_bytes($piece));
        $bytes .= $self->read($socket, sub ($in) {
            my $copy = $in;
            take_answer(\$copy);
        }, 2);
    }
    $bytes .= $self->read($socket, sub { 0 }, QUIET);

    return raw_outcome($bytes, $self->{closed});
}

sub raw_outcome ($bytes, $closed) {
    my @answers;

    while (my $answer = take_answer(\$bytes)) {
        push @answers, outcome_of_http($answer);
    }

    return { kind => 'connection', answers => \@answers,
        closed => $closed ? 1 : 0 };
}

sub https ($self, $request) {
    my %headers = %{$request->{headers} // {}};
    my $head = $request->{method} eq 'HEAD';
    my @command = ('curl', '-sk', '-i', '--http1.1', '--max-time', patience(),
        $head ? '-I' : ('-X', $request->{method}));

    if (($headers{Authorization} // '') =~ /\ABasic base64\((.*)\)\z/) {
        $headers{Authorization} = 'Basic ' . encode_base64($1, '');
    }
    push @command, '-H', "$_: $headers{$_}" for sort keys %headers;
    push @command, '--data-binary', $request->{body}
        if defined $request->{body};

    my $port = $self->{server}->port('https');
    open my $curl, '-|:raw', @command,
        "https://127.0.0.1:$port$request->{path}" or die "curl: $!\n";
    local $/;
    my $bytes = <$curl> // '';
    close $curl;

    return outcome_of_http(take_answer(\$bytes, $request->{method})
        // { status => 0, headers => {}, content => $bytes });
}


# Sockets

sub connect ($self, $name) {
    return IO::Socket::INET->new(Proto => 'tcp', PeerAddr => '127.0.0.1',
        PeerPort => $self->{server}->port($name)) // die "$name port: $!\n";
}

sub write ($self, $socket, $bytes) {
    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $socket, $bytes or return;
        substr $bytes, 0, $n, '';
    }
}

# Reads until the other side closes, $enough says so, or, with $quiet, nothing
# has come for that many seconds.
sub read ($self, $socket, $enough, $quiet = patience()) {
    my $in = '';

    $self->{closed} = 0;
    while (IO::Select->new($socket)->can_read($quiet)) {
        if (!sysread $socket, $in, 1 << 16, length $in) {
            $self->{closed} = 1;
            last;
        }
        last if $enough->($in);
    }

    return $in;
}


# ZeroMQ, through t/zmq_client.py

sub zmq_command ($self, @command) {
    if (!$self->{zmq_pid}) {
        $self->{zmq_pid} = open2($self->{zmq_out}, $self->{zmq_in}, PYTHON,
            top_dir() . '/t/zmq_client.py');
        $self->{zmq_in}->autoflush(1);
    }

    print {$self->{zmq_in}} encode_json(\@command), "\n";
    my $line = readline $self->{zmq_out} // die "zmq_client.py ended\n";

    return decode_json($line);
}

sub hex_frames (@frames) { [map { unpack 'H*', to_bytes($_) } @frames] }

sub frames_of_hex ($frames) { $frames && [map { pack 'H*', $_ } @$frames] }

sub zmq_open ($self, $kind, $port) {
    my $name = 'socket' . ++$self->{zmq_sockets};

    $self->zmq_command('open', $name, $kind,
        'tcp://127.0.0.1:' . $self->{server}->port($port));
    return $name;
}

sub zmq ($self, $record) {
    my ($kind) = $record->{interface} =~ /(REQ|DEALER)/;
    my $request = $record->{request};
    my $name = $self->zmq_open($kind, 'zmq');
    my @messages = ref $request ? $request->{frames}
        : map { [$_->[0], '', encode_json({ op => 'query',
            sql => "select $_->[1] a" })] } ['A', 1], ['B', 2];

    $self->zmq_command('send', $name, hex_frames(@$_)) for @messages;

    my @outcomes = map {
        outcome_of_frames(frames_of_hex($self->zmq_command('recv', $name,
            silent($record) ? 2 : patience())))
    } @messages;
    $self->zmq_command('close', $name);

    return @outcomes == 1 ? $outcomes[0]
        : { kind => 'answers', answers => [sort { $a->{envelope}[0]
            cmp $b->{envelope}[0] } @outcomes] };
}

sub silent ($record) {
    return ref $record->{response} eq 'HASH' && $record->{response}{timeout};
}

sub signal ($self, $request) {
    my $name = $self->zmq_open('SUB', 'pubsub');

    $self->zmq_command('subscribe', $name, unpack 'H*',
        $request->{subscribe});
    my $frames = frames_of_hex($self->zmq_command('recv', $name,
        $request->{subscribe} =~ /\A(GENSIG)?\z/ ? patience() : 3));
    $self->zmq_command('close', $name);

    return outcome_of_signal($frames);
}

sub outcome_of_signal ($frames) {
    return { kind => 'none' } if !$frames;

    my ($tag, $document) = split /\0/, $frames->[0], 2;
    my $signal = eval { decode_json($document) } // {};

    $signal->{generation_number} =~ s/\A\d{10}\z/<generation>/;
    $signal->{generation_duration_s} =~ s/\A\d+\z/<seconds>/;
    return { kind => 'signal', frames => scalar @$frames, tag => $tag,
        signal => $signal };
}


# Line sessions: all of them at once, because some only wait.

sub line_sessions ($self, @records) {
    my @sessions = map { { record => $_, socket => $self->connect('line'),
        pieces => [line_pieces($_)], wait => 0, in => '' } } @records;

    for (my $step = 0; grep { @{$_->{pieces}} } @sessions; $step++) {
        sleep(0.4) if $step;
        for my $session (grep { @{$_->{pieces}} } @sessions) {
            $self->write($session->{socket}, shift @{$session->{pieces}});
        }
    }

    for my $session (@sessions) {
        my $end = $session->{record}{response}{data} ne '';

        $session->{end} = $end;
        $self->write($session->{socket}, END_SQL) if $end;
        shutdown $session->{socket}, 1
            if $session->{record}{id} =~ /half_close/;
    }

    my $limit = now() + QUIET;
    for my $session (@sessions) {
        my $waits = $session->{end}
            || $session->{record}{response}{closed_by_server};
        my $left = $limit - now();

        $session->{in} = $self->read($session->{socket},
            sub ($in) { $session->{end} && $in =~ /the_end\r?\n.*returned/s },
            $waits ? patience() : $left > 0.01 ? $left : 0.01);
        $session->{closed} = $self->{closed};
    }

    return map {
        outcomes_of_lines(
            $_->{in} =~ s/ *the_end\r?\n=+\r?\n *of the replay.*\z//sr,
            $_->{closed})
    } @sessions;
}

# What to send, piece by piece.
sub line_pieces ($record) {
    my $request = $record->{request};
    my @chunks = defined $request->{bytes} ? ($request->{bytes})
        : @{$request->{chunks}};
    my @pieces = map { to_bytes(ref $_ ? $_->[1] : $_) } @chunks;

    # the recording cut these short
    for ($record->{id}) {
        $pieces[0] = 'select 1 as a' . ' ' x ($1 - 14) . ";\r\n"
            if /\Aline\.long_line_(\d+)\z/;
        $pieces[0] = 'x' x 200_000 if $_ eq 'line.long_no_crlf';
    }

    return @pieces;
}


# Many queries at once, on the worker's own socket: [sql, ...] to outcomes.

sub queries ($self, @sql) {
    my $frames = $self->{server}->frames;
    my %outcome;
    my @all;

    while (my @some = splice @sql, 0, 200) {
        my %place = map {
            my $sql = $some[$_];
            utf8::encode($sql) if utf8::is_utf8($sql);
            ($frames->send(op => 'query', args => { sql => $sql }) => $_)
        } 0 .. $#some;
        my @outcomes;

        for my $answer ($frames->answers(scalar @some)) {
            $outcomes[$place{$answer->{id}}] =
                outcome_of_json($answer->{body});
        }
        push @all, @outcomes;
    }

    return @all;
}

# What publishing left behind, as the recordings note it:
# { table => { desc, columns, rows, tables_entry } }.
sub effects ($self, @tables) {
    my @sql = map {
        my $quoted = s/"/""/gr;
        (/\A[A-Za-z_]\w*\z/ ? "desc $_" : "desc \"$quoted\"",
            "select * from \"$quoted\"",
            'select nr_rows, nr_updates, static from qasino_server_tables'
            . " where tablename = '" . s/'/''/gr . "'");
    } @tables;
    my @outcomes = $self->queries(@sql);
    my %effects;

    for my $table (@tables) {
        my ($desc, $all, $entry) = splice @outcomes, 0, 3;

        $effects{$table} = $all->{kind} ne 'table' ? { absent => 1 } : {
            desc => $desc->{rows} // $desc->{message},
            columns => $all->{columns}, rows => $all->{rows},
            tables_entry => $entry->{rows},
        };
    }

    return %effects;
}

sub end ($self) {
    if ($self->{zmq_pid}) {
        close $self->{zmq_in};
        waitpid $self->{zmq_pid}, 0;
    }
}

1;
