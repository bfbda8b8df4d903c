package Qasino::Process;

# What the harnesses share: temporary directories, processes that are started
# and must end well, waiting for a condition, sanitizer reports, free ports.
#
# Nothing here waits for time to pass: wait_until() asks until the answer is
# yes, and dies with what it waited for when the deadline is over.

use v5.36;

use Cwd qw(abs_path);
use Exporter qw(import);
use Fcntl qw(F_GETFD F_SETFD FD_CLOEXEC);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Socket qw(INADDR_ANY INADDR_LOOPBACK SO_REUSEADDR);
use Test::More ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

our @EXPORT_OK = qw(build_dir top_dir temp_dir is_direct slurp spew now
    wait_until patience spawn exit_text reserve_port reserved_listener problem
    preload_library sanitizer_env sanitizer_reports);

my $owner = $$;
my @problems;
my @reserved;
my @dirs;

sub top_dir () { state $top = abs_path(dirname(__FILE__) . '/../../..') }

# Where the programs under test stand.
sub build_dir () {
    my $build = $ENV{QASINO_BUILD} // 'build/release';

    return $build =~ m{^/} ? $build : top_dir() . "/$build";
}

# Seconds that a condition may take to come true: only a broken program ever
# waits that long, so it is generous, the more so under a sanitizer.
sub patience () {
    return $ENV{QASINO_PATIENCE} // (build_dir() =~ /asan|tsan/ ? 90 : 30);
}

sub now () { clock_gettime(CLOCK_MONOTONIC) }

sub wait_until ($what, $condition, $seconds = patience()) {
    my $end = now() + $seconds;

    while (1) {
        my $value = $condition->();
        return $value if $value;
        die "gave up waiting for $what after $seconds s\n" if now() > $end;
        select undef, undef, undef, 0.005;
    }
}

# A directory of this test's own; it goes at the end, unless the test failed
# and QASINO_KEEP is set.
sub temp_dir () {
    my $dir = File::Temp::tempdir('qasino-t.XXXXXX', TMPDIR => 1);

    chmod 0755, $dir;           # nginx's workers may be somebody else
    push @dirs, $dir;

    return $dir;
}

# A query process that nginx asks past the worker: it counts in memory that
# the others do not have.
sub is_direct ($pid) {
    return (readlink "/proc/$pid/fd/4" // '') =~ /memfd:qasino-counts/;
}

sub slurp ($path) {
    open my $in, '<:raw', $path or return '';
    local $/;
    return scalar(<$in>) // '';
}

sub spew ($path, $text) {
    open my $out, '>:raw', $path or die "cannot write $path: $!\n";
    print {$out} $text;
    close $out or die "cannot write $path: $!\n";
}

# Makes a library for LD_PRELOAD of functions in C; its path.
sub preload_library ($dir, $name, $source) {
    my $library = "$dir/$name.so";

    spew("$dir/$name.c", $source);
    system('cc', qw(-shared -fPIC -O1 -o), $library, "$dir/$name.c", '-ldl')
        == 0 or die "$name.c was not compiled\n";

    return $library;
}

# Starts a program: command => [...], env => {...}, output => file of its
# stderr (and of its stdout, unless stdout => handle), inherit => [handles].
sub spawn (%how) {
    my $pid = fork() // die "fork: $!\n";

    return $pid if $pid;

    for my $handle (@{$how{inherit} // []}) {
        my $flags = fcntl $handle, F_GETFD, 0;
        fcntl $handle, F_SETFD, $flags & ~FD_CLOEXEC;
    }

    @ENV{keys %{$how{env} // {}}} = values %{$how{env} // {}};
    $SIG{$_} = 'DEFAULT' for qw(INT TERM PIPE CHLD);

    open STDIN, '<', '/dev/null';
    open STDERR, '>>', $how{output} if $how{output};

    if ($how{stdout}) {
        open STDOUT, '>&', $how{stdout};
    } else {
        open STDOUT, '>&', \*STDERR;
    }

    {
        no warnings 'exec';
        exec { $how{command}[0] } @{$how{command}};
    }
    print STDERR "cannot run $how{command}[0]: $!\n";
    POSIX::_exit(127);
}

# A wait status in words, '' for exit 0.
sub exit_text ($status) {
    return '' if $status == 0;
    return 'died of signal ' . ($status & 127) if $status & 127;
    return 'exited with ' . ($status >> 8);
}

# A port that stays ours while this process lives: it is bound but does not
# listen, so a server with SO_REUSEADDR may.
sub reserve_port () {
    my $socket = bind_port(INADDR_ANY);

    push @reserved, $socket;

    return $socket->sockport;
}

# For tests of a port in use.
sub reserved_listener () {
    my $socket = bind_port(INADDR_LOOPBACK);

    $socket->listen(16) or die "listen: $!\n";

    return $socket;
}

# A port that nobody has: to one who binds with SO_REUSEADDR the kernel also
# gives one that is reserved so, and at one address one that is in use at
# another.
sub bind_port ($address) {
    my $socket = IO::Socket::INET->new(Proto => 'tcp')
        // die "socket: $!\n";

    $socket->bind(0, $address) && $socket->sockopt(SO_REUSEADDR, 1)
        or die "bind: $!\n";

    return $socket;
}

# Something went wrong that belongs to no single test: the test file fails
# through its exit status, which no plan can hide.
sub problem ($text) {
    push @problems, $text;
    Test::More::diag($text);
}

# The sanitizers write their reports into $dir/sanitizer.PID.
sub sanitizer_env ($dir) {
    my $log = "log_path=$dir/sanitizer";

    return (
        ASAN_OPTIONS => join(':', $log, 'detect_stack_use_after_return=1',
            'strict_string_checks=1', $ENV{ASAN_OPTIONS} // ()),
        UBSAN_OPTIONS => join(':', $log, 'print_stacktrace=1',
            $ENV{UBSAN_OPTIONS} // ()),
        LSAN_OPTIONS => 'print_suppressions=0:suppressions=' . top_dir()
            . '/t/lib/nginx.lsan',
        TSAN_OPTIONS => join(':', $log, $ENV{TSAN_OPTIONS} // ()),
    );
}

# Reads and removes the reports of $dir: a problem each.
sub sanitizer_reports ($dir) {
    my $found = 0;

    for my $file (glob "$dir/sanitizer.*") {
        problem("sanitizer report $file:\n" . slurp($file));
        unlink $file;
        $found++;
    }

    return $found;
}

END {
    if ($owner == $$) {
        my $status = $?;

        $status ||= 1 if @problems;

        if ($status && $ENV{QASINO_KEEP}) {
            Test::More::diag("kept: @dirs");
        } else {
            local $?;
            require File::Path;
            File::Path::remove_tree(@dirs);
        }

        $? = $status;
    }
}

1;
