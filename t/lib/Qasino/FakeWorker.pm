package Qasino::FakeWorker;

# A worker that does what no honest one would, to see what nginx makes of it:
#
#   use Qasino::FakeWorker;
#   start_fake_worker();
#   fake_blocks(server => 'location = /request { qasino_pass qasino; }');
#
# $TEST_NGINX_FAKE_SOCKET leads a suite to it, $TEST_NGINX_AWAY_SOCKET to a
# socket that nobody listens on, $TEST_NGINX_FAKE_PAGE to a generation page
# (generation 1700000030, which ends in a day, identity: fake "worker").  The
# statement of a request says what happens: "tiny" below is what sql=tiny does,
# "size 100" is called with 100.  Requests without one are echoed.
#
# start_fake_worker(direct => 1) also has a query.sock, on which nginx asks past
# the worker: there "direct tiny" is "tiny", while the worker says "worker".

use v5.36;

use Digest::MD5 qw(md5_hex);
use Exporter qw(import);
use Fcntl qw(O_CREAT O_WRONLY);
use IO::Select;
use IO::Socket::UNIX;
use List::Util qw(min);
use POSIX ();
use Socket qw(SOCK_STREAM SOMAXCONN);

use Qasino::Frame qw(encode decode);
use Qasino::Process qw(now slurp temp_dir);

our @EXPORT = qw(start_fake_worker fake_blocks fake_text);

use constant { MORE => Qasino::Frame::MORE, ABORT => Qasino::Frame::ABORT,
    WHOLE => Qasino::Frame::WHOLE,
    RESPONSE => Qasino::Frame::RESPONSE, DATA => Qasino::Frame::DATA,
    EVENT => Qasino::Frame::EVENT };

my $owner = $$;
my $pid;
my $dir;

# Text of a given length in which a lost or repeated byte shows.
sub fake_text ($length) {
    my $text = '';

    for (my $i = 0; length $text < $length; $i++) {
        $text .= "line $i of the text\n";
    }

    return substr $text, 0, $length;
}

