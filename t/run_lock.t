# Two ./run at once in one clone: the second waits until the first has built,
# and nothing that goes on afterwards holds it up.  A Makefile of our own
# stands for the build, in a copy.

use v5.36;

use Test::More;

use Qasino::Process qw(exit_text slurp spawn spew temp_dir top_dir wait_until);

# what a make above us wants is not for this one
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};

my $dir = temp_dir();

sub program ($name, $text) {
    spew("$dir/$name", $text);
    chmod 0755, "$dir/$name" or die "$dir/$name: $!\n";
}

sub start ($name) {
    return spawn(command => ["$dir/run", $name], output => "$dir/$name.log",
        env => { PATH => "$dir/bin:$ENV{PATH}", VARIANT => 'release' });
}

sub said ($name) { slurp("$dir/$name.log") }
sub ended ($pid) { waitpid $pid, 0; return exit_text($?) }

mkdir "$dir/bin";
program('run', slurp(top_dir() . '/run'));

# every package is there
program('bin/dpkg-query',
    "#!/bin/sh\nshift 3\nprintf 'install ok installed/%s ' \"\$@\"\n");

# The build goes on until it is told to end, and leaves a process behind, as
# one of a package might.  Only one can be at it.
spew("$dir/Makefile", <<~'END');
    all:
    	@mkdir busy
    	@while [ ! -e go ]; do sleep 0.01; done
    	@mkdir -p build/release; cp server build/release/qasino-server
    	@sleep 1000 > /dev/null 2>&1 & echo $$! >> left
    	@rmdir busy
    END
program('server', <<~'END');
    #!/bin/sh
    ls -l /proc/$$/fd
    echo "$1 serves"
    END

my $first = start('first');
wait_until('the first to build', sub { -d "$dir/busy" });

my $second = start('second');
wait_until('the second to wait', sub { said('second') =~ /waiting/
    || said('second') =~ /failed/ });
like(said('second'), qr/another .* waiting/, 'the second says that it waits');

spew("$dir/go", '');
is(ended($first), '', 'the first builds');
is(ended($second), '', '... so does the second');

for my $name (qw(first second)) {
    like(said($name), qr/$name serves/, "the $name becomes the server");
    unlike(said($name), qr{\Q$dir\E/build$}m, '... which has no descriptor of it');
}

kill 'KILL', split ' ', slurp("$dir/left");

done_testing();
