# Who may do what, through the whole server: classes of operations by
# location, the identity that nginx asserts, clients with certificates.

use v5.36;

use Test::More;

use Qasino::Process qw(slurp spew temp_dir top_dir wait_until);
use Qasino::Server;

# The worker is the judge of what only a body says.
{
    my $locations = <<'END';
location = /read { qasino_pass qasino_worker; qasino_allow query; }
location = /write { qasino_pass qasino_worker; qasino_allow publish; }
location = /merge { qasino_pass qasino_worker; qasino_allow publish update; }
location = /static { qasino_pass qasino_worker; qasino_allow static; }
location = /who { qasino_pass qasino_worker; qasino_identity $http_who; }
location = /request { qasino_pass qasino_worker; }
END
    my $dir = temp_dir();
    my $template = slurp(top_dir() . '/conf/nginx.conf')
        =~ s/^\s*include \S+;.*$/$locations/mr;

    spew("$dir/nginx.conf", $template);
    my $server = start_server(generation_duration => 1,
        nginx_conf => "$dir/nginx.conf");

    my $post = sub ($path, $document, %headers) {
        return Qasino::Server::document($server->http_post($path, $document,
            %headers));
    };
    my $table = table(t => [n => 'int'], [1]);
    my $publish = sub ($path, %more) {
        state $n = 0;
        return $post->($path, { op => 'add_table_data', identity => 'i'
            . ++$n, table => $table, %more });
    };

    my @cases = (
        # location, what, class that is missing or ''
        ['/read', {}, 'publish'], ['/read', { persist => 1 }, 'publish'],
        ['/read', { static => 1 }, 'static'],
        ['/read', { update => 1, keycols => 'n' }, 'update'],
        ['/write', {}, ''], ['/write', { persist => 1 }, ''],
        ['/write', { static => 1 }, 'static'],
        ['/write', { static => 'no' }, ''],
        ['/write', { update => 1, keycols => 'n' }, 'update'],
        ['/merge', {}, ''], ['/merge', { update => 1, keycols => 'n' }, ''],
        ['/merge', { static => 1 }, 'static'],
        ['/static', {}, 'publish'], ['/static', { static => 1 }, ''],
        ['/static', { static => 1, update => 1, keycols => 'n' }, 'update'],
        ['/request', { static => 1, update => 1, keycols => 'n' }, ''],
    );
    for my $case (@cases) {
        my ($path, $more, $missing) = @$case;
        my $answer = $publish->($path, %$more);

        if ($missing) {
            is($answer->{status}, 403, "$path refuses "
                . encode_json($more));
            like($answer->{error_message} // '', qr/class '$missing'/,
                '... and names the class');
        } else {
            is($answer->{status}, 200, "$path takes " . encode_json($more));
        }
    }

    my $csv = sub ($path, $options) {
        return $server->http_post("$path?op=add_csv_table_data",
            "$options\nc\nn\nint\nnumber\n1\n")->{status};
    };
    is($csv->('/write', 'identity=a'), 200, 'CSV is publishing');
    is($csv->('/write', 'identity=b,static=1'), 403, '... or static');
    is($csv->('/static', 'identity=b,static=1'), 200, '... where it may be');

    is($post->('/read', { op => 'query', sql => 'select 1' })->{status}, 200,
        'queries where they are allowed');
    for my $body ({ op => 'query', sql => 'select 1' },
        { op => 'get_table_list' })
    {
        my $answer = $post->('/write', $body);
        is($answer->{status}, 403, "$body->{op} where it is not");
        like($answer->{error_message} // '', qr/class 'query'/,
            '... named');
    }
    is($post->('/write', { op => 'generation_signal' })->{status}, 200,
        'what generation it is anyone may ask');
    is($server->http_get('/write?op=name_value_update&name=a.b&value=1'
        . '&identity=x')->{status}, 403, 'name_value_update is an update');
    is($server->http_get('/merge?op=name_value_update&name=a.b&value=1'
        . '&identity=x')->{status}, 200, '... where it may be');

    # pages of other origins, which a browser gives its user's password
    for my $from (['Sec-Fetch-Site' => 'cross-site'], [Origin => 'null'],
        [Origin => 'http://evil.example'])
    {
        my $answer = $post->('/request?op=add_table_data', { identity =>
            'victim', table => $table }, @$from, 'Content-Type' =>
            'text/plain');
        is($answer->{status}, 403, "@$from cannot publish");
        like($answer->{error_message}, qr/pages of another origin/,
            '... and learns why');
        $answer = $post->('/request', { op => 'add_table_data', identity =>
            'victim', table => $table }, @$from);
        is($answer->{status}, 403, '... nor with the op in the body');
        like($answer->{error_message}, qr/page of another origin/,
            '... and learns why');
        $answer = $post->('/request', { op => 'query', sql => 'select 1' },
            @$from);
        is($answer->{status}, 200, '... but ask');
        is($server->http_get('/request?op=name_value_update&name=a.b&value=1'
            . '&identity=victim', @$from)->{status}, 403,
            '... an update by GET is none of a page');
    }
    is($post->('/request', { op => 'add_table_data', identity => 'own',
        table => $table }, Origin => $server->url =~ s{/$}{}r)->{status},
        200, 'a page of this server publishes');

    # identities
    my $answer = $post->('/who', { op => 'add_table_data', identity => 'me',
        table => $table }, Who => 'me');
    is($answer->{status}, 200, 'an identity that is the asserted one');
    $answer = $post->('/who', { op => 'add_table_data',
        table => table(own => [n => 'int'], [1]) }, Who => 'silent');
    is($answer->{status}, 200, 'none at all: the asserted one counts');
    $answer = $post->('/who', { op => 'add_table_data', identity => 'you',
        table => $table }, Who => 'me');
    is($answer->{status}, 403, "somebody else's");
    like($answer->{error_message} // '', qr/'you' but comes from 'me'/,
        '... both are named');
    is($server->http_get('/who?op=name_value_update&name=a.b&value=1'
        . '&identity=you', Who => 'me')->{status}, 403,
        '... in the query string too');
    is($server->http_get('/who?op=name_value_update&name=nv.b&value=1',
        Who => 'me')->{status}, 200, '... none there');
    $answer = $post->('/who', { op => 'add_table_data', identity => '',
        table => $table });
    is($answer->{status}, 403, 'nobody may publish nothing as nobody');
    like($answer->{error_message} // '', qr/qasino_identity/, '... named');
    is($post->('/who', { op => 'query', sql => 'select 1' })->{status}, 200,
        '... but ask');

    $server->wait_generation;
    is_deeply($server->rows('select identity from qasino_server_connections'
        . " where identity in ('silent', 'me', 'victim', 'you') order by 1"),
        [['me'], ['silent']], 'publishers are who nginx says they are');
    is($server->value('select identity from nv'), 'me',
        '... in rows that name them, too');
}

# Mutual TLS: certificates of our own authority, one that has been revoked,
# one of another authority, none.
{
    my $dir = temp_dir();

    my $openssl = sub (@words) {
        system("openssl @words >>$dir/log 2>&1") == 0
            or die "openssl @words: " . slurp("$dir/log");
    };
    my $authority = sub ($name) {
        $openssl->("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256",
            "-nodes -days 2 -subj /CN=$name -keyout $dir/$name.key",
            "-out $dir/$name.crt");
    };
    my $client = sub ($file, $by, $subject) {
        $openssl->("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256",
            "-nodes -subj '$subject' -keyout $dir/$file.key",
            "-out $dir/$file.csr");
        $openssl->("x509 -req -in $dir/$file.csr -CA $dir/$by.crt",
            "-CAkey $dir/$by.key -CAcreateserial -days 2",
            "-out $dir/$file.crt");
    };

    $authority->($_) for qw(fleet stranger);
    $client->('web1', 'fleet', '/O=Example/CN=web1');
    $client->('evil', 'fleet', '/CN=evil/O=x,CN=web1');
    $client->('nameless', 'fleet', '/O=web1');
    $client->('foreign', 'stranger', '/CN=web1');

    my %tls = Qasino::Server::tls_settings();
    delete $tls{htpasswd_file};
    my $server = start_server(generation_duration => 1, %tls,
        client_ca_file => "$dir/fleet.crt");
    my $port = $server->port('https');

    my $ask = sub ($who, $body, @headers) {
        my $options = $who ? "--cert $dir/$who.crt --key $dir/$who.key" : '';
        $options .= join '', map { " -H '$_'" } @headers;

        spew("$dir/body", encode_json($body));
        my $out = `curl -sk --max-time 30 $options -w '\\n%{http_code}' --data-binary \@$dir/body 'https://127.0.0.1:$port/request' 2>&1`;
        my ($text, $status) = $out =~ /^(.*)\n(\d+)$/s or die "curl: $out";
        return ($status, eval { decode_json($text) } // { text => $text });
    };
    my %table = (table => table(mtls => [n => 'int'], [1]));

    my ($status, $answer) = $ask->('web1', { op => 'add_table_data',
        identity => 'web1', %table });
    is($status, 200, 'a client with its certificate publishes as itself');
    ($status, $answer) = $ask->('web1', { op => 'add_table_data',
        identity => 'db1', %table });
    is($status, 403, '... and not as another');
    like($answer->{error_message} // '', qr/'db1' but comes from 'web1'/,
        '... in words');
    ($status, $answer) = $ask->('web1', { op => 'add_table_data',
        identity => 'web1', %table },
        'Origin: https://evil.example');
    is($status, 403, '... nor for a page of another origin');
    ($status, $answer) = $ask->('web1', { op => 'add_table_data',
        identity => 'web1', %table },
        "Origin: https://127.0.0.1:$port");
    is($status, 200, '... but for one of this server (HTTP/2 has no Host)');
    ($status, $answer) = $ask->('evil', { op => 'add_table_data',
        identity => 'web1', %table });
    is($status, 403, 'a CN inside another part of the name is not its CN');
    like($answer->{error_message} // '', qr/comes from 'evil'/,
        '... which stands after it');
    ($status, $answer) = $ask->('nameless', { op => 'add_table_data',
        identity => 'web1', %table });
    is($status, 403, 'without a CN nothing can be published');
    ($status, $answer) = $ask->('nameless', { op => 'query',
        sql => 'select 1' });
    is($status, 200, '... but asked');
    ($status, $answer) = $ask->('foreign', { op => 'query',
        sql => 'select 1' });
    is($status, 400, 'a certificate of another authority');
    is($answer->{response_op}, 'error', '... is a JSON error');
    like($answer->{error_message}, qr/certificate is not accepted/,
        '... that says so');
    ($status, $answer) = $ask->('', { op => 'query', sql => 'select 1' });
    is($status, 400, 'no certificate at all');
    like($answer->{error_message}, qr/certificate is needed/, '... either');

    is($server->http_post('/request', { op => 'query', sql => 'select 1' })
        ->{status}, 200, 'plain HTTP still answers queries');
}

done_testing();