# What blocks without an http_config or a config of their own get: an upstream
# "qasino" with the fake worker in it, and these.
sub fake_blocks (%more) {
    my %common = (http_config => <<'END' . ($more{http} // ''),
    upstream qasino {
        server unix:$TEST_NGINX_FAKE_SOCKET;
        keepalive 8;
    }
    qasino_temp_path proxy_temp;
    qasino_generation_page $TEST_NGINX_FAKE_PAGE;
END
        ($more{server} ? (config => $more{server}) : ()));

    main::add_block_preprocessor(sub ($block) {
        for my $section (keys %common) {
            $block->set_value($section => $common{$section})
                if !defined $block->$section;
        }
    });
}

my %does = (
    # what arrived, a line for each part of it
    echo => sub ($s, $f) {
        my %args = %{$f->{args} // {}};
        delete $args{client};
        delete $args{allow} if $args{allow} == 15;      # all
        answer($s, $f, body => join '',
            "op $f->{op} format $f->{format} flags ",
            $f->{flags} & ~WHOLE, "\n",
            (map { "$_: $args{$_}\n" } sort keys %args),
            'body ' . length($f->{body}) . ' '
                . md5_hex($f->{body}) . "\n");
    },

    client => sub ($s, $f) { answer($s, $f, body => $f->{args}{client}) },
    # who asks past the worker, as this connection was told
    askers => sub ($s, $f) {
        answer($s, $f, body => join ' ', @{${*$s}{askers} // []});
    },

    # an answer that may be kept: the statement's name, how often it was
    # computed, and text of that length; the generation is the page's
    keep => sub ($s, $f, $name, $length = 0, @) {
        keep($s, $f, $name, fake_text($length));
    },
    keep_status => sub ($s, $f, $name, $status) {
        keep($s, $f, $name, '', status => $status);
    },
    # the same, but not to be kept
    volatile => sub ($s, $f, $name) {
        keep($s, $f, $name, '', args => page_args());
    },
    # of a generation that is not served any more
    old => sub ($s, $f, $name) {
        my $args = page_args();
        $args->{generation}--;
        keep($s, $f, $name, '', args => { %$args, max_age => 5000 });
    },
    # the page says something else from now on: page generation +30 expires 0
    page => sub ($s, $f, %change) {
        change_page(%change);
        answer($s, $f, body => "done\n");
    },

    # which connection, which request on it
    count => sub ($s, $f) {
        answer($s, $f, body => "connection ${*$s}{number} request "
            . "${*$s}{requests}\n");
    },

    empty => sub ($s, $f) { answer($s, $f, body => '') },
    size => sub ($s, $f, $n) { answer($s, $f, body => fake_text($n)) },
    bare => sub ($s, $f) { answer($s, $f, args => '', body => "bare\n") },
    html => sub ($s, $f) {
        answer($s, $f, format => 2, body => "<p>&lt;\n");
    },
    status => sub ($s, $f, $status, $retry = 7) {
        answer($s, $f, status => $status, body => "status $status\n",
            args => { generation => 1700000000, retry_after => $retry });
    },

    # 503 the first time on this socket, then an answer
    second => sub ($s, $f) {
        answer($s, $f, status => ${*$s}{number} % 2 ? 503 : 200,
            body => "connection ${*$s}{number}\n");
    },

    # a result of N bytes in frames of at most $size, in writes of $write
    stream => sub ($s, $f, $n, $size = 1000, $write = 4093) {
        stream($s, $f, $n, $size, $write, 0);
    },
    tiny => sub ($s, $f, $n = 100) { stream($s, $f, $n, 7, 1, 0.0005) },
    no_data => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => '')
            . data($f, '', MORE) . data($f, '', 0));
    },
    late_end => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "all of it\n"));
        pause(0.05);
        say_to($s, data($f, '', 0));
    },

    # too long for a shared connection: to be claimed under its length
    long => sub ($s, $f, $n) {
        say_to($s, respond($f, flags => WHOLE, body => '',
            args => { claim => $n, generation => 1700000000 }));
    },
    # what it is told but for what may be done
    args => sub ($s, $f) {
        answer($s, $f, args => page_args(), body => join(' ',
            sort grep { $_ ne 'allow' } keys $f->{args}->%*) . "\n");
    },
    long_half => sub ($s, $f) { answer($s, $f, flags => WHOLE) },
    long_body => sub ($s, $f) { answer($s, $f, args => { claim => 5 }) },

    # of two requests the second is answered first
    hold => sub ($s, $f) { push @{${*$s}{held}}, $f },
    release => sub ($s, $f) {
        answer($s, $f, body => "released\n");
        answer($s, $_, body => "held\n") for @{delete ${*$s}{held} // []};
    },
    twice => sub ($s, $f) { answer($s, $f, body => "once\n") for 1, 2 },

    # a pause before, and one inside
    slow => sub ($s, $f, $seconds) {
        pause($seconds);
        answer($s, $f, body => "slow\n");
    },
    stall => sub ($s, $f, $seconds) {
        say_to($s, respond($f, flags => MORE, body => "begun\n"));
        pause($seconds);
        say_to($s, data($f, "ended\n", 0));
    },

    # results that end before they are whole
    abort => sub ($s, $f, $n = 20) {
        say_to($s, respond($f, flags => MORE, body => fake_text($n))
            . data($f, "deadline of 10 s is over", ABORT));
    },
    abort_silently => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "some\n")
            . data($f, '', ABORT));
    },
    abort_tiny => sub ($s, $f) {
        for my $byte (split //, respond($f, flags => MORE, body => "some\n")
            . data($f, 'x' x 600, ABORT))
        {
            say_to($s, $byte);
            pause(0.0002);
        }
    },
    cut_body => sub ($s, $f) {
        say_to($s, respond($f, body => "half of", body_length => 100));
        close $s;
    },
    cut_data => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "half of it\n"));
        close $s;
    },
    cut_head => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "half of it\n")
            . substr(data($f, 'x', 0), 0, 15));
        close $s;
    },
    hang_up => sub ($s, $f) { close $s },
    half_header => sub ($s, $f) {
        say_to($s, substr respond($f, body => ''), 0, 20);
        close $s;
    },

    # a stream with a few bytes changed, lost or doubled, cut at random;
    # the connection may or may not go on
    damaged => sub ($s, $f, $seed) {
        srand $seed;

        my $text = fake_text(int rand 3000);
        my $bytes = respond($f, flags => MORE, body => substr $text, 0, 50,
            '');

        while (length $text) {
            my $part = substr $text, 0, 1 + rand 400, '';
            $bytes .= data($f, $part, length $text ? MORE : 0);
        }

        for (0 .. rand 4) {
            my $at = int rand min(length $bytes, 1 + rand 3000);
            my $how = int rand 3;
            substr $bytes, $at, 1, chr rand 256 if $how == 0;
            substr $bytes, $at, 1 + rand 40, '' if $how == 1;
            substr $bytes, $at, 0, substr $bytes, $at, rand 40 if $how == 2;
        }

        say_to($s, substr $bytes, 0, 1 + rand 600, '') while length $bytes;
        close $s if rand() < 0.7;
    },

    # responses that are none
    wrong_id => sub ($s, $f) { answer($s, $f, id => $f->{id} + 1) },
    wrong_magic => sub ($s, $f) { answer($s, $f, magic => 'HTTP') },
    wrong_version => sub ($s, $f) { answer($s, $f, version => 2) },
    wrong_type => sub ($s, $f) { answer($s, $f, type => EVENT) },
    wrong_status => sub ($s, $f) { answer($s, $f, status => 0) },
    wrong_format => sub ($s, $f) { answer($s, $f, format => 9) },
    wrong_flags => sub ($s, $f) { answer($s, $f, flags => ABORT) },
    wrong_args => sub ($s, $f) { answer($s, $f, args => "\x10\0\0\0\x09") },
    wrong_number => sub ($s, $f) {
        answer($s, $f, args => pack 'v v V/a*', 16, 0, 'abc');
    },
    request_arg => sub ($s, $f) { answer($s, $f, args => { sql => 'x' }) },
    long_args => sub ($s, $f) {
        say_to($s, respond($f, args => pack 'v v V/a*', 16, 0, 'x' x 9000));
        pause(0.2);
    },
    extra => sub ($s, $f) {
        say_to($s, respond($f, body => "whole\n") . 'and more');
    },

    # the same further on
    data_id => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "some\n")
            . data({ %$f, id => 0 }, "more\n", 0));
    },
    data_magic => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "some\n")
            . 'this is no frame, is it? ' x 3);
    },
    data_type => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "some\n")
            . respond($f, body => "more\n"));
    },
    data_args => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "some\n")
            . encode(type => DATA, id => $f->{id},
                     args => { generation => 1 }));
    },
    data_extra => sub ($s, $f) {
        say_to($s, respond($f, flags => MORE, body => "some\n")
            . data($f, "more\n", 0) . 'and more');
    },

    # an answer of the page's generation, but for $older, that took so long
    past => sub ($s, $f, $cost = 10, $older = 0, @) {
        my $args = page_args();
        $args->{generation} -= $older;
        answer($s, $f, body => "past\n", args => { %$args, cost => $cost });
    },
);

