package Qasino::ReplayScenario;

# Plays recorded scenarios: lists of steps with waits for generations between
# them.  Each file is a lane with a server of its own; while one lane waits
# for its generation the others go on.

use v5.36;

use Exporter qw(import);
use Test::More ();
use Time::HiRes qw(sleep);

use Qasino::Process qw(now patience slurp spew temp_dir wait_until);
use Qasino::Replay;
use Qasino::ReplayJudge;
use Qasino::ReplayOutcome;
use Qasino::Server;

our @EXPORT = qw(play_scenarios);

# play_scenarios(seconds of a generation, name of a lane => [records], ...)
sub play_scenarios ($duration, %records) {
    my @lanes = map { lane($_, $duration, @{$records{$_}}) }
        grep { @{$records{$_}} } sort keys %records;
    my $limit = now() + 120 * $duration + patience();

    while (my @busy = grep { @{$_->{steps}} } @lanes) {
        advance($_) for @busy;
        sleep(0.01);
        die "the scenarios take too long\n" if now() > $limit;
    }

    $_->{replay}->end for @lanes;
}

sub lane ($name, $duration, @records) {
    my $views = temp_dir() . '/views.yaml';

    spew($views, "--- []\n");
    my $server = start_server(generation_duration => $duration,
        nginx_workers => 1, query_processes => 1, views_file => $views,
        archive_db_dir => temp_dir());

    return { name => $name, server => $server, views => $views,
        replay => Qasino::Replay->new($server),
        generation => $server->generation,
        # each begins with a generation, not within one
        steps => [map { ({ wait => 1 }, steps_of($_)) } @records] };
}

# Steps, each with what was recorded for it.
sub steps_of ($record) {
    my $request = $record->{request};
    my $response = $record->{response};
    my $n = 0;

    return { id => $record->{id}, special => $record->{id},
        recorded => $response } if !ref $request
        || ref $response ne 'ARRAY' || @$request != @$response;

    return ({ views => $record->{id} }, map {
        my %step = (id => "$record->{id}/" . ++$n,
            recorded => $response->[$n - 1]);

        if (/\A---/) {
            $step{wait} = 1;
        } elsif (/\Apublish .*?(\{.*\})\z/s) {
            $step{publish} = $1;
        } elsif (/\Aquery (.*)\z/s) {
            $step{query} = $1;
        } elsif (/\AZMQ (\{.*\})\z/s) {
            $step{zmq} = $1;
        } else {
            $step{special} = $_;
        }
        \%step;
    } @$request);
}

