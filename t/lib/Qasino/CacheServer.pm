package Qasino::CacheServer;

# A whole server whose nginx says in a header what the result cache did:
# conf/nginx.conf as it is shipped, but for the locations:
#
#   /request    with "X-Cache: HIT" and the like
#   /uncached   the same without a cache
#
# zone => '1m' makes the cache that large, two_zones => 1 makes another like it
# for /second/request, which is /request otherwise.
#
# get() is a GET of a statement: status, content, generation, cache, etag,
# max_age (undef where it may not be kept).

use v5.36;

use Exporter qw(import);

use Qasino::Process qw(slurp spew temp_dir top_dir);
use Qasino::Server;

our @EXPORT = qw(start_cache_server get page steadily);

use constant LOCATIONS => <<'END';
location = /request {
    qasino_pass qasino_worker;
    add_header X-Cache $qasino_cache_status always;
}
location = /uncached {
    qasino_pass qasino_worker;
    qasino_cache off;
    add_header X-Cache off always;
}
END

use constant SECOND => <<'END';
location = /second/request {
    qasino_pass qasino_worker;
    qasino_cache second;
    add_header X-Cache $qasino_cache_status always;
}
END

sub start_cache_server (%settings) {
    my $template = temp_dir() . '/nginx.conf';
    my $text = slurp(top_dir() . '/conf/nginx.conf');
    my $zone = delete $settings{zone} // '64m';
    my $two = delete $settings{two_zones};
    my $locations = LOCATIONS . ($two ? SECOND : '');

    $text =~ s{^\s*include\s.*#= locations$}{$locations}mg
        or die "conf/nginx.conf includes no locations\n";
    $text =~ s/(qasino_cache_zone \w+:)\w+/$1$zone/
        or die "conf/nginx.conf makes no cache zone\n";
    $text =~ s/(qasino_cache_zone )\w+(:\w+;)/$&\n    $1second$2/ if $two;
    spew($template, $text);

    return start_server(nginx_conf => $template, %settings);
}

# args => further parameters, method => 'HEAD', headers => { ... }; the same
# from another server, a proxy: http => HTTP::Tiny, url => "http://..."
sub get ($server, $sql, %how) {
    my $headers = $how{headers} // {};
    my $query = '/request?op=query&sql=' . escape($sql) . ($how{args} // '');
    my $answer = $how{url}
        ? $how{http}->request($how{method} // 'GET', "$how{url}$query",
                              { headers => $headers })
        : $server->http($how{method} // 'GET',
                        $how{uncached} ? $query =~ s/request/uncached/r
                                       : $query, undef, %$headers);
    my $h = $answer->{headers};
    my ($max_age) = ($h->{'cache-control'} // '') =~ /^max-age=(\d+)$/;

    return { status => $answer->{status}, content => $answer->{content},
             generation => $h->{'qasino-generation'},
             cache => $h->{'x-cache'}, proxy => $h->{'x-proxy'},
             control => $h->{'cache-control'}, etag => $h->{etag},
             max_age => $max_age };
}

sub escape ($text) { $text =~ s/([^\w.])/sprintf '%%%02X', ord $1/ger }

# The generation page: generation, expires (ms), static version.
sub page ($server) {
    my %page;

    @page{qw(generation start duration expires static worker)}
        = unpack 'x24 Q<6', slurp($server->run_dir . '/generation.page');

    return \%page;
}

# Runs $code until all of it fell into one generation; returns what it does.
sub steadily ($server, $code) {
    for (1 .. 50) {
        my $before = page($server)->{generation};
        my @all = $code->();

        return @all if page($server)->{generation} == $before;
    }

    die "no generation was long enough\n";
}

1;
