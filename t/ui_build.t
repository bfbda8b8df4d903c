# What is committed in ui/dist is what the sources and the lock file give;
# it is small, it asks nobody else, and completion knows the functions that
# the server does.

use v5.36;

use Compress::Zlib qw(memGzip);
use File::Basename qw(basename);
use Test::More;

use Qasino::Process qw(build_dir slurp temp_dir top_dir);

my $ui = top_dir() . '/ui';
my $built = temp_dir() . '/dist';

is(system("node '$ui/build.mjs' '$built'"), 0, 'the UI builds');
is(`diff -r '$ui/dist' '$built' 2>&1`, '', 'ui/dist is what it builds');

my @files = ("$ui/dist/index.html", glob "$ui/dist/ui/*");
my $size = 0;

for my $file (@files) {
    my $text = slurp($file);
    my $name = basename($file);

    $size += length memGzip($text);
    like($name, qr/-[A-Z0-9]{8}\.(?:js|css|svg)$/,
        "$name: its name changes with its contents")
        if $name !~ /^(?:index\.html|licenses\.txt)$/;
    # a namespace is a name, and no address
    my @hosts = grep { !m{^https?://www\.w3\.org/} }
        $text =~ m{https?://[\w.-]+[^\s"'`]*}g;
    is_deeply(\@hosts, [], '... names no other host')
        if $name ne 'licenses.txt';
    is(slurp(build_dir() . '/www/' . substr $file, length "$ui/dist/"),
        $text, '... and stands beside the server');
}

cmp_ok($size, '<', 400 * 1024, "compressed $size bytes in all");
diag("the UI: $size bytes compressed");

my $page = slurp("$ui/dist/index.html");
unlike($page, qr/<style|style=|\son\w+=|<script(?![^>]* src=)/,
    'nothing inline in the page');

unlike(slurp("$ui/package-lock.json"), qr/"resolved"|https?:\/\/registry/,
    'the lock file has no addresses');

my ($table) = slurp(top_dir() . '/worker/query/policy.c')
    =~ /functions\[\] = \{(.*?)\n\};/s;
my ($list) = slurp("$ui/src/functions.js") =~ /functions = \((.*?)\)/s;
my %unfit = map { $_ => 1 } qw(-> ->> current_date current_time
    current_timestamp last_insert_rowid total_changes zeroblob);
is_deeply([grep { !$unfit{$_} } $list =~ /\w+/g],
    [grep { !$unfit{$_} } $table =~ /\{ "([^"]+)"/g],
    'functions of completion are those of the policy');

done_testing();
