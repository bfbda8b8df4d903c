package Qasino::ReplayOutcome;

# What an answer says, whatever interface it came through:
#
#   { kind => 'table', columns, rows, widths }   { kind => 'error', message }
#   { kind => 'ok' }   { kind => 'tables', tables }   { kind => 'bye' }
#   { kind => 'page' }   { kind => 'raw', text }   { kind => 'none' }
#
# and, where the interface has them, status and identity.  differences()
# compares two of them; ReplayDifferences says which differences are meant.

use v5.36;

use Exporter qw(import);
use JSON::PP ();
use List::Util qw(max);

our @EXPORT = qw(outcome_of_json outcome_of_text outcomes_of_lines
    outcome_of_http outcome_of_frames differences read_records to_bytes
    show characters);

my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $text_json = JSON::PP->new->allow_nonref->canonical;

# A byte that is no UTF-8 stands in the recordings as Python's lone surrogate;
# here it is one of the last characters of Unicode.
use constant ODD_BYTE => 0x10ff00;

sub show ($value) { $text_json->encode($value) }

# The records of a file, one JSON object a line.
sub read_records ($file) {
    open my $in, '<:raw', $file or die "cannot read $file: $!\n";
    my @records;

    while (my $line = <$in>) {
        $line =~ s/(?<!\\)((?:\\\\)*)(\\ud[89ab]..\\ud[cdef]..)|
                   (?<!\\)((?:\\\\)*)\\udc([89a-f])(.)/
            defined $2 ? "$1$2"
            : $3 . sprintf('\\udbff\\udf%s%s', $4, $5)/gex;
        push @records, $json->decode($line);
    }

    return @records;
}

sub to_bytes ($text) {
    return join '', map {
        my $byte = ord($_) - ODD_BYTE;
        my $bytes = $byte >= 0x80 && $byte <= 0xff ? chr($byte) : $_;
        utf8::encode($bytes) if length $bytes && ord($bytes) > 0x7f
            && !($byte >= 0x80 && $byte <= 0xff);
        $bytes;
    } split //, $text;
}

sub characters ($bytes) {
    my $text = $bytes;

    return $text if utf8::decode($text);
    return $bytes =~ s/([\x80-\xff])/chr(ODD_BYTE + ord $1)/ger;
}

sub from_document ($doc) {
    my %rest = ref $doc eq 'HASH' ? %$doc : return { kind => 'json',
        document => $doc };
    my $op = delete $rest{response_op};
    my %outcome = (identity => delete $rest{identity});

    if (!defined $op) {
        $outcome{kind} = 'bye';
    } elsif ($op eq 'result_table') {
        my $table = delete $rest{table};
        my $widths = delete $rest{max_widths};

        %outcome = (%outcome, kind => 'table',
            columns => $table->{column_names}, rows => $table->{rows});
        $outcome{widths} = $widths if $widths;
    } elsif ($op eq 'error') {
        %outcome = (%outcome, kind => 'error',
            message => delete $rest{error_message});
    } elsif ($op eq 'tables_list') {
        %outcome = (%outcome, kind => 'tables',
            tables => delete $rest{tables});
    } elsif ($op eq 'ok') {
        $outcome{kind} = delete $rest{message} ? 'bye' : 'ok';
        # "further keys may be added"
        delete @rest{qw(generation_number rows)};
        $outcome{warning} = delete $rest{warning} if $rest{warning};
    } else {
        %outcome = (%outcome, kind => $op);
    }

    $outcome{more_keys} = join ' ', sort keys %rest if %rest;
    return \%outcome;
}

