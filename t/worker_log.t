# What a fleet past a limit leaves in the log: a few lines, and how many more.

use v5.36;

use Test::More;

use Qasino::Server qw(table encode_json);
use Qasino::Worker;

my $worker = start_worker(generation_duration => 3600, max_tables => 1,
    max_identities => 3);
my $client = $worker->connect;

# Publishes $count times, %d being the number; returns how many are taken.
sub publish ($count, $table, $identity) {
    for my $number (1 .. $count) {
        $client->send(op => 'add_table_data', body => encode_json({
            identity => $identity =~ s/%d/$number/r,
            table => table($table =~ s/%d/$number/r, [a => 'int'], [1]) }));
    }

    return scalar grep { $_->{status} == 200 } $client->answers($count);
}

sub count ($pattern) { return scalar(() = $worker->log_text =~ /$pattern/g) }

is(publish(1, 'first', 'host'), 1, 'a table is taken');
is(publish(500, 't%d', 'host'), 0, '500 are one too many, each');
is(publish(2, 'first', 'late%d'), 2, 'two publishers more are taken');
is(publish(40, 'first', 'later%d'), 0, '40 are one too many, each');

$client->send(op => 'add_table_data', body => '{"identity": "host", "table"')
    for 1 .. 100;
is(scalar(grep { $_->{status} == 400 } $client->answers(100)), 100,
    '100 are malformed');
$worker->stop;

is(count(qr/\]: publish of 't\d+' by 'host' failed: .*max_tables/), 30,
    'of the first kind 30 have a line of their own');
is(count(qr/\]: 470 more like this in the last \d+ s: publish of 't500' by /),
    1, '... and 470 one together');
is(count(qr/\]: publish of 'first' by 'later\d+' failed: .*max_identities/), 30,
    'so it is with the other kind, by itself');
is(count(qr/\]: 10 more like this in the last \d+ s: .*'later40' failed: /), 1,
    '... of 40');
is(count(qr/\n/), 62, 'what is malformed is said to its client alone')
    or diag($worker->log_text);

done_testing();