# Steps until the lane has to wait.
sub advance ($lane) {
    while (my $step = $lane->{steps}[0]) {
        if ($step->{wait}) {
            my $now = $lane->{server}->generation;

            return if $now == $lane->{generation}
                || $now < ($lane->{published} // 0);
            $lane->{generation} = $now;
        } elsif (!play($lane, $step)) {
            return;
        }
        shift @{$lane->{steps}};
    }
}

# False where the step wants to be tried again.
sub play ($lane, $step) {
    my ($server, $replay) = @$lane{qw(server replay)};

    if ($step->{views}) {
        write_views($lane, $step->{views});
    } elsif ($step->{publish}) {
        my $answer = $server->http_post('/request?op=add_table_data',
            $step->{publish});
        # another lane may have had it come late
        $lane->{published} = $1
            if $answer->{content} =~ /"generation_number": *(\d+)/;
        compare($step, outcome_of_json(
            to_bytes($step->{recorded}{reply})),
            outcome_of_json($answer->{content}));
    } elsif ($step->{query}) {
        my $answer = $server->http_post('/request?op=query',
            { sql => $step->{query} });
        my $ours = outcome_of_json($answer->{content});

        delete $ours->{widths};
        compare($step, recorded_reply($step->{recorded}{reply}), $ours);
    } elsif ($step->{zmq}) {
        compare($step, outcome_of_frames([map { to_bytes($_) }
            @{$step->{recorded}{reply}{frames}}]),
            $replay->zmq({ interface => 'ZMQ REQ', response => {},
                request => { frames => [$step->{zmq}] } }));
    } else {
        return special($lane, $step);
    }

    return 1;
}

sub compare ($step, $recorded, $ours) {
    judge($step->{id}, $recorded, $ours);
}

# { columns, rows }, or the document of an error.
sub recorded_reply ($reply) {
    return outcome_of_json(encode_json($reply)) if !$reply->{columns};
    return { kind => 'table', identity => 'test-server',
        columns => $reply->{columns}, rows => $reply->{rows} };
}

# The file that the scenarios about views begin with, where the recording
# does not show it.
my %views = (
    'views.bad_entries' => <<'END',
- viewname: okv
  view: create view okv as select 1 a
- viewname: novw
- view: create view nameless as select 1 a
- only a string
END
    'views.empty_file' => '',
);

sub write_views ($lane, $id) {
    spew($lane->{views}, $views{$id}) if defined $views{$id};
}

# What is no request: files, restarts, sizes.
sub special ($lane, $step) {
    my $server = $lane->{server};
    my $recorded = ref $step->{recorded} eq 'HASH'
        ? $step->{recorded}{result} : undef;
    my $what = $step->{special};

    if ($what eq 'views file') {
        if (!$lane->{vt}++) {
            # what the view user_table asks
            $server->published('V', table(vt => [a => 'int', b => 'text'],
                [1, 'x'], [1, 'y'], [2, 'z']), persist => 1);
            spew($lane->{views}, $recorded);
        }
        # the original had the file when it started
        return (($server->query('show views')->{table}{rows} // [])->@* > 0
            && $server->query('select * from vt')->{status} == 200);
    }
    if ($what =~ /\Arewrote file with only newview/) {
        spew($lane->{views}, "- viewname: newview\n"
            . "  view: create view newview as select 1 a\n")
            if !$lane->{newview}++;
        return $server->query('select * from newview')->{status} == 200;
    }
    if ($what =~ /\A(HTTP|ZMQ) get_table_list\z/) {
        my $http = $1 eq 'HTTP';

        compare($step, $http ? outcome_of_json(to_bytes($recorded->{body}))
            : outcome_of_frames($recorded->{frames}),
            $http ? outcome_of_json($server->http_post(
                '/request?op=get_table_list', '{}')->{content})
            : $lane->{replay}->zmq({ interface => 'ZMQ REQ', response => {},
                request => { frames => ['{"op": "get_table_list"}'] } }));
    } elsif ($what =~ /\APOST (\d+) rows/) {
        my $rows = $1;

        my $cells = join ', ', map { qq([$_, "row number $_", 0.125]) }
            1 .. $rows;
        my $answer = $server->http_post('/request?op=add_table_data',
            qq({"identity": "big", "table": {"tablename": "big$rows",)
            . '"column_names": ["n", "name", "value"], "column_types":'
            . qq( ["int", "text", "real"], "rows": [$cells]}}));
        my $document = decode_json($answer->{content});

        $lane->{published} = $document->{generation_number};
        compare($step, outcome_of_json($recorded->[0]),
            outcome_of_json($answer->{content}));
        # the queries that follow are one generation later
        splice @{$lane->{steps}}, 1, 0, { wait => 1 } if $rows == 100_000;
    } elsif ($what eq 'get_table_list has st1') {
        my $list = decode_json($server->http_post(
            '/request?op=get_table_list', '{}')->{content});

        compare($step, { kind => 'value', value => 'no' },
            { kind => 'value', value => $list->{tables}{st1} ? 'yes' : 'no' });
    } elsif ($what =~ /\ASIGTERM/) {
        $server->restart;
        $lane->{generation} = $server->generation;
    } elsif ($what eq 'nvu.persisted_next_generation') {
        return persisted_values($lane, $step);
    } else {
        # files and their names are the server's own affair
        Test::More::note("$step->{id}: not replayed: $what");
    }

    return 1;
}

# name_value_update, one generation later.
sub persisted_values ($lane, $step) {
    my $server = $lane->{server};

    if (!$lane->{values}++) {
        $server->http_get("/request?op=name_value_update&$_") for
            'name=nv.a&value=1&identity=h1', 'name=nv.b&value=2&identity=h1',
            'name=nv.b&value=3&identity=h2', 'name=nv.a&value=4&identity=h2';
        unshift @{$lane->{steps}}, { wait => 1 }, { wait => 1 };
        return 0;
    }

    compare($step, { kind => 'value',
        value => $step->{recorded}{next_generation} },
        { kind => 'value',
            value => $server->query('select * from nv')->{table}{rows} });
    return 1;
}

1;
