# qasino-sql against a real server: every option, mode and dot-command; on a
# pseudo-terminal the prompt, completion, history and Ctrl-C; and against a
# server of this test's own what no honest one does.

use v5.36;
use utf8;

use FindBin qw($Bin);
use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use lib "$Bin/lib";
use Test::More;

use Qasino::Process qw(build_dir exit_text now patience preload_library
    problem reserve_port reserved_listener sanitizer_env sanitizer_reports slurp
    spew temp_dir wait_until);
use Qasino::Server qw(start_server table encode_json decode_json);

binmode $_, ':utf8' for map { Test::More->builder->$_ }
    qw(output failure_output todo_output);

my $program = build_dir() . '/qasino-sql';
my $dir = temp_dir();
my %tls = Qasino::Server::tls_settings();

my $server = start_server(generation_duration => 1, %tls);
my @zmq = ('-p', $server->port('zmq'), '--pubsub-port',
    $server->port('pubsub'));
my @http = ('--use-http', '-p', $server->port('http'));
my @https = ('-t', '-p', $server->port('https'));

# Nothing of this machine's user gets in.
delete @ENV{qw(PAGER LESS NO_COLOR XDG_STATE_HOME
    QASINO_SQLCLIENT_USERNAME QASINO_SQLCLIENT_PASSWORD)};
%ENV = (%ENV, HOME => $dir, TERM => 'xterm', LC_ALL => 'C.UTF-8',
    sanitizer_env($dir));


# --- running it ------------------------------------------------------------

sub text ($path) {
    my $text = slurp($path);

    utf8::decode($text);
    return $text;
}

# Standard output of a run; its status is in $status, its errors in $errors.
my ($status, $errors);

sub sql (@arguments) {
    my %how = ref $arguments[0] ? %{shift @arguments} : ();
    my $pid = begin(\%how, @arguments);

    wait_until("qasino-sql @arguments", sub {
        waitpid($pid, WNOHANG) == $pid;
    });
    $status = $? & 127 ? exit_text($?) : $? >> 8;
    $errors = text("$dir/err");
    $errors =~ s/\n\z//;

    return text("$dir/out");
}

