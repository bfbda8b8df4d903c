package Qasino::Ledger;

# Counts rows while processes die.  Publishers, each a process, publish one
# row of table "ledger" at a time, every row under an identity of its own,
# and note what was acknowledged, into which generation.  An observer, also a
# process, notes what each snapshot holds.  At the end judge() compares:
#
#   - every acknowledged row is in the snapshot of the generation that its
#     acknowledgement named, once, and in no other;
#   - no row is in two snapshots, whether acknowledged or not;
#   - a snapshot is the same whenever it is looked at.

use v5.36;

use JSON::PP ();
use Test::More ();

use Qasino::Process qw(now patience slurp wait_until);

my $marks = 'select generation_number, (select count(*) from ledger),'
    . ' (select total(n) from ledger) from qasino_server_info';

# That of a whole server, over HTTP; its archive is the observer's.
sub of_server ($class, $server, $archive) {
    return $class->start(
        archive => $archive,
        publish => sub ($who, $n) {
            my $answer = $server->publish("p$who-$n",
                Qasino::Server::table(ledger => [who => 'int', n => 'int'],
                    [$who, $n]));
            return ($answer->{status}, $answer->{generation_number});
        },
        query => sub ($sql) {
            my $answer = $server->query($sql);
            return $answer->{table} && $answer->{table}{rows};
        });
}

# publish => sub ($who, $n) { (status, generation) }, query => sub ($sql)
# { rows or undef }, both called in processes of their own.
sub start ($class, %how) {
    my $self = bless {
        publishers => 3, acks => {}, refused => {}, seen => {}, wrong => [],
        count => 0, pending => '', %how,
    }, $class;

    pipe $self->{out}, $self->{in} or die "pipe: $!\n";
    $self->{out}->blocking(0);

    $self->{children} = [
        (map { my $who = $_; $self->child(sub { $self->publisher($who) }) }
            1 .. $self->{publishers}),
    ];
    $self->{observer} = $self->child(sub { $self->observer });

    return $self;
}

# Runs the code until SIGTERM.
sub child ($self, $code) {
    $self->{parent} = $$;
    my $pid = fork() // die "fork: $!\n";

    return $pid if $pid;

    $self->{stop} = 0;
    $SIG{TERM} = sub { $self->{stop} = 1 };
    $self->{in}->blocking(1);
    eval { $code->(); 1 } or $self->note('E', $@ =~ s/\s+/ /gr);
    POSIX::_exit(0);
}

# One line, written at once: shorter than what a pipe keeps whole.
sub note ($self, @words) { syswrite $self->{in}, join(' ', @words) . "\n" }

sub stopped ($self) { $self->{stop} || getppid() != $self->{parent} }

