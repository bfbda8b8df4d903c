#!/usr/bin/perl

# make install DESTDIR=...: what it puts where, that a server runs from there
# through the link in sbin, and that the manual pages know every option.

use v5.36;

use File::Find ();
use Test::More;

use Qasino::Process qw(build_dir slurp temp_dir top_dir);
use Qasino::Server;

my $destination = temp_dir();
my $home = "$destination/opt/q";
my @clients = qw(qasino-csvpublisher qasino-publish qasino-sql);

# what a make above us wants is not for this one
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS VARIANT DESTDIR PREFIX)};

# the sanitizer builds have no module, and are not what is installed
my ($variant) = build_dir() =~ m{/build/((?!asan|tsan)[\w-]+)\z};
$variant //= 'release';

my $said = `make -s -C '@{[top_dir()]}' VARIANT=$variant install \\
    DESTDIR='$destination' PREFIX=/opt/q 2>&1`;
is($?, 0, 'make install') or BAIL_OUT($said);

my %found;
File::Find::find({ no_chdir => 1, wanted => sub {
    return if -d && !-l;
    my $name = s{^\Q$home/\E}{}r;
    $found{$name} = -l $_ ? '-> ' . readlink : sprintf '%o', (stat)[2] & 0777;
} }, $destination);

is_deeply(\%found, {
    (map { ("bin/$_" => '755') } @clients),
    'bin/qasinosql' => '-> qasino-sql',
    'sbin/qasino-server' => '-> ../lib/qasino/qasino-server',
    (map { ("lib/qasino/$_" => '755') } qw(qasino-server qasino-worker
        qasino-query qasino-zmq-bridge)),
    'lib/qasino/ngx_http_qasino_module.so' => '644',
    (map { (s{^\Q@{[top_dir()]}/ui/dist}{lib/qasino/www}r => '644') }
        map { glob(top_dir() . "/ui/dist/$_") } qw(*.html ui/*)),
    (map { my $path = s{^\Q@{[top_dir()]}/\E}{}r; ("lib/qasino/$path"
        => $path =~ /^conf/ ? '644' : '755') }
        map { glob(top_dir() . "/$_/*") } qw(conf examples)),
    (map { ("share/man/man1/$_.1" => '644') } @clients),
    'share/man/man1/qasinosql.1' => '-> qasino-sql.1',
}, 'every file, its mode, every link, and nothing else');

my ($version) = slurp(top_dir() . '/common/qsn_version.h')
    =~ /QSN_VERSION\s+"(.+)"/;

for my $program (map({ "bin/$_" } @clients, 'qasinosql'),
    'sbin/qasino-server', map { "lib/qasino/$_" }
    qw(qasino-worker qasino-query qasino-zmq-bridge))
{
    my $name = $program =~ s{.*/}{}r =~ s/^qasinosql/qasino-sql/r;

    is(`$home/$program --version 2>&1`, "$name $version\n",
        "$program --version");
    like(`$home/$program --help 2>&1`, qr/usage: .*--help/is,
        "$program --help");
}

for my $client (@clients) {
    my $page = slurp("$home/share/man/man1/$client.1") =~ s/\\-/-/gr
        =~ s/\\f.//gr;
    my $help = `$home/bin/$client --help`;
    my @missing = grep { $page !~ /\Q$_\E(?![\w-])/ }
        $help =~ /(?<![\w-])(--[a-z][a-z-]+)/g;

    like($page, qr/^\.TH "$client" "1"/m, "$client.1 is a manual page");
    is("@missing", '', "$client.1 has every option of --help");
}

# a whole server, from its link
{
    local $ENV{QASINO_BUILD} = "$home/sbin";
    my $server = start_server(nginx => undef, generation_duration => 1);

    $server->publish_and_wait('host1', table(t => [a => 'int'], [1]));
    is(`$home/bin/qasinosql -H 127.0.0.1 -p @{[$server->port('zmq')]} \\
        -m csv -q 'select * from t' 2>&1`, "a\n1\n",
        'what is installed works together');
    $server->stop;
}

done_testing();
