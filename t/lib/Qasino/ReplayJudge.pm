package Qasino::ReplayJudge;

# Compares outcomes with what was recorded, minus what the table of deliberate
# differences (Qasino::ReplayDifferences) explains; counts the verdicts.

use v5.36;

use Exporter qw(import);
use Test::More ();

use Qasino::ReplayDifferences;
use Qasino::ReplayOutcome;

our @EXPORT = qw(judge verdicts unused_entries);

my %count = (equal => 0, justified => 0, failing => 0);
my %used;

sub verdicts () { %count }

# The names of entries that explained nothing.
sub unused_entries () {
    return grep { !$used{$_} } map { $_->{name} } @specific, @general;
}

sub failed ($id, @lines) {
    $count{failing}++;
    Test::More::fail($id);
    Test::More::diag("  $_") for @lines;
}

sub passed ($id, $verdict, @names) {
    $count{$verdict}++;
    Test::More::pass(@names ? "$id ($verdict: "
        . join(', ', sort @names) . ')' : $id);
}

# Does $got have everything that $want asks for?  Returns what it has not.
sub lacking ($want, $got, $path = '') {
    if (ref $want eq 'Regexp') {
        return defined $got && !ref $got && $got =~ $want ? ()
            : "$path: " . show($got) . " does not match $want";
    }
    if (ref $want eq 'HASH' && ref $got eq 'HASH') {
        return map { lacking($want->{$_}, $got->{$_}, "$path/$_") }
            sort keys %$want;
    }
    if (ref $want eq 'ARRAY' && ref $got eq 'ARRAY' && @$want == @$got) {
        return map { lacking($want->[$_], $got->[$_], "$path/$_") }
            0 .. $#$want;
    }

    my ($a, $b) = map { ref $_ ? show($_) : $_ // 'null' } $want, $got;
    return $a eq $b ? () : "$path: wanted $a, got $b";
}

# Every answer has the status that its kind asks for.
sub wrong_status ($ours, $want) {
    my $status = $ours->{status};

    return if !$status || exists $want->{status};
    return "status $status for '$ours->{kind}'" if $ours->{kind} eq 'error'
        ? $status < 400 || $status > 599 : $status != 200;
    return;
}

# A connection with one answer, or none, is that answer.
sub single (@outcomes) {
    return @outcomes if grep { !$_->{answers} || @{$_->{answers}} > 1
        || $_->{kind} eq 'answers' } @outcomes;
    return map {
        my %outcome = (kind => 'none', %$_, %{$_->{answers}[0] // {}},
            connection => $_->{kind});
        $outcome{kind} = $_->{answers}[0]{kind} // 'none';
        delete $outcome{answers};
        \%outcome;
    } @outcomes;
}

# One test.
sub judge ($id, $recorded, $ours, $volatile = []) {
    my @names;
    my @left;

    ($recorded, $ours) = single($recorded, $ours);

    my $lost = delete $recorded->{lost};
    my @found = differences($recorded, $ours, $volatile);
    $recorded->{lost} = 1 if $lost;
    return passed($id, 'equal') if !@found;

    for my $entry (@specific) {
        next if $id !~ $entry->{ids};

        my $want = $entry->{want};
        $want = $want->($recorded, $ours) if ref $want eq 'CODE';

        my @lacking = (lacking($want, $ours), wrong_status($ours, $want));
        $used{$entry->{name}} = 1;
        return passed($id, 'justified', $entry->{name}) if !@lacking;
        return failed($id, "deliberate difference: $entry->{name}", @lacking,
            'recorded: ' . show($recorded), 'ours:     ' . show($ours));
    }

    DIFFERENCE: for my $found (@found) {
        for my $entry (@general) {
            next if $found->{path} !~ $entry->{path};
            next if !$entry->{when}->($found->{recorded}, $found->{ours},
                $recorded, $ours, $found->{path});
            push @names, $entry->{name} if !grep { $_ eq $entry->{name} }
                @names;
            $used{$entry->{name}} = 1;
            next DIFFERENCE;
        }
        push @left, "$found->{path}: recorded " . show($found->{recorded})
            . ', ours ' . show($found->{ours});
    }

    return passed($id, 'justified', @names) if !@left;
    return failed($id, @left, @names ? "explained: @names" : ());
}

1;
