#!/usr/bin/perl

# Replays what was recorded from the running original (QASINO_WIRE, else
# ../shared/wire) and compares: an answer has to be equal, or its difference
# has to be in the table of Qasino::ReplayDifferences.  Where the recordings
# are not at hand a small set of our own (Qasino::ReplayBuiltin) is played.
#
#   QASINO_WIRE=DIR   where the recordings are
#   QASINO_REPLAY=RE  only exchanges whose id matches

use v5.36;

use Test::More;

use Qasino::Process qw(build_dir now patience slurp spew temp_dir top_dir);
use Qasino::Replay;
use Qasino::ReplayJudge;
use Qasino::ReplayOutcome;
use Qasino::ReplayScenario;
use Qasino::Server;

binmode $_, ':utf8' for Test::More->builder->output,
    Test::More->builder->failure_output, Test::More->builder->todo_output;

my $wire = $ENV{QASINO_WIRE} // top_dir() . '/../shared/wire';
my $only = qr/$ENV{QASINO_REPLAY}/ if defined $ENV{QASINO_REPLAY};
# long enough that the publishes of one file fall into one generation
my $duration = build_dir() =~ /asan|tsan/ ? 5 : 2;

if (!-e "$wire/query_http_get.jsonl") {
    require Qasino::ReplayBuiltin;
    $wire = Qasino::ReplayBuiltin::write_files(temp_dir());
}

sub records ($file) {
    return if !-e "$wire/$file.jsonl";
    return grep { !$only || $_->{id} =~ $only }
        read_records("$wire/$file.jsonl");
}

# The table that the recorded queries ask: as text, for its numbers' sake.
my $fix = <<'END' =~ s/X/'x' x 60/er;
{"op": "add_table_data", "identity": "fixer", "persist": 1, "table": {
"tablename": "fix", "column_names": ["id", "name", "val", "note"],
"column_types": ["int", "text", "real", "varchar"], "rows": [
[1, "plain", 1.5, "a"],
[2, "unicode \u00e9\u20ac\ud83d\ude00", 1382131575.8912345, "tab\there"],
[3, "line1\nline2", 1e20, "back\\slash"],
[4, "quote' \"dq\"", 0.1, ""],
[5, null, null, null],
[6, "true", 1.0, "cr\r\nlf"],
[9223372036854775807, "max", 0.0, "<b>&amp;</b>"],
[-9223372036854775808, "min", 123456789012345.6, "X"]]}}
END

my $server = start_server(generation_duration => $duration,
    https_settings());
my $replay = Qasino::Replay->new($server);

sub https_settings () {
    my %settings = Qasino::Server::tls_settings();
    my %users = (alice => 's3cret', dave => 'pa:ss');

    spew($settings{htpasswd_file}, join('', map {
        my $hash = `openssl passwd -apr1 '$users{$_}'`;
        "$_:$hash";
    } sort keys %users) . 'bob:' . crypt('hunter2', 'ab') . "\n");

    return %settings;
}

sub publish_fix () {
    my $answer = $server->http_post('/request?op=add_table_data', $fix);

    die "the fixture: $answer->{content}\n" if $answer->{status} != 200;
    $server->wait_generation;
}

