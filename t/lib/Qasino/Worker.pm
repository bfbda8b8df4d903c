package Qasino::Worker;

# A worker of a test's own, without nginx or bridge around it:
#
#   use Qasino::Worker;
#   my $worker = start_worker(generation_duration => 1);
#
# It runs in a temporary directory.  $TEST_NGINX_QASINO_SOCKET and
# $TEST_NGINX_QASINO_PAGE lead a declarative suite to it.  It is stopped when
# the test ends; not ending well, or a sanitizer's report, fails the test.

use v5.36;

use Exporter qw(import);
use JSON::PP ();
use POSIX qw(WNOHANG);

use Qasino::Frame;
use Qasino::Process qw(build_dir exit_text problem sanitizer_env
    sanitizer_reports slurp spawn temp_dir wait_until);

our @EXPORT = qw(start_worker);

my @all;
my $owner = $$;

sub start_worker (%settings) {
    my $dir = temp_dir();
    my $self = bless {
        dir => $dir,
        settings => {
            run_dir => "$dir/run", db_dir => "$dir/db",
            static_db => "$dir/static.db", identity => 'test-server',
            query_processes => 2, %settings,
        },
    }, __PACKAGE__;

    mkdir "$dir/run";
    mkdir "$dir/db";
    push @all, $self;
    $self->start;

    $ENV{TEST_NGINX_QASINO_SOCKET} = $self->socket_path;
    $ENV{TEST_NGINX_QASINO_PAGE} = $self->run_dir . '/generation.page';

    return $self;
}

sub pid ($self) { $self->{pid} }
sub dir ($self) { $self->{dir} }
sub run_dir ($self) { $self->{settings}{run_dir} }
sub socket_path ($self) { $self->run_dir . '/worker.sock' }
sub line_path ($self) { $self->run_dir . '/line.sock' }
sub log_path ($self) { "$self->{dir}/worker.log" }
sub log_text ($self) { slurp($self->log_path) }

sub start ($self) {
    pipe my $ready, my $child or die "pipe: $!\n";

    my %settings = %{$self->{settings}};
    my @options = map { ('--' . tr/_/-/r, $settings{$_}) }
        sort keys %settings;

    $self->{pid} = spawn(
        command => [build_dir() . '/qasino-worker', @options],
        env => { QASINO_READY_FD => fileno $child,
                 sanitizer_env($self->{dir}) },
        inherit => [$child], output => $self->log_path);
    close $child;

    # end of file, not a byte, when it dies before it is ready
    my $byte;
    my $n = wait_until('the worker to be ready', sub {
        vec(my $bits = '', fileno $ready, 1) = 1;
        select $bits, undef, undef, 0;
        return vec($bits, fileno $ready, 1) ? 'yes' : '';
    }) && sysread $ready, $byte, 1;

    if (!$n) {
        waitpid delete $self->{pid}, 0;
        die 'the worker did not start, it ' . exit_text($?) . ":\n"
            . $self->log_text;
    }

    return $self;
}

# Sends a signal and waits for the end; what it may end with is the
# caller's to say: by default exit 0 only.
sub stop ($self, $signal = 'TERM', $expected = '') {
    my $pid = delete $self->{pid} // return;

    CORE::kill $signal, $pid;
    my $gone = eval {
        wait_until("the worker to stop after SIG$signal",
            sub { waitpid($pid, WNOHANG) == $pid });
    };
    my $how = $gone ? exit_text($?) : $@;

    if (!$gone) {
        CORE::kill "KILL", $pid;
        waitpid $pid, 0;
    }

    problem("the worker $how:\n" . $self->log_text) if $how ne $expected;
    sanitizer_reports($self->{dir});

    return $how;
}

sub kill ($self) { $self->stop('KILL', 'died of signal 9') }
sub restart ($self) { $self->stop; $self->start }

sub connect ($self) { Qasino::Frame->connect($self->socket_path) }

# The answer of a query, decoded; dies where it is no JSON.
sub query ($self, $sql, %f) {
    my $answer = $self->connect->query($sql, %f);

    return JSON::PP::decode_json($answer->{body});
}

# Rows of a query; dies with the server's error.
sub rows ($self, $sql, %f) {
    my $reply = $self->query($sql, %f);

    return $reply->{table}{rows}
        // die "$sql: " . JSON::PP::encode_json($reply) . "\n";
}

# A query on a generation that is in the archive, as sqlite3 prints it: rows
# separated by semicolons.
sub archived ($self, $number, $sql) {
    my $file = "$self->{settings}{archive_db_dir}/qasino_table_store_"
        . "$number.db";

    wait_until("generation $number in the archive", sub { -e $file });
    open my $out, '-|', 'sqlite3', '-readonly', $file, $sql
        or die "sqlite3: $!";
    chomp(my @rows = <$out>);

    return join ';', @rows;
}

# Publishes a table given as in the JSON body; returns the answer, decoded.
sub publish ($self, $identity, $table, %more) {
    my $answer = $self->connect->request(op => 'add_table_data',
        body => JSON::PP::encode_json({ op => 'add_table_data',
            identity => $identity, table => $table, %more }));

    return JSON::PP::decode_json($answer->{body});
}

sub generation ($self) {
    return 0 + $self->rows(
        'select generation_number from qasino_server_info')->[0][0];
}

# Waits until the snapshot served is $count later than now's.
sub wait_generation ($self, $count = 1) {
    for (1 .. $count) {
        my $before = $self->generation;
        wait_until('the next generation',
            sub { $self->generation != $before });
    }
}

END {
    if ($owner == $$) {
        local $?;
        $_->stop for @all;
    }
}

1;
