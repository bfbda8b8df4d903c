package Results;

# The one table that "make bench" writes.

use v5.36;

use Exporter qw(import);
use List::Util qw(max min);

use Bench;

our @EXPORT = qw(result results_table);

my @results;

# what:   the work
# goal:   a number; at_most: whether less is better
# ratios: one a round
# unit, product, reference: what was divided, one a round each; optional
# note:   a sentence; optional
sub result (%result) {
    push @results, \%result;
    say_step('    ' . join ', ', row(\%result));
}

sub results_table ($title, @remarks) {
    my $table = "# $title\n\n"
        . join('', map { "$_  \n" } @remarks) . "\n"
        . line('work', 'median (min to max)', 'goal', 'met', 'product',
            'reference', 'unit')
        . line(('---') x 7);

    $table .= line(row($_)) for @results;
    for my $result (grep { $_->{note} } @results) {
        $table .= "\n$result->{what}: $result->{note}.\n";
    }
    return $table;
}

sub line (@cells) { '| ' . join(' | ', @cells) . " |\n" }

sub row ($result) {
    my @ratios = $result->{ratios}->@*;
    my $median = median(@ratios);
    my $goal = $result->{goal};
    my $spread = @ratios > 1
        ? sprintf(' (%s to %s)', map { number($_) } min(@ratios),
            max(@ratios)) : '';

    return ($result->{what}, number($median) . $spread,
        !defined $goal ? '' : ($result->{at_most} ? 'at most ' : '') . $goal,
        !defined $goal ? '' : ($result->{at_most} ? $median <= $goal
            : $median >= $goal) && !$result->{failed} ? 'yes' : 'no',
        map({ $result->{$_} ? number(median($result->{$_}->@*)) : '' }
            qw(product reference)), $result->{unit} // '');
}

sub number ($value) {
    return $value >= 1000 ? sprintf '%.0f', $value
        : $value >= 20 ? sprintf '%.1f', $value : sprintf '%.2f', $value;
}

1;