sub publisher ($self, $who) {
    for (my $n = 1; !$self->stopped; $n++) {
        my ($status, $generation) = $self->{publish}->($who, $n);

        $self->note($status == 200 ? 'A' : 'F', $who, $n, $status,
            $generation // 0);

        # nobody there: do not spin while others would start it again
        select undef, undef, undef, 0.005 if $status != 200;
    }
}

# Looks all the time, reads a snapshot whole when it is a new one.
sub observer ($self) {
    my %known;

    while (!$self->stopped) {
        my $rows = $self->{query}->($marks) // next;
        my ($generation, @mark) = @{$rows->[0]};
        my $mark = "@mark";

        if (!exists $known{$generation}) {
            my $all = $self->{query}->('select generation_number, 0'
                . ' from qasino_server_info union all'
                . ' select who, n from ledger') // next;
            my $from = shift @$all;

            next if $from->[0] != $generation;      # a newer one already
            $self->note('R', $generation, @$_) for @$all;
            $self->note('S', $generation, scalar @$all);
            $known{$generation} = $mark;
        }

        $self->note('E', "snapshot $generation changed: $known{$generation}"
            . " rows and sum, now $mark") if $known{$generation} ne $mark;
    }
}

# Takes in what the processes noted so far.
sub read ($self) {
    while (sysread $self->{out}, $self->{pending}, 65536,
        length $self->{pending})
    {
        while ($self->{pending} =~ s/\A([^\n]*)\n//) {
            my ($kind, @words) = split ' ', $1;

            if ($kind eq 'A') {
                my ($who, $n, $status, $generation) = @words;
                $self->{acks}{$generation}{"$who $n"} = 1;
                $self->{count}++;
            } elsif ($kind eq 'F') {
                $self->{refused}{$words[2]}++;
            } elsif ($kind eq 'R') {
                my ($generation, $who, $n) = @words;
                $self->{rows}{$generation}{"$who $n"}++;
            } elsif ($kind eq 'S') {
                $self->{seen}{$words[0]} = $words[1];
            } else {
                push @{$self->{wrong}}, "@words";
            }
        }
    }

    return $self->{count};
}

# Waits until $more rows are acknowledged.
sub wait_acks ($self, $more) {
    my $until = $self->read + $more;

    wait_until("$more acknowledged rows", sub { $self->read >= $until });
}

sub acknowledged ($self) { $self->read }
sub refused ($self) { $self->read; %{$self->{refused}} }

# Stops publishing and waits until all that was acknowledged was served.
sub finish ($self) {
    kill 'TERM', @{$self->{children}};
    for my $pid (@{$self->{children}}) {
        wait_until('a publisher to end', sub {
            $self->read;
            waitpid($pid, POSIX::WNOHANG()) == $pid;
        });
    }
    $self->read;

    my ($last) = sort { $b <=> $a } keys %{$self->{acks}};
    wait_until("the snapshot of $last, the last one published into", sub {
        $self->read;
        my $rows = $self->{query}->(
            'select generation_number from qasino_server_info');
        return exists $self->{seen}{$last}
            || $rows && $rows->[0][0] > $last;
    });

    kill 'TERM', $self->{observer};
    wait_until('the observer to end', sub {
        $self->read;
        waitpid($self->{observer}, POSIX::WNOHANG()) == $self->{observer};
    });
    $self->read;
}

# Rows of a retired generation, from the archive.
sub archived ($self, $generation) {
    my $file = ($self->{archive} // return undef) . "/qasino_table_store_$generation.db";

    return undef if !-e $file;

    # immutable: it is sealed, and its journal's name is none of our business
    my @rows = `sqlite3 -readonly -separator ' ' 'file:$file?immutable=1' 'select who, n from ledger' 2>&1`;
    die "$file: @rows" if $?;
    chomp @rows;

    my %rows;
    $rows{$_}++ for @rows;
    return \%rows;
}

sub judge ($self) {
    my (@wrong, %in);
    my ($rows, $observed) = (0, 0);

    @wrong = @{$self->{wrong}};

    for my $generation (sort keys %{$self->{acks}}) {
        my $archived = $self->archived($generation);
        my $seen = exists $self->{seen}{$generation}
            ? $self->{rows}{$generation} // {} : undef;

        if (!$archived && !$seen) {
            push @wrong, "generation $generation was never served: "
                . keys(%{$self->{acks}{$generation}}) . ' rows lost';
            next;
        }

        $observed++ if $seen;
        push @wrong, "generation $generation has " . keys(%$seen)
            . ' rows when served, ' . keys(%$archived) . ' when archived'
            if $seen && $archived && join(',', sort keys %$seen)
               ne join(',', sort keys %$archived);

        my $all = $archived // $seen;

        for my $row (sort keys %$all) {
            push @wrong, "row $row is $all->{$row} times in $generation"
                if $all->{$row} != 1;
            push @wrong, "row $row is in $in{$row} and in $generation"
                if $in{$row};
            $in{$row} = $generation;
            $rows++;
        }

        my @lost = grep { !$all->{$_} }
            sort keys %{$self->{acks}{$generation}};
        push @wrong, "generation $generation: " . @lost . ' acknowledged rows'
            . " lost, first $lost[0], last $lost[-1]" if @lost;
    }

    my $ok = Test::More::ok(!@wrong && $self->{count} > 0,
        'every acknowledged row is in exactly the snapshot that was promised');

    Test::More::diag(join "\n", @wrong[0 .. ($#wrong > 20 ? 20 : $#wrong)])
        if @wrong;
    Test::More::note("$self->{count} acknowledged, $rows in "
        . keys(%{$self->{acks}}) . " snapshots, $observed of them seen served;"
        . ' refused: '
        . join(' ', map { "$_ x $self->{refused}{$_}" }
            sort keys %{$self->{refused}}));

    return $ok;
}

1;
