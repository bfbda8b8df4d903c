#!/usr/bin/perl

# qasino-csvpublisher against a real server: indexes, files that are bad,
# missing or being written, commands, the generation signal, servers that go
# and come back.

use v5.36;

use POSIX qw(WNOHANG);
use Test::More;

use Qasino::Process qw(build_dir exit_text problem reserve_port
    sanitizer_env sanitizer_reports slurp spawn spew temp_dir top_dir
    wait_until);
use Qasino::Server;

my $program = build_dir() . '/qasino-csvpublisher';
my $dir = temp_dir();
my %running;

my %tls = Qasino::Server::tls_settings();
my $server = start_server(generation_duration => 1, %tls);
my @zmq = ('-H', '127.0.0.1', '-p', $server->port('zmq'),
    '-P', $server->port('pubsub'), '-d', 0);

# Starts one under a name, which is its identity.
sub start ($name, @options) {
    my $log = "$dir/$name.log";
    my $pid = spawn(command => [$program, '-I', $name, @options],
        env => { sanitizer_env($dir) }, output => $log);

    return $running{$pid} = { pid => $pid, log => $log, name => $name };
}

sub stop ($agent, $signal = 'TERM') {
    my $pid = $agent->{pid};

    kill $signal, $pid;
    wait_until("$agent->{name} to end", sub { waitpid($pid, WNOHANG) });
    my $how = exit_text($?);
    delete $running{$pid};
    sanitizer_reports($dir);

    return $how;
}

# Runs one to its end; (exit status, log).
sub run_once ($name, @options) {
    my $agent = start($name, @options);

    wait_until("$name to end", sub { waitpid($agent->{pid}, WNOHANG) });
    my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    delete $running{$agent->{pid}};
    sanitizer_reports($dir);

    return ($status, slurp($agent->{log}));
}

sub csv ($rows, $types = 'int,string', $names = 'a,b') {
    return "1\nignored\n$names\n$types\nA,B\n$rows";
}

# An index of its own directory: index(name => lines).
sub index_of ($name, @lines) {
    mkdir "$dir/$name";
    spew("$dir/$name/index.csv", join('', map { "$_\n" } 1, @lines));

    return "$dir/$name/index.csv";
}

# Rows of a query, as long as there is no such table: none.
sub rows ($sql) {
    my $answer = $server->query($sql);

    return $answer->{table} ? $answer->{table}{rows} : [];
}

# Waits until a query has these rows.
sub becomes ($what, $sql, @expected) {
    my $last = [];
    my $expected = encode_json(\@expected);
    my $ok = eval {
        wait_until($what, sub {
            $last = rows($sql);
            return encode_json($last) eq $expected;
        });
    };

    ok($ok, $what) or diag("$sql\n" . encode_json($last));
}

# What an agent says about one of its tables.
sub told ($agent, $table, @columns) {
    my $columns = join ', ', @columns;

    return "select $columns from qasino_csvpublisher_tables where identity ="
        . " '$agent->{name}' and tablename = '$table'";
}

# --- what it publishes -----------------------------------------------------

subtest 'indexes and files' => sub {
    my $index = index_of('one', 'agent_a', 'other.csv,agent_b', '',
        '# a comment', 'agent_gone');
    my $second = index_of('two', 'agent_c');
    my $third = index_of('three', 'agent_d');

    spew("$dir/one/agent_a.csv", csv("1,x\n2,\"y\nz\"\n"));
    spew("$dir/one/other.csv", csv(",\r\n"));
    spew("$dir/two/agent_c.csv", csv("1,c\n"));
    spew("$dir/three/agent_d.csv", csv("1,d\n"));
    spew("$dir/list", "# indexes\n\n$second\n$third\n");

    my $agent = start('files', @zmq, '--index', $index, '--index-list',
        "$dir/list");

    becomes('a table named alone', 'select * from agent_a', ['1', 'x'],
        ['2', "y\nz"]);
    becomes('a table with a file', 'select a is null, b from agent_b',
        ['1', '']);
    becomes('an index of the list', 'select b from agent_c', ['c']);
    becomes('and another', 'select b from agent_d', ['d']);
    becomes('the summary', 'select nr_tables, nr_errors from'
        . " qasino_csvpublisher_info where identity = 'files'", ['4', '1']);
    becomes('a missing file', told($agent, 'agent_gone', 'nr_errors',
        'error_message', 'nr_rows', 'mtime', 'read_time_s'), ['1',
        'No such file or directory', '-1', '0', '-1.0']);
    becomes('a good one', told($agent, 'agent_a', 'nr_errors',
        'error_message', 'nr_rows', 'filepath', 'mtime > 1000000000'),
        ['0', '', '2', "$dir/one/agent_a.csv", '1']);

    # what changes: a file, an index, a missing file that comes
    spew("$dir/one/new", csv("7,new\n"));
    rename "$dir/one/new", "$dir/one/agent_a.csv";
    becomes('a file replaced by rename', 'select * from agent_a',
        ['7', 'new']);
    spew("$dir/one/agent_gone.csv", csv("1,back\n"));
    becomes('a file that appeared', 'select b from agent_gone', ['back']);
    spew("$dir/one/agent_e.csv", csv("1,e\n"));
    spew($index, "1\nagent_a\nagent_e\n");
    becomes('a new line in an index', 'select b from agent_e', ['e']);
    becomes('a line less', "select count(*) from"
        . " qasino_csvpublisher_tables where identity = 'files'", ['4']);
    unlink $second;
    becomes('an index that went', "select tablename, error_message from"
        . " qasino_csvpublisher_tables where filepath = '$second'",
        ['', 'No such file or directory']);
    becomes('and its table', "select count(*) from qasino_server_tables"
        . " where tablename = 'agent_c'", ['0']);

    is(stop($agent), '', 'ends well on TERM');
};