$does{direct} = sub ($s, $f, $what = 'past', @how) {
    ${*$s}{direct} ? $does{$what}->($s, $f, @how)
        : answer($s, $f, body => "worker\n");
};

sub respond ($f, %more) {
    return encode(type => RESPONSE, id => $f->{id},
        op => $f->{op} || 'query', format => $f->{format}, status => 200,
        args => { generation => 1700000000, static_version => 3 },
        body => "[]\n", %more);
}

sub answer ($s, $f, %more) { say_to($s, respond($f, %more)) }

sub data ($f, $body, $flags) {
    return encode(type => DATA, id => $f->{id}, flags => $flags,
        body => $body);
}

sub keep ($s, $f, $name, $text, %more) {
    answer($s, $f, body => "$name " . computed($name) . "\n$text",
        args => { %{page_args()}, max_age => 5000 }, %more);
}

# How often a statement was computed, in any process.
sub computed ($name) {
    open my $file, '>>', "$dir/computed.$name" or die "computed: $!\n";
    syswrite $file, 'x';
    return -s $file;
}

my @page_fields = qw(generation start duration expires static worker tables
    rows publishers frames);
my %page = (generation => 1700000030, start => 1700000030_000000,
    duration => 30000, static => 5, worker => 6, tables => 7, rows => 80,
    publishers => 9, frames => Qasino::Frame::ASKER);

