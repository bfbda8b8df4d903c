# A static table that got a column: the next query has it, in each query
# process and format, though the process knew the table without it.

use v5.36;

use Test::More;

use Qasino::Frame;
use Qasino::Server qw(table);
use Qasino::Worker;

my $worker = start_worker(generation_duration => 3600, query_processes => 2);
my @columns;

for my $number (1 .. 11) {
    push @columns, "c$number" => 'int';
    my $width = @columns / 2;
    my @row = map { $_ * 11 } 1 .. $width;

    $worker->publish('host', table(grows => \@columns, \@row), static => 1);

    # one connection, so that both processes have their turn
    my $client = $worker->connect;
    my @formats = (Qasino::Frame::JSON, Qasino::Frame::TEXT,
        Qasino::Frame::HTML)[$number % 3, ($number + 1) % 3];
    $client->send(op => 'query', format => $_,
        args => { sql => 'select * from grows' }) for @formats;

    for my $answer ($client->answers(2)) {
        my @names = $answer->{body} =~ /\bc\d+\b/g;
        my @values = $answer->{body} =~ /(?<![\w.])(?:11|22|33|44|55|66|77|88
            |99|110|121)(?![\d.])/gx;

        is(scalar @names, $width, "$width columns in format"
            . " $answer->{format}: their names");
        is(scalar @values, $width, '... and their values')
            or diag($answer->{body});
    }
}

done_testing();
