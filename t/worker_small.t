# Small publishes are written by the worker's loop while its writer sleeps,
# all others by the writer: whoever does it, what is acknowledged is there, in
# the generation that is named, and what fails fails alone.

use v5.36;

use Test::More;

use Qasino::Frame;
use Qasino::Process qw(temp_dir wait_until);
use Qasino::Server qw(table encode_json decode_json);
use Qasino::Worker;

use constant WRITE_DB => Qasino::Frame::WRITE_DB;

sub body ($identity, $rows, %more) {
    my $text = delete $more{text} // $identity;

    return encode_json({ identity => $identity, table => table(small =>
        [host => 'text', n => 'int'],
        map { [$text, $_] } 1 .. $rows), %more });
}

# In one write, so that they are one group.
sub send_all ($client, @bodies) {
    $client->send_raw(join '', map { Qasino::Frame::encode(id =>
        ++$client->{id}, op => 'add_table_data', body => $_) } @bodies);
}

sub cell ($answer) { decode_json($answer->{body})->{table}{rows}[0][0] }

# Acknowledged is what a copy has that is asked for next, while others ask
# for copies all the time, also when the writer has something else to do.
{
    my $worker = start_worker(generation_duration => 3600);
    my ($client, $other) = map { $worker->connect } 1, 2;
    my ($asked, $rows, $refused, $wrong) = (0, 0, 0, 0);

    for my $round (1 .. 60) {
        my @bodies = map { body("$round-$_", 5) } 1 .. 8;

        push @bodies, body("$round-1", 5) if $round % 3 == 0;   # once more
        splice @bodies, 4, 0, body("$round-u", 1, update => 1,
            keycols => 'host;n') if $round % 4 == 0;
        push @bodies, body("$round-large", 3000) if $round % 5 == 0;
        $other->send(op => 'query', args => { sql => 'select 1' },
            flags => WRITE_DB), $asked++ for 1 .. $round % 3;
        send_all($client, @bodies);

        for my $answer ($client->answers(scalar @bodies)) {
            $refused++ if $answer->{status} != 200;
            $rows += decode_json($answer->{body})->{rows} // 0;
        }

        my $answer = $client->query('select count(*) as n from small',
            flags => WRITE_DB);
        $wrong++ if cell($answer) != $rows;
    }

    my @others = $other->answers($asked);
    is($refused, 0, 'all are acknowledged');
    is($wrong, 0, '... and in each copy made afterwards');
    is($rows, 60 * 8 * 5 + 15 + 12 * 3000, '... each once');
    is(scalar(grep { $_->{status} == 200 } @others), $asked,
        '... the others have theirs');
    $worker->kill;
    $worker->start;
    is(cell($worker->connect->query('select count(*) as n from small',
        flags => WRITE_DB)), $rows, '... also after a kill');
}

# Who asks for copies leaves the writer time for publishes: one that comes
# behind his question is before the next copy, as its rows in it show.  (On a
# busy machine that time may be over before it comes: then once more.)
{
    my $worker = start_worker(generation_duration => 3600);
    my $client = $worker->connect;
    my $count = 'select count(*) as n from small';
    my $seen;

    send_all($client, body('large', 20_000, text => 'x' x 900));
    is(($client->answers(1))[0]{status}, 200, 'a large generation');
    cell($client->query($count, flags => WRITE_DB));

    for my $try (1 .. 20) {
        send_all($client, body("before-$try", 1));
        $client->answers(1);

        my ($query, $publish) = map { ++$client->{id} } 1, 2;
        $client->send_raw(Qasino::Frame::encode(id => $query, op => 'query',
            flags => WRITE_DB, args => { sql => $count })
            . Qasino::Frame::encode(id => $publish, op => 'add_table_data',
            body => body("behind-$try", 1)));

        my %answers = map { ($_->{id} => $_) } $client->answers(2);
        is($answers{$publish}{status}, 200, 'a publish behind a question');
        last if $seen = cell($answers{$query}) == 20_000 + 2 * $try;
    }
    ok($seen, '... is before the copy that it is answered from');
}

# A generation that is full: of a group, too, each is told by itself, and
# what was acknowledged is in it.
{
    my $archive = temp_dir();
    my $worker = start_worker(generation_duration => 2,
        max_generation => 1024 * 1024, archive_db_dir => $archive);
    my $client = $worker->connect;
    my (%taken, %named, $full);
    my ($serial, $groups) = (0, 0);

    while ($groups < 4) {
        my $refused = 0;

        send_all($client, map { body('h' . ++$serial, 8,
            text => 'x' x 900) } 1 .. 12);
        for my $answer ($client->answers(12)) {
            my $document = decode_json($answer->{body});
            my $text = $document->{error_message} // '';

            if ($answer->{status} == 200) {
                $taken{$document->{generation_number}} += $document->{rows};
                next;
            }
            $full = $answer->{args}{generation};
            $named{$text =~ /(max_generation)/ ? $1 : $text}++;
            $refused = 1;
        }
        $groups += $refused;
    }

    ok($full, 'a generation is full');
    is_deeply([keys %named], ['max_generation'], '... as is said');

    # served or not any more when it is looked at: it goes into the archive
    my $file = "$archive/qasino_table_store_$full.db";

    wait_until('it to be archived', sub { -e $file });
    is(`sqlite3 'file:$file?immutable=1' 'select count(*) from small'`,
        "$taken{$full}\n", '... and has the rows that were acknowledged');
    unlike($worker->log_text, qr/starts anew|commit failed/, 'no restart');
}

done_testing();