subtest 'bad files' => sub {
    my $index = index_of('bad', 'agent_bad', 'agent_fine');

    spew("$dir/bad/agent_bad.csv", csv("1,x\n2,y\nz,oops\n"));
    spew("$dir/bad/agent_fine.csv", csv("1,x\n"));

    my $agent = start('bad', @zmq, '-i', $index);

    becomes('the line and column', told($agent, 'agent_bad', 'nr_errors',
        'error_message'), ['1',
        "line 8 column 1: 'z' (a) is no integer of 64 bits"]);
    becomes('others are published', 'select * from agent_fine', ['1', 'x']);
    spew("$dir/bad/agent_bad.csv", csv("1,good\n"));
    becomes('mended', 'select b from agent_bad', ['good']);
    becomes('and told', told($agent, 'agent_bad', 'nr_errors',
        'error_message', 'nr_rows'), ['0', '', '1']);
    spew("$dir/bad/agent_bad.csv", csv("1,x\n", 'int,string', 'a,a'));
    becomes('columns twice', told($agent, 'agent_bad', 'error_message'),
        ["line 3 column 2: column 'a' is there twice"]);
    unlink "$dir/bad/agent_bad.csv";
    mkdir "$dir/bad/agent_bad.csv";
    becomes('a directory', told($agent, 'agent_bad', 'error_message'),
        ['it is no regular file']);
    is(stop($agent), '', 'ends well');
    is(scalar(grep { /agent_bad.*oops|'z'/ }
        split /\n/, slurp($agent->{log})), 1, 'logged once, not each round');
};

# A writer that stops in the middle of a file for generations.
subtest 'a file that is being written' => sub {
    my $index = index_of('half', 'agent_half');
    my $file = "$dir/half/agent_half.csv";

    open my $out, '>', $file or die;
    $out->autoflush(1);
    print {$out} csv("1,first\n");

    my $agent = start('half', @zmq, '-i', $index, '--settle', 0);
    becomes('it is told', told($agent, 'agent_half', 'nr_errors',
        'error_message', 'nr_rows'), ['1', 'the file is being written',
        '-1']);
    $server->wait_generation(2);
    is_deeply(rows('select * from agent_half'), [], 'and not published');
    print {$out} "2,second\n";
    close $out;
    becomes('until it is whole', 'select b from agent_half', ['first'],
        ['second']);

    is(stop($agent), '', 'ends well');
};