sub recorded_outcome ($record) {
    my $response = $record->{response};

    for ($record->{interface}) {
        return Qasino::Replay::raw_outcome(to_bytes($response->{data}),
            $response->{closed_by_server}) if /RAW/;
        return outcomes_of_lines(to_bytes($response->{data}),
            $response->{closed_by_server}) if /LINE/;
        return outcome_of_http({ status => $response->{status},
            headers => $response->{headers} // {},
            content => to_bytes($response->{body} // '') }) if /HTTP/;
        return recorded_signal($response) if /SUB/;
        return { kind => 'answers', answers =>
            [map { outcome_of_frames([map { to_bytes($_) } @$_]) }
                @$response] } if ref $response eq 'ARRAY';
        return outcome_of_frames($response->{frames}
            && [map { to_bytes($_) } @{$response->{frames}}]);
    }
}

sub recorded_signal ($response) {
    $response = $response->[0] if ref $response eq 'ARRAY';
    return Qasino::Replay::outcome_of_signal($response->{frames});
}

sub exchange ($record) {
    my $recorded = recorded_outcome($record);
    my @effects = values %{$record->{effect} // {}};

    # said "ok", and nothing came of it
    $recorded->{lost} = 1 if $recorded->{kind} eq 'ok' && $record->{effect}
        && !grep { defined $_->{columns} } @effects;

    judge($record->{id}, $recorded, $replay->answer($record),
        $record->{volatile} // []);
}

# What a publish left behind, asked by SQL of its own.
sub aftermath ($record) {
    my $recorded = outcome_of_json(encode_json($record->{response}));

    judge($record->{id}, $recorded,
        ($replay->queries($record->{request}{sql}))[0]);
}

# The body of a publish that the recording cut short.
sub whole_body ($id) {
    return if $id !~ /(rows_1000x5|cols_(\d+))\z/;

    my @names = $2 ? map { "c$_" } 0 .. $2 - 1 : 'a' .. 'e';
    return encode_json({ op => 'add_table_data', identity => 'id1',
        table => { tablename => $2 ? "t_$2" : 't_big5',
            column_names => \@names, column_types => [('int') x @names],
            rows => [map { [($_) x @names] } 0 .. ($2 ? 0 : 999)] } });
}

# Publishes of one file, all in one generation, then what they left behind.
sub publishes (@records) {
    my (%recorded, @tables);
    my @aftermath = grep { $_->{request}{sql} } @records;

    @records = grep { !$_->{request}{sql} } @records;

    $server->wait_generation;

    for my $record (@records) {
        my $request = $record->{request};
        my $body = whole_body($record->{id});

        if ($body && $request->{frames}) {
            $request->{frames} = [$body];
        } elsif ($body) {
            $request->{body} = $body;
        }
        exchange($record);

        for my $table (sort keys %{$record->{effect} // {}}) {
            push @tables, $table if !$recorded{$table};
            $recorded{$table} = [$record, $record->{effect}{$table}];
        }
    }
    return if !@tables;

    $server->wait_generation;
    my $before = $server->generation;
    my %effects = $replay->effects(@tables);
    aftermath($_) for grep { $_->{id} !~ /effect_c401/ } @aftermath;
    # read too late: the test's fault, not the server's
    BAIL_OUT('a generation is too short for this machine')
        if $server->generation != $before;

    for my $table (@tables) {
        my ($record, $effect) = @{$recorded{$table}};
        my $absent = !defined $effect->{columns};

        judge("$record->{id} effect $table",
            $absent ? { kind => 'absent' } : { kind => 'effect', %$effect },
            $effects{$table}{absent} ? { kind => 'absent' }
            : { kind => 'effect', %{$effects{$table}} });
    }
}


publish_fix();

# What it leaves behind would be seen by those that list all tables.
my @later;

for my $file (qw(query_http_get query_http_get_text query_http_post query_zmq
    http_misc zmq_misc https pubsub)) {
    note($file);
    for my $record (records($file)) {
        # port 80 is the launcher's no more: conf/nginx.conf has its redirect
        next if $record->{interface} =~ /:80/;
        if ($record->{id} =~ /_nvu\z|\.nvu\z|publish/) {
            push @later, $record;
        } else {
            exchange($record);
        }
    }
}

{
    my @lines = map { records($_) } qw(query_line line_misc);
    my @answers = $replay->line_sessions(@lines);

    judge($lines[$_]{id}, recorded_outcome($lines[$_]), $answers[$_])
        for 0 .. $#lines;
}

exchange($_) for @later;

for my $file (qw(add_table_data_zmq add_csv_table_data add_table_data_http)) {
    note($file);
    publishes(records($file));
}
publishes(grep { $_->{interface} ne 'SCENARIO' } records('name_value_update'));

$replay->end;

my %lanes = map { ($_ => [records($_)]) } qw(internal_tables scenario_merge
    scenario_persist scenario_static scenario_views scenario_write);
# the others of the file are about -f, which is refused
$lanes{scenario_ops} = [grep { $_->{id} eq 'ops.big_publish' }
    records('scenario_ops')];
$lanes{name_value_update} = [grep { $_->{interface} eq 'SCENARIO' }
    records('name_value_update')];
play_scenarios($duration, %lanes);

my %verdicts = verdicts();
diag("replayed: $verdicts{equal} equal, $verdicts{justified} justified,"
    . " $verdicts{failing} failing");
if (!$only && $wire =~ /shared/) {
    is_deeply([unused_entries()], [], 'every entry of the table is needed');
}

done_testing();