sub begin ($how, @arguments) {
    my $in = "$dir/in";

    utf8::encode($_) for grep { defined } @arguments, $how->{stdin};
    spew($in, $how->{stdin} // '');

    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    POSIX::setsid();            # no terminal to ask for a password on
    chdir $dir;
    @ENV{keys %{$how->{env} // {}}} = values %{$how->{env} // {}};
    open STDIN, '<', $in;
    open STDOUT, '>', "$dir/out";
    open STDERR, '>', "$dir/err";
    exec @{$how->{under} // []}, $program, @arguments or POSIX::_exit(127);
}

# One statement over ZeroMQ, or commands and statements.
sub ask (@lines) { sql(@zmq, map { ('-q', $_) } @lines) }


# --- a terminal ------------------------------------------------------------

# Without IO::Pty, which is not everywhere: Linux's numbers.
use constant { TIOCGPTN => 0x80045430, TIOCSPTLCK => 0x40045431,
    TIOCSCTTY => 0x540E, TIOCSWINSZ => 0x5414 };

package Terminal {
    sub start ($class, $size, @command) {
        open my $master, '+<:raw', '/dev/ptmx' or die "ptmx: $!\n";
        my $number = pack 'i', 0;
        ioctl $master, main::TIOCSPTLCK, $number or die "unlock: $!\n";
        ioctl $master, main::TIOCGPTN, $number or die "number: $!\n";

        my $self = bless { master => $master, seen => '', at => 0 }, $class;
        my $name = '/dev/pts/' . unpack 'i', $number;
        $self->{slave} = $name;
        $self->resize(@$size);

        $self->{pid} = fork() // die "fork: $!\n";
        return $self if $self->{pid};

        POSIX::setsid();
        open my $slave, '+<', $name or POSIX::_exit(126);
        ioctl $slave, main::TIOCSCTTY, 0;
        open STDIN, '<&', $slave;
        open STDOUT, '>&', $slave;
        open STDERR, '>&', $slave;
        close $master;
        chdir $dir;
        exec @command or POSIX::_exit(127);
    }

    sub resize ($self, $rows, $columns) {
        ioctl $self->{master}, main::TIOCSWINSZ,
            pack 'S4', $rows, $columns, 0, 0;
        kill 'WINCH', $self->{pid} if $self->{pid};
    }

    sub type ($self, $text) {
        utf8::encode($text);
        syswrite $self->{master}, $text;
    }

    # Reads until the pattern comes after what was waited for before;
    # returns what stands before its end.
    sub wait_for ($self, $pattern) {
        my $found;

        eval {
            main::wait_until("$pattern", sub {
                $self->read;
                pos($self->{seen}) = $self->{at};
                return 0 if $self->{seen} !~ /$pattern/g;
                $found = substr $self->{seen}, $self->{at},
                    pos($self->{seen}) - $self->{at};
                $self->{at} = pos $self->{seen};
                return 1;
            });
            1;
        } or die $@ . 'the terminal shows: '
            . main::encode_json(substr $self->{seen}, $self->{at}) . "\n";

        return $found;
    }

    # What was never waited for, to look for what must not be there.
    sub all ($self) { $self->read; $self->{seen} }

    sub read ($self) {
        my $select = IO::Select->new($self->{master});

        while ($select->can_read(0)) {
            sysread $self->{master}, $self->{seen}, 65536,
                length $self->{seen} or return 0;
        }

        return 1;
    }

    sub finish ($self) {
        main::wait_until('the end of the program', sub {
            $self->read;
            waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
        });
        return main::exit_text($?);
    }
}

sub terminal ($size, @arguments) {
    return Terminal->start($size, $program, @arguments);
}


# --- a server that does anything -------------------------------------------

my @fakes;

# Answers each query with what the function makes of its SQL: a text (a whole
# JSON document), undef for never.
sub fake_server ($answer) {
    my $listener = reserved_listener();
    my $pid = fork() // die "fork: $!\n";

    if ($pid) {
        setpgrp $pid, $pid;
        push @fakes, -$pid;
        return ('--use-http', '-p', $listener->sockport,
            '--pubsub-port', reserve_port());
    }

    setpgrp;
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';

    while (my $client = $listener->accept) {
        next if fork();         # a process a connection

        my $in = '';
        while (sysread $client, $in, 65536, length $in) {
            my ($head, $length) =
                $in =~ /\A(.*?content-length: (\d+).*?\r\n\r\n)/si
                or next;
            next if length $in < length($head) + $length;
            my $sql = decode_json(substr $in, length $head, $length)->{sql};
            my $body = $answer->($sql);

            $in = '';
            next if !defined $body;
            syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body";
        }
        POSIX::_exit(0);
    }
    POSIX::_exit(0);
}

END {
    local $?;
    kill 'TERM', @fakes if @fakes;
}

sub result ($names, @rows) {
    return encode_json({ response_op => 'result_table', identity => 'fake',
        table => { column_names => $names, rows => \@rows } });
}


# --- data ------------------------------------------------------------------

$server->published('h1', table(things =>
    [name => 'text', n => 'int', share => 'real', note => 'text'],
    ['plain', 1, 1.5, 'x'],
    ['日本語', -22, 0.25, "two\nlines\tand a \x{1b}[31mcolour"],
    ['say "hi", ok', undef, undef, undef],
    ['', 9223372036854775807, 1e300, 'a|b<c\\d']), persist => 1);
$server->published('h1', table(others => [name => 'text', other_id => 'int'],
    ['plain', 7]), persist => 1);
$server->published('h1', table(kept => [a => 'int'], [1]), static => 1);
wait_until('the tables', sub {
    $server->value("select count(*) from qasino_server_tables"
        . " where tablename in ('things', 'others', 'kept')") == 3;
});



# --- modes -----------------------------------------------------------------

my $query = 'select * from things';
my %expected = (
    table => <<'END',
name                            n   share  note
============  ===================  ======  ================================
plain                           1     1.5  x
日本語                        -22    0.25  two\nlines\tand a \x1b[31mcolour
say "hi", ok                               
              9223372036854775807  1e+300  a|b<c\d
4 rows returned
END
    csv => <<"END",
name,n,share,note
plain,1,1.5,x
日本語,-22,0.25,"two
lines\tand a \e[31mcolour"
"say ""hi"", ok",,,
"",9223372036854775807,1e+300,a|b<c\\d
END
    tsv => <<"END",
name\tn\tshare\tnote
plain\t1\t1.5\tx
日本語\t-22\t0.25\ttwo\\nlines\\tand a \e[31mcolour
say "hi", ok\t\t\t
\t9223372036854775807\t1e+300\ta|b<c\\\\d
END
    json => <<'END',
[{"name": "plain", "n": 1, "share": 1.5, "note": "x"},
 {"name": "日本語", "n": -22, "share": 0.25, "note": "two\nlines\tand a \u001b[31mcolour"},
 {"name": "say \"hi\", ok", "n": null, "share": null, "note": null},
 {"name": "", "n": 9223372036854775807, "share": 1e+300, "note": "a|b<c\\d"}]
END
    markdown => <<'END',
| name | n | share | note |
|---|---:|---:|---|
| plain | 1 | 1.5 | x |
| 日本語 | -22 | 0.25 | two<br>lines\tand a \x1b[31mcolour |
| say "hi", ok |  |  |  |
|  | 9223372036854775807 | 1e+300 | a\|b&lt;c\\d |
END
    line => <<'END',
 name = plain
    n = 1
share = 1.5
 note = x

 name = 日本語
    n = -22
share = 0.25
 note = two\nlines\tand a \x1b[31mcolour

 name = say "hi", ok
    n = 
share = 
 note = 

 name = 
    n = 9223372036854775807
share = 1e+300
 note = a|b<c\d
END
);
$expected{ndjson} = $expected{json} =~ s/^[\[ ]|[],]$//gmr;

for my $mode (sort keys %expected) {
    is(sql(@zmq, '-m', $mode, '-q', $query), $expected{$mode}, "--mode $mode");
    is("$status$errors", 0, "$mode ends well");
    is(ask(".mode \U$mode", $query), $expected{$mode}, ".mode $mode");
    is(sql(@http, '--mode', $mode, '-q', $query), $expected{$mode},
        "$mode over HTTP");
}

subtest 'no rows' => sub {
    my $none = "select name, n from things where 0";

    is(ask($none), "name  n\n====  =\n0 rows returned\n", 'table');
    is(ask('.mode csv', $none), "name,n\n", 'csv');
    is(ask('.mode json', $none), "[]\n", 'json');
    is(ask('.mode ndjson', $none), '', 'ndjson');
    is(ask('.mode line', $none), '', 'line');
};

is(ask('.mode json', 'select 1 as a, 2 as a, 3 as a'),
    "[{\"a\": 1, \"a:2\": 2, \"a:3\": 3}]\n", 'a name twice');
is(ask('.mode csv', '.nullvalue NULL', "select null as a, '' as b"),
    "a,b\nNULL,\"\"\n", '.nullvalue');
is(ask('.headers off', "select 1, 'x'"), "1  x\n", '.headers off');
is(sql(@zmq, '--no-headers', '-m', 'csv', '-q', "select 1, 'x'"), "1,x\n",
    '--no-headers');


# --- options ---------------------------------------------------------------

subtest 'wrong usage' => sub {
    for (['--no-such'], ['-p', 'x', '-q', 'x'], ['-p', '70000'],
        ['-t', '-z', '-q', 'x'], ['select 1'], ['-m', 'xml'], ['-H', ''],
        ['--timeout', 'soon'], ['--retries', '-1'], ['--pubsub-port', '0'],
        ['--cacert', '/nowhere/x.pem', '-t', '-q', 'select 1'], ['-q'])
    {
        is(sql(@$_), '', "@$_: nothing on standard output");
        is($status, 2, "@$_: exit status");
        like($errors, qr/^\S/, "@$_: " . $errors =~ s/\n.*//sr);
    }
};

like(sql('--help'), qr/--use-https.*--pubsub-port/s, '--help');
is($status, 0, 'which is no error');
like(sql('--version'), qr/^qasino-sql \d/, '--version');

is(sql(@zmq, '-z', '-H', '127.0.0.1', '-I', 'me "there"', '-q', 'select 1'),
    "1\n=\n1\n1 rows returned\n", '-z -H -I');
is(sql(@zmq, '--hostname=localhost', '--query=select 1'),
    "1\n=\n1\n1 rows returned\n", 'long names');

is(ask('select 1;select 2', ' -- nothing', 'select 3; -- three'),
    join('', map { "$_\n=\n$_\n1 rows returned\n" } 1, 2, 3),
    'more than one statement, more than one -q');
is($status, 0, 'all well');

ask('select nope', 'select 1');
is($status, 1, 'a statement that fails is told by the exit status');
is($errors, 'ERROR: SQLError: no such column: nope', 'and by its error');
like(text("$dir/out"), qr/1 rows/, 'the next one is run');

is(sql(@zmq, '--bail', '-q', 'select nope', '-q', 'select 1'), '', '--bail');
is($status, 1, 'with the status');

is(ask('drop table things'), '', 'no writing');
like($errors, qr/^ERROR: .*drop/i, 'and the server says so');

is(ask('quit;', 'select 1'), '', 'quit;');

subtest 'HTTPS' => sub {
    my @login = ('-u', 'qasino', '-w', 'qasino');
    my @get = ('-m', 'csv', '-q', 'select 5 as n');

    is(sql(@https, @login, '-s', @get), "n\n5\n", '-s');
    is(sql(@https, @login, '--cacert', "$tls{keys_dir}/server.crt", @get),
        "n\n5\n", '--cacert');
    is(sql(@https, @login, @get), '', 'a certificate of nobody');
    is($status, 3, 'is no answer');
    like($errors, qr/certificate/, "with the reason: $errors");

    is(sql({ env => { QASINO_SQLCLIENT_USERNAME => 'qasino',
        QASINO_SQLCLIENT_PASSWORD => 'qasino' } }, @https, '-s', @get),
        "n\n5\n", 'credentials from the environment');
    is(sql({ env => { QASINO_SQLCLIENT_PASSWORD => 'wrong' } }, @https,
        '-s', @login, @get), "n\n5\n", 'the command line wins');
    sql(@https, '-s', '-u', 'qasino', '-w', 'wrong', @get);
    isnt($status, 0, "a wrong password: $errors");
    sql(@https, '-s', '-u', 'qasino', @get);
    is($status, 2, 'no password and no terminal');

    my $t = terminal([24, 80], @https, '-s', '-u', 'qasino', @get);
    $t->wait_for(qr/Password: /);
    $t->type("qasino\r");
    $t->wait_for(qr/n\r\n5\r\n/);
    is($t->finish, '', 'a password that was asked for');
    unlike($t->all, qr/qasino/, 'and not shown');
};

subtest 'scripts' => sub {
    spew("$dir/script.sql", "-- a comment; only\n.mode csv\n\nselect 1\n"
        . "as a; select ';' as b;\n/* two\n; lines */ select 2 as c;\n"
        . "select 3 as d");
    my $all = "a\n1\nb\n;\nc\n2\nd\n3\n";

    is(sql(@zmq, '-f', 'script.sql'), $all, '-f');
    is(sql(@zmq, '--file=script.sql', '-q', 'select 4 as e'), "${all}e\n4\n",
        '-f and -q in their order');
    is(sql({ stdin => slurp("$dir/script.sql") }, @zmq), $all,
        'standard input');
    is(sql({ stdin => slurp("$dir/script.sql") =~ s/\n/\r\n/gr }, @zmq),
        $all, 'with CRLF');
    is(sql({ stdin => '' }, @zmq), '', 'nothing');
    is($status, 0, 'which is well');
    is(ask('.read script.sql', '.print "and" then'), $all . "\"and\" then\n",
        '.read, .print');

    sql({ stdin => "select 1;\n\nselect\nnope;\nselect 2;" }, @zmq);
    is($errors, 'stdin:4: ERROR: SQLError: no such column: nope',
        'an error has its line');
    is($status, 1, 'and a status');
    like(text("$dir/out"), qr/2\n1 rows/, 'the rest is run');

    sql({ stdin => ".bail on\nselect nope;\nselect 2;" }, @zmq);
    is(text("$dir/out"), '', '.bail on');

    sql(@zmq, '-f', 'nowhere.sql');
    is($status, 1, 'a script that is not there');
    like($errors, qr/nowhere\.sql.*No such file/, $errors);
    spew("$dir/again.sql", ".read again.sql\n");
    sql(@zmq, '-f', 'again.sql');
    is($status, 1, 'a script that reads itself ends');
    is(ask('.read script.sql x'), '', '.read with too much');
    like($errors, qr/usage: \.read FILE/, 'says how');
};

subtest 'SET' => sub {
    is(ask('SET use_write_db = true;', 'select 1 as one'),
        "one\n===\n  1\n1 rows returned\n", 'is not sent to the server');
    is($errors, '', 'no error');
    for my $set ("set use_write_db = 'yes'", 'SET use_write_db=1',
        "set\nuse_write_db\n=\n'false';")
    {
        ask($set);
        is("$status$errors", '0', $set =~ tr/\n/ /r);
    }
    ask('set use_write_db = maybe;');
    is($status, 1, 'a wrong value');
    ask('set other = 1;');
    like($errors, qr/Unrecognized SET statement: other = 1/, 'another name');

    # what is published now is in the generation being collected only
    my $found;
    wait_until('a row in the write database alone', sub {
        state $n = 0;
        $server->published('fresh' . $n++, table(fresh => [a => 'int'], [1]));
        my $written = sql(@zmq, '-m', 'csv', '--use-write-db', '-q',
            'select max(a) as a from fresh');
        $found = $written eq "a\n1\n";
    });
    ok($found, '--use-write-db');
};

like(sql(@zmq, '--timer', '-q', 'select 1'), qr/^1 rows/m, '--timer');
like($errors, qr/^Run Time: \d+\.\d{3} s$/, 'tells the time');
ask('.timer on', 'select 1');
like($errors, qr/^Run Time: \d+\.\d{3} s$/, '.timer on');

subtest 'output' => sub {
    is(sql(@zmq, '-m', 'csv', '-o', 'o.csv', '-q', 'select 1 as a'), '',
        '--output');
    is(text("$dir/o.csv"), "a\n1\n", 'has it');
    is(ask('.mode csv', '.output p.csv', 'select 2 as a', '.output',
        'select 3 as a'), "a\n3\n", '.output and back');
    is(text("$dir/p.csv"), "a\n2\n", 'has it');
    is(ask('.mode csv', '.output "|tr a-z A-Z"', 'select 2 as abc',
        '.output stdout'), "ABC\n2\n", '.output to a command');
    ask('.output /nowhere/x', 'select 1');
    is($status, 1, 'a file that cannot be');
    like($errors, qr{/nowhere/x}, $errors);
    ask('.output /dev/full', 'select 1', '.output');
    is($status, 1, 'a full disk');
    like($errors, qr/No space left/, $errors);
    is(system("$program @zmq -q 'select 1' > /dev/full 2>$dir/err") >> 8, 1,
        'also as standard output');
    is(system("$program @zmq -m csv -q 'with recursive c(n) as (select 1"
        . " union all select n + 1 from c limit 50000) select n from c'"
        . " 2>$dir/err | head -1 > $dir/out"), 0, 'a reader that leaves');
    is(text("$dir/err"), '', 'is nothing to complain about');
};


# --- dot-commands ----------------------------------------------------------

is(ask('.tables') =~ s/^(?:fresh|watched)\n//gmr, join('', map { "$_\n" }
    'kept', 'others', (map { "qasino_server_$_" } qw(connections info
    sql_stats tables update_stats views)), 'things'), '.tables');
is(ask('.tables %the%'), "others\n", '.tables PATTERN');
is(ask('.tables no_such'), '', '.tables without any');
is(ask('.schema THINGS'), <<'END', '.schema TABLE');
CREATE TABLE "things" (
    "name" TEXT,
    "n" INTEGER,
    "share" REAL,
    "note" TEXT
);
END
is(ask('.schema kept'), "CREATE TABLE \"kept\" (\n    \"a\" INTEGER\n);\n",
    '.schema of a static table');
like(ask('.schema'), qr/"others".*"qasino_server_info".*"things"/s,
    '.schema');
ask('.schema nope');
is("$status $errors", '1 ERROR: Table nope not found', '.schema of none');

is(ask('.mode'), "table\n", '.mode');
ask('.mode html');
like($errors, qr/mode html is none of table, csv/, '.mode of no kind');
ask('.nope');
is($status, 1, 'a command that is none');
like($errors, qr/\.nope.*\.help/, $errors);
ask('.h');
like($errors, qr/is it \.headers or \.help\?/, 'a beginning of two');
is(ask('.hel .mo'), ".mode       [MODE]              table, csv, tsv, json,"
    . " ndjson, markdown, line\n", 'a beginning of one');
like(ask('.help'), qr/^\.bail .*^\.watch .*use_write_db/ms, '.help');
ask('.help nope');
is($status, 1, '.help of no command');
ask('.timer perhaps', '.headers');
like($errors, qr/usage: \.timer on\|off.*usage: \.headers on\|off/s,
    'flags are on or off');
like(ask('.pager more', '.show'), qr/^ +pager: more$/m, '.pager, .show');
is(ask('.quit', 'select 1'), '', '.quit');
is(ask('.exit', 'select 1'), '', '.exit');
ask(".read 'open");
like($errors, qr/usage/, 'an open quote');


# --- .watch ----------------------------------------------------------------

sub publish_watched (@rows) {
    return $server->published('w', table(watched =>
        [k => 'text', v => 'int', w => 'text'], @rows), persist => 1);
}

# Runs a watch; once it has shown something, other rows are published.
sub watch (@how) {
    my $pid = begin({}, @how);
    my $is_changed = 0;

    wait_until('the watch to end', sub {
        # a second report in one generation would be dropped, with a warning
        $is_changed ||= text("$dir/out") =~ /\n/
            && !publish_watched(['a', 1, 'x'], ['b', 2, 'x'],
                ['d', 1, 'x'])->{warning};
        return waitpid($pid, WNOHANG) == $pid;
    });
    $status = $? >> 8;
    $errors = text("$dir/err");

    return text("$dir/out");
}

subtest '.watch' => sub {
    my $first = "k,v,w\na,1,x\nb,1,x\nc,1,x\n";
    my $changed = "change,k,v,w\n,a,1,x\nchanged,b,2,x\nnew,d,1,x\n"
        . "gone,c,1,x\n";

    for my $how ('signal', 'asking') {
        my @where = $how eq 'signal' ? @zmq
            : ('-p', $server->port('zmq'), '--pubsub-port', reserve_port());

        wait_until('the watched table', sub {
            publish_watched(['a', 1, 'x'], ['b', 1, 'x'], ['c', 1, 'x']);
            my $rows = $server->query("select k from watched"
                . " where v = 1")->{table}{rows} // [];
            return @$rows == 3;
        });

        my $out = watch(@where, '-q', '.mode csv', '-q',
            '.watch -n 5 select * from watched order by k');

        is(substr($out, 0, length $first), $first, "the first round ($how)");
        like($out, qr/^\Q$changed\E/m, 'what changed is marked');
        is($status, 0, 'ends well');
    }

    like(ask('select 7 as seven', '.watch -n1'),
        qr/generation \d+, \d\d:\d\d:\d\d: select 7 as seven\n\nseven\n/,
        'the last statement');
    ask('.watch');
    is($status, 1, 'nothing to watch');
    ask('.watch -n nope select 1');
    like($errors, qr/usage: \.watch/, 'a count that is none');
    like(ask('.watch -n2 select nope'), qr/^\z/, 'an error in it');
    is($status, 1, 'counts');
};


# --- servers that are away, slow or hostile --------------------------------

subtest 'no server' => sub {
    my $begun = now();

    for my $transport ([], ['--use-http'], ['-t']) {
        sql(@$transport, '-p', reserve_port(), '--retries', 0,
            '--timeout', 0.3, '--connect-timeout', 0.3, '-q', 'select 1',
            '-q', 'select 2');
        is($status, 3, "nobody listens (@$transport)");
        is(() = $errors =~ /ERROR/g, 1, "it is told once: $errors");
    }

    my $silent = reserved_listener();
    for my $transport ([], ['--use-http'], ['-t']) {
        sql(@$transport, '-p', $silent->sockport, '--retries', 1,
            '--timeout', 0.3, '--connect-timeout', 0.3, '-q', 'select 1');
        is($status, 3, "nobody answers (@$transport): $errors");
    }
    cmp_ok(now() - $begun, '<', patience(), 'it does not take for ever');
};

my $evil = "a\e]0;owned\a\x{9b}31m\x{202e}b";
my %answers = (
    evil => result([$evil, 'b'], [$evil, 1]),
    error => encode_json({ response_op => 'error', identity => 'x',
        error_message => $evil }),
    garbage => '<html>', empty => '', array => '[]', short => '{"a": ',
    other => '{"response_op": "what\u001bever"}',
    classic => encode_json({ response_op => 'result_table', identity => 'x',
        max_widths => { 0 => 3, 1 => 4 }, table => {
            column_names => ['a', 'b'], rows => [['1', ''], ['22', 'x']] } }),
    uneven => result(['a', 'b'], [1], [1, 2, 3], []),
    more => encode_json({ response_op => 'result_table',
        truncated => JSON::PP::true, truncated_by => 'query_max_rows',
        table => { column_names => ['a'], rows => [[1], [2]] } }),
);
my @fake = fake_server(sub ($sql) {
    my $canned = $answers{$sql =~ s/;$//r};

    return $canned if defined $canned;
    return undef if $sql =~ /silent/;
    return result(['n'], [1]) if $sql =~ /generation_number/;
    return result(['tablename'], ['fine'], [$evil], ['fine_two'], ['odd t'])
        if $sql =~ /tablename FROM qasino_server_tables ORDER/;
    return result(['viewname']) if $sql =~ /viewname FROM/;
    return result(['t', 'c'], ['fine', 'column_one'], ['fine', $evil]);
});

subtest 'what servers say' => sub {
    is(sql(@fake, '-q', 'classic'), "a   b\n==  =\n1   \n22  x\n"
        . "2 rows returned\n", "the original's strings");
    is(sql(@fake, '-m', 'csv', '-q', 'uneven'), "a,b\n1,\n1,2\n,\n",
        'rows of other lengths');
    for my $mode (sort keys %expected) {
        my $out = sql(@fake, '-m', $mode, '-q', 'more');

        is($errors, 'ERROR: this is not the whole result: option'
            . ' query_max_rows of the server allows no more',
            "$mode: who reads a result that a limit ended is told");
        is($status, 1, '... by the exit status, too');
        like($out, qr/2 rows returned, and there are more$/,
            '... and below the table') if $mode eq 'table';
    }
    for my $what (qw(garbage empty array short)) {
        is(sql(@fake, '-q', $what, '--timeout', 1), '', $what);
        isnt($status, 0, 'is an error');
    }
    sql(@fake, '-q', 'other');
    is($status, 1, 'an answer to another question');

    my $shown = 'a\\x1b]0;owned\\x07\\u009b31m\\u202eb';
    sql(@fake, '-q', 'error');
    is($errors, "ERROR: $shown", 'an error cannot command the terminal');
    sql(@fake, '-q', 'other');
    unlike($errors, qr/\e/, 'nor another answer');

    for my $mode (sort keys %expected) {
        my $t = terminal([24, 200], @fake, '-m', $mode, '-q', 'evil',
            '-q', '.tables');
        is($t->finish, '', "$mode on a terminal");
        like($t->all, qr/owned/, 'has the text');
        unlike($t->all, qr/\e|\a|\xc2\x9b|\xe2\x80\xae/, 'made harmless');
    }
};

subtest 'signals' => sub {
    my $pid = begin({}, @fake, '-q', '.print begun', '-q', 'silent',
        '-q', '.print on');
    wait_until('the begin', sub { text("$dir/out") eq "begun\n" });
    kill 'INT', $pid;
    wait_until('the end', sub { waitpid($pid, WNOHANG) == $pid });
    is($? & 127, 2, 'Ctrl-C ends a script as a signal does');
    is(text("$dir/out"), "begun\n", 'there and then');

    $pid = begin({}, @fake, '-q', '.print begun', '-q', 'silent');
    wait_until('the begin', sub { text("$dir/out") eq "begun\n" });
    kill 'TERM', $pid;
    wait_until('the end', sub { waitpid($pid, WNOHANG) == $pid });
    is($? & 127, 15, 'SIGTERM too');
};


# --- at the prompt ---------------------------------------------------------

my $prompt = qr/qasino> /;

subtest 'prompt' => sub {
    my $t = terminal([24, 80], @zmq);

    $t->wait_for(qr/Connecting to zmq/);
    $t->wait_for($prompt);
    $t->type("select name\r");
    $t->wait_for(qr/      > /);
    $t->type("from things -- x;\r");
    $t->wait_for(qr/      > /);
    $t->type("where n = 1; select 'y' as second;\r");
    like($t->wait_for(qr/second.*1 rows returned/s), qr/plain/, 'three lines');
    $t->wait_for($prompt);

    $t->type("select 'typed");
    $t->wait_for(qr/typed/);
    $t->type("\x03");
    $t->wait_for(qr/\^C\r?\n/);
    $t->wait_for($prompt);
    $t->type("select 'a\r");
    $t->wait_for(qr/      > /);
    $t->type("\x03");
    $t->wait_for(qr/\^C/);
    $t->wait_for($prompt);
    $t->type("select 'héllo' as h;\r");
    like($t->wait_for(qr/1 rows returned/),
        qr/h\r\n=====\r\nh\xc3\xa9llo\r\n/, 'Ctrl-C drops what was typed');
    $t->wait_for($prompt);

    $t->type("select nope;\r");
    $t->wait_for(qr/ERROR: SQLError: no such column: nope\r\n/);
    $t->wait_for($prompt);
    $t->type("SET use_write_db = true;\r");
    $t->wait_for(qr/Using write database\./);
    $t->type("set use_write_db = false;\r");
    $t->wait_for(qr/Using read database\./);
    $t->wait_for($prompt);
    $t->type("\x1b[A\x1b[A\x1b[A\r");
    ok($t->wait_for(qr/no such column: nope\r\n/), 'history');
    $t->wait_for($prompt);
    $t->type("quit\r");
    is($t->finish, '', 'quit: an error before is none of the exit status');

    my $file = "$dir/.local/state/qasino/sql_history";
    like(text($file), qr/SET\\040use_write_db/, 'kept in a file');
    is((stat $file)[2] & 0777, 0600, 'for its owner alone');

    $t = terminal([24, 80], @zmq);
    $t->wait_for($prompt);
    $t->type("\x12nope");
    $t->wait_for(qr/select nope/);
    $t->type("\r");
    ok($t->wait_for(qr/no such column: nope\r\n/), 'found again next time');
    $t->wait_for($prompt);
    $t->type("\x04");
    is($t->finish, '', 'Ctrl-D');

    $t = terminal([24, 80], @zmq, '--history', "$dir/mine");
    $t->wait_for($prompt);
    $t->type(".mode\r");
    $t->wait_for(qr/table\r\n/);
    $t->wait_for($prompt);
    $t->type(".quit\r");
    is($t->finish, '', '.quit');
    like(text("$dir/mine"), qr/\.mode/, '--history');

    my $before = text($file);
    $t = terminal([24, 80], @zmq, '--no-history');
    $t->wait_for($prompt);
    $t->type(".mode\r");
    $t->wait_for(qr/table\r\n/);
    kill 'TERM', $t->{pid};
    is($t->finish, 'died of signal 15', 'SIGTERM at the prompt');
    is(text($file), $before, '--no-history');
};

# Of a terminal that takes keys as they come only some time after the prompt,
# a Ctrl-D would have been the end of a line that nobody reads.  What it is set
# to is shown on it, in its order among all else.
subtest 'who sees the prompt can type' => sub {
    local $ENV{LD_PRELOAD} = preload_library($dir, 'modes', <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <termios.h>
#include <unistd.h>

int tcsetattr(int fd, int when, const struct termios *mode)
{
    static int (*real)(int, int, const struct termios *);
    int rc;

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "tcsetattr");
    }
    rc = real(fd, when, mode);
    return write(fd, mode->c_lflag & ICANON ? "<line>" : "<keys>", 6) == 6
           ? rc : -1;
}
END
    my $t = terminal([24, 80], @zmq, '--no-history');

    for my $when ('first', 'second') {
        my ($last) = $t->wait_for($prompt) =~ /.*<(keys|line)>/s;

        is($last, 'keys', "the $when prompt comes when keys do");
        $t->type("\r");
    }
    $t->wait_for($prompt);
    $t->type("\x04");
    is($t->finish, '', 'so Ctrl-D is seen');
};

subtest 'completion' => sub {
    my $t = terminal([24, 80], @zmq, '--no-history');

    $t->wait_for($prompt);

    # the terminal is sent no more than what is new
    $t->type("sel\t");
    $t->wait_for(qr/ect /);
    $t->type("other\t");
    $t->wait_for(qr/other_id +others/);
    $t->type("_\t");
    $t->wait_for(qr/id /);
    $t->type("from oth\t");
    $t->wait_for(qr/ers /);
    $t->type("t wher\t");
    $t->wait_for(qr/e /);
    $t->type("t.oth\t= 7;\r");
    ok($t->wait_for(qr/other_id\r\n=+\r\n +7\r\n1 rows/),
        'keywords, tables, columns, aliases');
    $t->wait_for($prompt);
    $t->type("SHOW TAB\t");
    $t->wait_for(qr/LES /);
    $t->type("\x03");
    $t->wait_for($prompt);
    $t->type("desc th\t;\r");
    $t->wait_for(qr/column_name/);
    $t->wait_for($prompt);
    $t->type(".mo\tm\t");
    $t->wait_for(qr/arkdown /);
    $t->type("\r");
    $t->wait_for($prompt);
    $t->type("select 1 from qasino_server_\t\t");
    ok($t->wait_for(qr/qasino_server_connections.*qasino_server_views/s),
        'a list where there is a choice');
    $t->type("\x03");
    $t->wait_for($prompt);
    $t->type(".read scr\t");
    ok($t->wait_for(qr/ipt\.sql /), 'files');
    $t->type("\x03");
    $t->wait_for($prompt);

    # a table that comes with the next generation
    $server->published('h1', table(newcomer => [a => 'int'], [1]),
        persist => 1);
    wait_until('the new table to be known', sub {
        $t->type("\x15desc newc\t");
        $t->read;
        return $t->all =~ /omer /;
    });
    ok(1, 'names are those of the generation');
    $t->type("\x15.quit\r");
    is($t->finish, '', 'the end');

    $t = terminal([24, 80], @fake, '--no-history');
    $t->wait_for($prompt);
    $t->type("select c\t");
    $t->wait_for(qr/select c/);
    $t->type("\x15desc \t\t");
    $t->wait_for(qr/fine +fine_two/);
    unlike($t->all, qr/owned|odd/, "a server's names are names, or nothing");
    $t->type("\x15.quit\r");
    $t->finish;
};

subtest 'Ctrl-C, dead servers and the prompt' => sub {
    my $t = terminal([24, 80], @fake, '--no-history');

    $t->wait_for($prompt);
    $t->type("silent;\r");
    $t->wait_for(qr/silent;\r\n/);
    $t->type("\x03");
    ok($t->wait_for(qr/Cancelled\./), 'Ctrl-C cancels the statement');
    $t->wait_for($prompt);
    $t->type("classic;\r");
    ok($t->wait_for(qr/2 rows returned/), 'not the program');
    $t->wait_for($prompt);
    $t->type("\x04");
    is($t->finish, '', 'which goes on');

    $t = terminal([24, 80], '-p', reserve_port(), '--retries', 0,
        '--connect-timeout', 0.2, '--timeout', 0.2, '--no-history');
    $t->wait_for($prompt);
    $t->type("sel\tx;\r");
    $t->wait_for(qr/ERROR: zmq tcp:/);
    $t->wait_for($prompt);
    $t->type("\x04");
    is($t->finish, '', 'no server: the prompt stays');
};

subtest 'the size of the terminal' => sub {
    my $wide = "select '" . 'w' x 50 . "' as wide, 12345678 as number,"
        . " '" . '語' x 30 . "' as kanji;\r";
    my $t = terminal([24, 60], @zmq, '--no-history');

    $t->wait_for($prompt);
    $t->type($wide);
    my $shown = $t->wait_for(qr/1 rows returned, [^\r]*\r\n/);
    utf8::decode($shown);
    my ($row) = $shown =~ /\n(ww.*)\r\n/;
    like($row, qr/^w+…  12345678  語+…$/, "cut: $row");
    cmp_ok(length($row) + ($row =~ tr/語//), '<=', 60, 'to the width');
    $t->wait_for($prompt);

    $t->resize(24, 200);
    $t->type($wide);
    $shown = $t->wait_for(qr/1 rows returned\r\n/);
    utf8::decode($shown);
    like($shown, qr/w{50}  12345678  語{30}\r\n/, 'a wider one has it all');
    $t->wait_for($prompt);

    $t->resize(24, 30);
    $t->type("select 11111111 as aaaa, 22222222 as bbbb, 33333333 as cccc,"
        . " 44444444 as dddd;\r");
    $shown = $t->wait_for(qr/1 rows returned, /);
    like($shown, qr/11111111  22222222  \xe2\x80\xa6\r\n/,
        'numbers are whole or not there');
    $t->wait_for($prompt);

    $t->type(".pager sed s/^/paged:/\r");
    $t->wait_for($prompt);
    $t->type("select 11111111 as aaaa, 22222222 as bbbb, 33333333 as cccc,"
        . " 44444444 as dddd;\r");
    ok($t->wait_for(qr/paged:11111111  22222222  33333333  44444444\r\n/),
        'the pager has all of it');
    $t->wait_for($prompt);
    $t->type("select 1;\r");
    $shown = $t->wait_for(qr/1 rows returned/);
    unlike($shown, qr/paged/, 'what fits needs no pager');
    $t->wait_for($prompt);
    $t->type(".pager off\r");
    $t->wait_for($prompt);
    $t->type("\x04");
    is($t->finish, '', 'the end');

    $t = terminal([8, 80], @zmq, '--pager=sed s/^/paged:/', '--no-history',
        '-q', 'select * from qasino_server_tables');
    ok($t->wait_for(qr/paged:\d+ rows returned/), '--pager, too many rows');
    $t->finish;
};

subtest '.watch at the prompt' => sub {
    my $t = terminal([24, 80], @zmq, '--no-history');

    $t->wait_for($prompt);
    $t->type(".watch select generation_number, 'same' as s"
        . " from qasino_server_info;\r");
    $t->wait_for(qr/\e\[H\e\[2Jgeneration/);
    $t->wait_for(qr/1 rows returned\r\n/);
    my $shown = $t->wait_for(qr/1 rows returned \(0 new, 1 changed, 0 gone\)/);
    like($shown, qr/\e\[1;33m\d+\e\[0m  same/, 'the changed cell stands out');
    $t->type("\x03");
    $t->wait_for($prompt);
    $t->type("select 1;\r");
    ok($t->wait_for(qr/1 rows returned/), 'Ctrl-C ends the watch');
    $t->wait_for($prompt);
    $t->type("\x04");
    is($t->finish, '', 'not the program');
};

subtest 'a server that restarts' => sub {
    my $other = start_server(generation_duration => 1);
    my @where = map { $_ => $other->port($_) } qw(zmq pubsub);
    my $t = terminal([24, 80], '-p', $other->port('zmq'), '--pubsub-port',
        $other->port('pubsub'), '--no-history', '--timeout', 0.5,
        '--connect-timeout', 0.5, '--retries', 0);

    $t->wait_for($prompt);
    $t->type(".watch select 'up' as state;\r");
    $t->wait_for(qr/up\r\n1 rows/);
    $other->stop;
    my %ports = @where;
    my $again = start_server(generation_duration => 1,
        zmq_port => $ports{zmq}, pubsub_port => $ports{pubsub});
    $t->{at} = length $t->all;
    ok($t->wait_for(qr/up\r\n1 rows/), 'is watched on');
    $t->type("\x03");
    $t->wait_for($prompt);
    $t->type("\x04");
    is($t->finish, '', 'the end');
};


# --- memory ----------------------------------------------------------------

SKIP: {
    skip 'the sanitizer looks instead', 4 if $program =~ /asan|tsan/;

    my %how = (under => ['valgrind', '-q', '--error-exitcode=99',
        '--leak-check=full', '--show-leak-kinds=definite,possible',
        '--errors-for-leak-kinds=definite,possible']);

    for my $transport (\@zmq, \@http,
        [@https, '-s', '-u', 'qasino', '-w', 'qasino'])
    {
        sql(\%how, @$transport, '--pager', map({ ('-q', $_) }
            map({ (".mode $_", $query) } sort keys %expected), '.tables',
            '.schema', '.help', '.show', '.nope', 'select nope', '.read x',
            'set a = b;', '.watch -n2 select * from qasino_server_info'));
        is($status, 1, "valgrind: @$transport") or diag $errors;
    }

    my $t = Terminal->start([24, 80], $how{under}->@*, $program, @zmq,
        '--no-history');
    $t->wait_for($prompt);
    $t->type("select name from thi\t;\r");
    $t->wait_for(qr/4 rows returned/);
    $t->wait_for($prompt);
    $t->type("select\r\x03");
    $t->wait_for(qr/\^C/);
    $t->type(".q\r");
    is($t->finish, '', 'valgrind: the prompt') or diag $t->all;
}

sanitizer_reports($dir);
done_testing();
