# Bugs of the query processes, each with what showed it.

use v5.36;

use JSON::PP ();
use Test::More;

use Qasino::Frame;
use Qasino::Process qw(build_dir wait_until);
use Qasino::Server ();
use Qasino::Worker;

# A text answer whose client was slow when the deadline came, while the rows
# that had waited for the widths went out: it ended as if it were whole.
{
    my $worker = start_worker(generation_duration => 3600,
        query_deadline => 1, query_processes => 1);
    my $client = $worker->connect;
    my $id = $client->send(op => 'query', format => Qasino::Frame::TEXT,
        args => { sql => 'with recursive n(i) as (select 1 union all select'
            . ' i + 1 from n where i < 3000) select i, case i when 1 then'
            . " hex(zeroblob(250000)) else 'x' end from n" });

    # nothing is read until the watchdog has stopped it
    wait_until('the deadline', sub {
        JSON::PP::decode_json($worker->connect->query('select 1')->{body})
            ->{table};
    });

    my ($bytes, $frame) = (0);
    do {
        $frame = $client->receive;
        $bytes += length $frame->{body};
    } while $frame->{flags} & Qasino::Frame::MORE;

    my $rows = 3000;
    ok($bytes > $rows * 500_000 || $frame->{flags} & Qasino::Frame::ABORT
        || $frame->{status} == 504, 'a text answer is whole, or says it is not')
        or diag("$bytes bytes, flags $frame->{flags}");
}

# Two schemas, of the snapshot before and of the next, took more memory than
# a query may: the processes served the old one for ever.
{
    my $worker = start_worker(query_heap => '8m', max_columns => 1000,
        generation_duration => build_dir() =~ /asan|tsan/ ? 5 : 2);
    my @columns = map { (sprintf('c%03d_%s', $_, 'x' x 100), 'int') } 1 .. 600;
    my $client = $worker->connect;
    my %acked;

    for my $round (1 .. 3) {
        for my $n (1 .. 60) {
            my $answer = $client->request(op => 'add_table_data',
                body => JSON::PP::encode_json({ identity => "r$round",
                    table => Qasino::Server::table("wide$n", \@columns,
                        [(1) x 600]) }));
            is($answer->{status}, 200, 'a wide table') if $n == 1;
            $acked{$answer->{args}{generation}}++;
        }
        $worker->wait_generation;
    }

    my ($last) = sort { $b <=> $a } keys %acked;

    wait_until('the generation to be served', sub {
        my $answer = $worker->connect->query(
            'select generation_number from qasino_server_info');
        $answer->{status} == 200
            && ($answer->{args}{generation} // 0) >= $last;
    });
    pass('a generation of wide tables is served');
    unlike($worker->log_text, qr/cannot serve/, '... at the first try');
}

# A list that is too long was said to take more than query_heap, whatever that
# was.
{
    my $worker = start_worker(generation_duration => 3600);
    my $answer = $worker->connect->query('select 1 in ('
        . join(',', 1 .. 10_000) . ')');

    is($answer->{status}, 413, 'a list of 10,000 numbers');
    like($answer->{body}, qr/compiles to more than 25000 operations/,
        '... is refused for what it is');
}

done_testing();