subtest 'limits and options' => sub {
    my $index = index_of('limits', qw(agent_x agent_y agent_z));

    spew("$dir/limits/agent_$_.csv", csv("1,$_\n")) for qw(x y z);
    spew("$dir/tables", "#\nagent_z\n\n");
    spew("$dir/limits/agent_x.csv", "persist=1,identity=told\nx\na,b\n"
        . "int,string\n\n1,x\n");

    my ($status, $log) = run_once('limits', @zmq, '-i', $index, '--once',
        '--table', 'agent_x', '--table-list', "$dir/tables");
    is($status, 0, 'once') or diag($log);
    $server->wait_generation;
    is_deeply(rows("select tablename from qasino_csvpublisher_tables where"
        . " identity = 'limits' order by 1"), [['agent_x'], ['agent_z']],
        '--table and --table-list');
    is_deeply(rows("select count(*) from qasino_server_connections where"
        . " identity = 'told'"), [['1']], "a file's own identity");
    $server->wait_generation(2);
    is_deeply(rows('select * from agent_x'), [['1', 'x']], 'persist=1');

    ($status, $log) = run_once('limits2', @zmq, '-i', $index, '--once',
        '--max-size', 10);
    is($status, 1, 'a file too large');
    like($log, qr/more than --max-size \(10\)/, 'says so');

    ($status, $log) = run_once('limits3', @zmq, '--once', '-i',
        "$dir/nothing/here");
    is($status, 1, 'a missing index');
    like($log, qr{here': No such file}, 'says so');

    for my $options ([], ['-i', $index, 'more'], ['-x', 0, '-i', $index],
        ['-e', 'nocommand'], ['-e', '=x'], ['--nope'], ['-H', 'a/b', '-i',
        $index], ['-I', '', '-i', $index])
    {
        ($status, $log) = run_once('usage', @$options);
        is($status, 2, "@$options");
    }

    is(system("$program --help > $dir/help") >> 8, 0, '--help');
    my $help = slurp("$dir/help");
    like($help, qr/\Q$_\E\b/, "$_ is in --help")
        for qw(--identity --hostname --port --username --password
            --pubsub-port --index --index-list --table --table-list
            --send-delay-max --interval --use-https --skip-ssl-verify
            --gen-signal-timeout --exec --exec-timeout --settle --max-size
            --once --cacert --use-http --use-zmq --retries --timeout);

    my $manual = slurp(top_dir() . '/clients/man/qasino-csvpublisher.1.scd');
    my @missing = grep { $manual !~ /\*\Q$_\E\*/ } $help =~ /(--[a-z-]+)/g;
    is_deeply(\@missing, [], 'all options are in the manual page');
};

# --- commands --------------------------------------------------------------

subtest 'commands' => sub {
    my $index = index_of('exec',
        q{exec:echo '[{"pid":"1","name":"a,b"},{"pid":"22"}]',exec_json},
        q{exec:cat data.csv,exec_csv},
        q{exec:echo out; echo broken >&2; exit 3,exec_fails},
        q{exec:echo '[{"a":1},{"a":[}]',exec_syntax},
        q{exec:echo '[]',exec_empty},
        q{exec:yes,exec_endless},
        q{exec:true});

    spew("$dir/exec/data.csv", csv("1,from csv\n"));

    my $agent = start('exec', @zmq, '-i', $index, '-e',
        "exec_option=cat $dir/exec/data.csv", '--max-size', '100k');

    becomes('JSON', 'select pid + 1, name from exec_json order by pid',
        ['2', 'a,b'], ['23', '']);
    becomes('CSV', 'select * from exec_csv', ['1', 'from csv']);
    becomes('--exec', 'select * from exec_option', ['1', 'from csv']);
    becomes('a failure', told($agent, 'exec_fails', 'nr_errors',
        'error_message'), ['1', 'the command exited with 3: broken']);
    becomes('no JSON', told($agent, 'exec_syntax', 'nr_errors',
        "error_message like 'line 1 column %'"), ['1', '1']);
    becomes('no rows', told($agent, 'exec_empty', 'nr_errors', 'nr_rows'),
        ['0', '0']);
    becomes('no end', told($agent, 'exec_endless', 'error_message'),
        ['the command printed more than 102400 bytes']);
    becomes('no table name', told($agent, '', 'error_message'),
        ['the index line has no table name: exec:COMMAND,TABLE']);
    is(stop($agent), '', 'ends well');

    chmod 0666, $index;
    $agent = start('untrusted', @zmq, '-i', $index);
    becomes('an index that anybody may write', told($agent, 'exec_json',
        "error_message like 'its command is not run%'"), ['1']);
    is(stop($agent), '', 'ends well');
};

# One that takes long, beside others: killed in time, with its children,
# never twice at a time.
subtest 'a command that hangs' => sub {
    my $agent = start('slow', @zmq, '--exec-timeout', 2.5,
        '-e', "exec_slow=echo \$\$ >> $dir/started; sleep 1000 & wait",
        '-e', 'exec_quick=echo \'[{"a": 1}]\'');

    becomes('the other is published', 'select * from exec_quick', ['1']);
    becomes('no second one', told($agent, 'exec_slow', 'error_message'),
        ['the command of the round before is still running']);
    becomes('killed', told($agent, 'exec_slow', 'error_message'),
        ['the command was killed after 2.5 s']);

    my @pids = split /\n/, slurp("$dir/started");
    wait_until('the first to be gone', sub { !kill 0, -$pids[0] });
    my $alive = grep { kill 0, $_ } @pids;
    ok($alive <= 1, 'one at a time');

    is(stop($agent), '', 'ends well while it runs');
    wait_until('no children left', sub { !grep { kill 0, -$_ }
        split /\n/, slurp("$dir/started") });
    pass('and leaves none behind');
};

# --- when ------------------------------------------------------------------

subtest 'by interval, over HTTP and HTTPS' => sub {
    my $index = index_of('interval', 'agent_i');

    spew("$dir/interval/agent_i.csv", csv("1,i\n"));

    my $agent = start('interval', '-i', $index, '-x', 1, '--use-http', '-H',
        '127.0.0.1', '-p', $server->port('http'));
    becomes('HTTP', 'select b from agent_i', ['i']);
    spew("$dir/interval/agent_i.csv", csv("1,again\n"));
    becomes('again', 'select b from agent_i', ['again']);
    is(stop($agent, 'INT'), '', 'ends well on INT');

    my @https = ('-i', $index, '-s', '-H', 'localhost', '-p',
        $server->port('https'), '-u', 'qasino', '-w', 'qasino', '--once',
        '--retries', 0);
    my ($status, $log) = run_once('https1', @https);
    is($status, 3, 'HTTPS is verified');
    like($log, qr/HTTPS to localhost port \d+ failed/, 'says so');
    ($status, $log) = run_once('https2', @https, '--cacert',
        "$tls{keys_dir}/server.crt");
    is($status, 0, '--cacert') or diag($log);
    becomes('published', "select identity from qasino_server_connections"
        . " where identity = 'https2'", ['https2']);
    ($status) = run_once('https3', @https, '-k');
    is($status, 0, '--skip-ssl-verify');
    becomes('published', "select identity from qasino_server_connections"
        . " where identity = 'https3'", ['https3']);
};

subtest 'no generation signal' => sub {
    my $agent = start('unheard', '-H', '127.0.0.1', '-p',
        $server->port('zmq'), '-P', reserve_port(), '-d', 0, '-g', 1,
        '-e', 'agent_u=echo \'[{"a": 1}]\'');

    wait_until('it to subscribe anew, twice', sub {
        my @lines = slurp($agent->{log}) =~ /no generation signal for 1 s/g;
        return @lines >= 2;
    });
    pass('--gen-signal-timeout');
    is(stop($agent), '', 'ends well');
};

subtest 'the server goes and comes back' => sub {
    my %ports = map { ($_ => reserve_port()) } qw(http zmq pubsub);
    my $other = Qasino::Server->new(generation_duration => 1,
        map { ($_ . '_port' => $ports{$_}) } keys %ports);
    my @agents = map {
        start("back_$_", '-H', '127.0.0.1', '-P', $ports{pubsub}, '-d', 0,
            '--connect-timeout', 0.2, '--retries', 0, '-p', $ports{$_},
            $_ eq 'http' ? '--use-http' : '--use-zmq',
            '-e', "back_$_=echo '[{\"a\": 1}]'");
    } qw(zmq http);

    for my $agent (@agents) {
        wait_until('a complaint', sub {
            slurp($agent->{log}) =~ /failed: .*trying again/;
        });
    }
    pass('no server yet');

    for my $time (1 .. 2) {
        $time == 1 ? $other->start : $other->restart;

        for my $transport (qw(zmq http)) {
            ok(wait_until("back_$transport", sub {
                my $answer = $other->query("select * from back_$transport");
                return $answer->{table};
            }), "$transport: published after start $time");
        }
    }

    ok(Qasino::Server::alive($_->{pid}), "$_->{name} runs") for @agents;
    $other->stop;
    is(stop($_), '', "$_->{name} ends well without a server") for @agents;
};

# --- memory ----------------------------------------------------------------

subtest 'memory' => sub {
    plan skip_all => 'under a sanitizer' if build_dir() =~ /asan|tsan/;

    my $index = index_of('many', map { "agent_m$_" } 1 .. 50);
    spew("$dir/many/agent_m$_.csv", csv(join '', map { "$_,row $_\n" }
        1 .. 200)) for 1 .. 50;

    my $agent = start('memory', @zmq, '-i', $index);
    becomes('50 tables of 200 rows', 'select sum(nr_rows) from'
        . " qasino_csvpublisher_tables where identity = 'memory'",
        ['10000']);
    $server->wait_generation(3);
    my $kib = Qasino::Server::resident_kib($agent->{pid});
    ok($kib < 20 * 1024, "resident: $kib KiB");
    note("resident: $kib KiB");
    is(stop($agent), '', 'ends well');
};

END {
    local $?;
    for my $pid (keys %running) {
        diag("$running{$pid}{name}:\n" . slurp($running{$pid}{log}));
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
}

done_testing();