# In place: nginx has it mapped.
sub write_page (%fields) {
    sysopen my $file, page_path(), O_WRONLY | O_CREAT
        or die "generation page: $!\n";
    syswrite $file, pack 'a8 V V Q< Q<9 a256 Q< x3744', 'QSNPAGE1', 2, 360, 2,
        @fields{@page_fields[0 .. 8]}, 'fake "worker"', $fields{frames};
}

sub read_page () {
    my %fields;
    @fields{@page_fields} = unpack 'x24 Q<9 x256 Q<',
        slurp(page_path());
    return %fields;
}

sub change_page (%change) {
    my %fields = read_page();

    for my $field (keys %change) {
        my ($sign, $value) = $change{$field} =~ /^([-+]?)(\d+)$/;
        $fields{$field} = $sign eq '+' ? $fields{$field} + $value
            : $sign eq '-' ? $fields{$field} - $value : $value;
    }

    write_page(%fields);
}

sub page_args () {
    my %fields = read_page();

    return { generation => $fields{generation},
             static_version => $fields{static} };
}

sub page_path () { "$dir/generation.page" }

sub pause ($seconds) { select undef, undef, undef, $seconds }

sub say_to ($socket, $bytes) {
    while (length $bytes) {
        my $n = syswrite $socket, $bytes or return;
        substr $bytes, 0, $n, '';
    }
}

# The first third of a frame's size comes with the RESPONSE itself.
sub stream ($socket, $f, $length, $size, $write, $pause) {
    my $text = fake_text($length);
    my $bytes = respond($f, flags => MORE,
        body => substr $text, 0, int($size / 3), '');

    while (length $text) {
        my $part = substr $text, 0, $size, '';
        $bytes .= data($f, $part, length $text ? MORE : 0);
    }

    while (length $bytes) {
        say_to($socket, substr $bytes, 0, $write, '');
        pause($pause) if $pause;
    }
}

sub serve ($socket, $number) {
    my $in = '';

    ${*$socket}{number} = $number;

    while (sysread $socket, $in, 1 << 18, length $in) {
        while (my $frame = decode(\$in)) {
            my ($what, @how) = split ' ', $frame->{args}{sql} || 'echo';

            ($what, @how) = ('stream', $frame->{args}{claim})
                if $frame->{op} == $Qasino::Frame::OP{claim};
            next if $frame->{type} == Qasino::Frame::CANCEL;

            if ($frame->{type} == Qasino::Frame::ASKER) {
                push @{${*$socket}{askers}}, $frame->{args}{client};
                next;
            }

            ${*$socket}{requests}++;

            if (my $doing = $does{$what}) {
                $doing->($socket, $frame, @how);
            } else {
                $does{echo}->($socket, $frame);
            }

            return if !defined fileno $socket;
        }
    }
}

sub listen_at ($path) {
    my $listener = IO::Socket::UNIX->new(Type => SOCK_STREAM,
        Local => $path, Listen => SOMAXCONN) or die "cannot listen: $!\n";

    chmod 0777, $path;          # nginx's workers may be somebody else

    return $listener;
}

sub start_fake_worker (%more) {
    $dir = temp_dir();

    my @listeners = listen_at("$dir/fake.sock");

    push @listeners, listen_at("$dir/query.sock") if $more{direct};
    $ENV{TEST_NGINX_FAKE_SOCKET} = "$dir/fake.sock";
    $ENV{TEST_NGINX_AWAY_SOCKET} = "$dir/away.sock";
    listen_at("$dir/away.sock")->close;
    $ENV{TEST_NGINX_FAKE_PAGE} = page_path();

    write_page(%page, expires => int(now() * 1000) + 86_400_000);

    $pid = fork() // die "fork: $!\n";
    if ($pid) {
        setpgrp $pid, $pid;
        return;
    }

    # a process a connection, all in a group of their own
    setpgrp;
    $SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';

    my $select = IO::Select->new(@listeners);

    my $number = 1;

    while (1) {
        for my $listener ($select->can_read) {
            my $socket = $listener->accept or next;

            if (fork() == 0) {
                close $_ for @listeners;
                ${*$socket}{direct} = $listener != $listeners[0];
                eval { serve($socket, $number); 1 } or print STDERR $@;
                POSIX::_exit(0);
            }
            $number++;
        }
    }
}

END {
    if ($owner == $$ && $pid) {
        local $?;
        kill 'TERM', -$pid;
        waitpid $pid, 0;
    }
}

1;
