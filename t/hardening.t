# What a release build has in it against those who found a hole: each program
# and the module, as the linker left them.

use v5.36;

use Test::More;

use Qasino::Process qw(build_dir);

plan(skip_all => 'only release builds are hardened')
    if build_dir() !~ m{/release\z};

sub readelf ($file, @what) {
    open my $output, '-|', 'readelf', '-W', @what, $file
        or die "readelf: $!";
    return join '', <$output>;
}

for my $file (glob(build_dir() . '/qasino-*'),
    build_dir() . '/ngx_http_qasino_module.so')
{
    my ($name) = $file =~ m{([^/]+)\z};
    my $dynamic = readelf($file, '-d');
    my $symbols = readelf($file, '--dyn-syms');
    my $segments = readelf($file, '-l');

    ok($segments =~ /GNU_RELRO/, "$name: relocations become read-only");
    ok($dynamic =~ /BIND_NOW/, '... all of them, at its start');
    ok($segments =~ /GNU_STACK.*RW /, '... no code on the stack');
    ok($symbols =~ /__stack_chk_fail/, '... the stack is guarded');
    next if $name =~ /\.so\z/;

    ok($symbols =~ /__\w+(?<!stack)_chk\b/, '... copies are bounded');
    ok($dynamic =~ /Flags:.*PIE/, '... at an address of no one\'s choice');
}

done_testing();