# Bytes of a JSON answer, or of two documents one after the other.
sub outcome_of_json ($bytes) {
    my $reader = JSON::PP->new->utf8->allow_nonref;
    my @docs;

    eval {
        my $left = $bytes;
        while ($left =~ /\S/) {
            my ($doc, $length) = $reader->decode_prefix($left);
            push @docs, $doc;
            substr $left, 0, $length, '';
        }
        1;
    } or return { kind => 'raw', text => characters($bytes) };

    return { kind => 'none' } if !@docs;

    my $outcome = from_document($docs[0]);
    if (@docs > 1 && $outcome->{kind} eq 'tables') {
        $outcome->{tables} = $docs[1];
        $outcome->{documents} = scalar @docs;
    }

    return $outcome;
}

sub outcome_of_frames ($frames) {
    return { kind => 'none' } if !$frames;

    my @frames = @$frames;
    my @envelope;

    if (grep { $_ eq '' } @frames) {
        while (@frames) {
            my $frame = shift @frames;
            push @envelope, $frame;
            last if $frame eq '';
        }
    }

    my $outcome = outcome_of_json($frames[0] // '');
    if (@frames == 2 && $outcome->{kind} eq 'tables') {
        $outcome->{tables} = eval { $json->decode($frames[1]) };
    }
    $outcome->{frames} = @frames;
    $outcome->{envelope} = \@envelope if @envelope;

    return $outcome;
}

# The cells of an aligned table, by the columns of its line of "=".
sub parse_table ($names, $rule, @lines) {
    my @spans;
    my @cells;

    while ($rule =~ /=+/g) {
        push @spans, [$-[0], $+[0] - $-[0]];
    }

    for my $line ($names, @lines) {
        my $at = 0;
        my @row;

        for my $span (@spans) {
            my ($from, $length) = @$span;
            return if length $line < $from + $length
                || substr($line, $at, $from - $at) =~ /[^ ]/;
            push @row, substr($line, $from, $length) =~ s/^ +//r;
            $at = $from + $length;
        }
        return if length $line != $at;
        push @cells, \@row;
    }

    my $columns = shift @cells;
    return ($columns, \@cells);
}

# One answer in text format; LF ends its lines.
sub outcome_of_text ($text) {
    return { kind => 'none' } if $text eq '';
    return { kind => 'bye' } if $text =~ /\ABye!\n?\z/;

    if ($text =~ /\A(.*)\n(=[= ]*)\n((?:.*\n)*)(\d+) rows returned\n\z/) {
        my ($names, $rule, $lines, $count) = ($1, $2, $3, $4);
        my @lines = split /\n/, $lines;
        my ($columns, $rows) = parse_table($names, $rule, @lines);

        return { kind => 'table', columns => $columns, rows => $rows,
            text => 1 } if $rows && $count == @$rows;
    }

    return { kind => 'error', message => $1, text => 1 }
        if $text =~ /\ASQL error: (.*?)\n*\z/s;
    return { kind => 'error', message => $1, plain => 1, text => 1 }
        if $text =~ /\A(Incomplete sql statement|Must specify .*)\n?\z/;
    return { kind => 'raw', text => $text };
}

# Everything that a line session printed: one outcome an answer.
sub outcomes_of_lines ($bytes, $closed) {
    my $text = characters($bytes);
    my @found;
    # within an answer that quotes what was typed, LF stands alone
    my $bare = () = $text =~ /(?<!\r)\n/g;

    $text =~ s/\r\n/\n/g;

    while (length $text) {
        my $piece = $text =~ s/\A(SQL error: [^\n]*\n+(?:[^\n=]*;\n+)?)// ? $1
            : $text =~ s/\A((?:.*\n)*?\d+ rows returned\n)// ? $1
            : $text =~ s/\A(.*\n?)// ? $1 : last;
        push @found, outcome_of_text($piece);
    }

    return { kind => 'session', answers => \@found, closed => $closed ? 1 : 0,
        bare_lf => $bare };
}

# An HTTP answer: { status, headers, content }.
sub outcome_of_http ($answer) {
    my $content = $answer->{content} // '';
    my $type = $answer->{headers}{'content-type'} // '';
    my $outcome = $content eq '' ? { kind => 'none' }
        : $content =~ /\A\s*<|\AUnauthorized\z/ ? { kind => 'page' }
        : $content =~ /\A\s*[\{\[]/ ? outcome_of_json($content)
        : outcome_of_text(characters($content));

    $outcome->{status} = $answer->{status};
    $outcome->{type} = $type =~ s/;.*//r if $type ne '';
    $outcome->{challenge} = lc $1
        if ($answer->{headers}{'www-authenticate'} // '') =~ /\A(\w+)/;
    return $outcome;
}


# What changes from run to run, made equal.

sub steady ($cell, $column) {
    return $cell if !defined $cell;
    return '<datetime>'
        if $cell =~ /\A20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC\z/;
    return '<seconds>' if $column eq 'generation_duration_s';
    return '<generation>' if $column eq 'generation_number';
    return '<epoch>' if $column =~ /_epoch\z/ && $cell =~ /\A\d{10}/;
    return $cell;
}

sub settle ($outcome, $volatile) {
    my %o = %$outcome;

    if ($o{kind} eq 'table') {
        my @names = map { $_ // '' } @{$o{columns}};
        my %moving = map { $_ => 1 } qw(generation_number
            generation_duration_s generation_start_epoch last_update_epoch
            generation_start_datetime last_update_datetime);

        $o{rows} = [map {
            my $row = $_;
            [map { steady($row->[$_], $names[$_] // '') } 0 .. $#$row];
        } @{$o{rows}}];

        if ($o{widths}) {
            my %widths = %{$o{widths}};
            delete @widths{grep { $moving{$names[$_]} } 0 .. $#names};
            delete @widths{map { /\Amax_widths\.(\d+)\z/ } @$volatile};
            $o{widths} = \%widths;
        }
    } elsif ($o{kind} eq 'tables' && ref $o{tables} eq 'HASH') {
        $o{tables} = { map {
            my %entry = %{$o{tables}{$_}};
            $entry{last_update_epoch} = '<epoch>'
                if ($entry{last_update_epoch} // '') =~ /\A\d{10}/;
            ($_ => \%entry);
        } keys %{$o{tables}} };
    }

    return \%o;
}

# The widths that a result's own cells ask for.
sub wrong_widths ($o) {
    return if !$o->{widths};

    for my $i (0 .. $#{$o->{columns}}) {
        my $width = max map { length } $o->{columns}[$i],
            map { $_->[$i] // '' } @{$o->{rows}};
        return 1 if ($o->{widths}{$i} // -1) != $width;
    }
    return scalar(keys %{$o->{widths}}) != @{$o->{columns}};
}

sub walk ($path, $want, $got, $found) {
    if (ref $want eq 'HASH' && ref $got eq 'HASH') {
        my %keys = (%$want, %$got);
        walk("$path/$_", $want->{$_}, $got->{$_}, $found)
            for sort keys %keys;
    } elsif (ref $want eq 'ARRAY' && ref $got eq 'ARRAY'
             && @$want == @$got && $path !~ m{/columns\z}) {
        walk("$path/$_", $want->[$_], $got->[$_], $found) for 0 .. $#$want;
    } else {
        my ($a, $b) = map { ref $_ ? show($_) : $_ } $want, $got;
        return if !defined $a && !defined $b;
        push @$found, { path => $path, recorded => $want, ours => $got }
            if !defined $a || !defined $b || $a ne $b;
    }
}

# The differences of two outcomes, each { path, recorded, ours }.
sub differences ($recorded, $ours, $volatile = []) {
    my @found;

    push @found, { path => '/own_widths', recorded => undef,
        ours => $ours->{widths} } if $ours->{kind} eq 'table'
        && wrong_widths($ours);

    if ($recorded->{kind} ne $ours->{kind}) {
        push @found, { path => '/kind', recorded => $recorded,
            ours => $ours };
    } else {
        walk('', settle($recorded, $volatile), settle($ours, $volatile),
            \@found);
    }

    return @found;
}

1;
