package Qasino::Response;

# What the declarative harness needs to know of HTTP and of texts: pure
# functions, apart from is_text(), which is a test.

use v5.36;

use Exporter qw(import);
use Test::More import => [qw(diag fail is)];

use Qasino::Process qw(slurp);

our @EXPORT_OK = qw(is_text log_lines parse_response seconds);

# "1.5", "300ms" and "2s" in seconds.
sub seconds ($text) {
    my ($number, $unit) = $text =~ /([\d.]+)\s*(ms|s)?/;

    return ($unit // '') eq 'ms' ? $number / 1000 : $number;
}

# Takes one response off the front of $$in; undef where there is none.
sub parse_response ($in, $method) {
    $$in =~ s/\A(.*?\r\n)\r\n//s or return undef;

    my %response = (head => $1, code => '', body => '', headers => {});
    my ($status, @lines) = split /\r\n/, $response{head};

    $response{code} = $1 if $status =~ m{^HTTP/[\d.]+ (\d+)};

    for my $line (@lines) {
        my ($name, $value) = split /:\s*/, $line, 2;
        push @{$response{headers}{lc $name}}, $value;
    }

    return parse_response($in, $method) if $response{code} eq '100';
    return \%response if $method eq "HEAD"
        || $response{code} =~ /^(?:204|304)$/;

    my ($length) = @{$response{headers}{'content-length'} // []};
    my $coding = join ',', @{$response{headers}{'transfer-encoding'} // []};

    if ($coding !~ /chunked/i) {
        $response{body} = substr $$in, 0, $length // length $$in, '';
        $response{cut} = defined $length && length $response{body} < $length;
        return \%response;
    }

    $response{cut} = 1;

    while ($$in =~ s/\A([0-9a-fA-F]+)[^\r\n]*\r\n//) {
        my $size = hex $1;
        $response{body} .= substr $$in, 0, $size, '';
        $$in =~ s/\A\r\n//;
        $response{cut} = 0, last if $size == 0;
    }

    return \%response;
}

# is(), but of long texts only what is around the first difference.
sub is_text ($got, $want, $title) {
    return is($got, $want, $title)
        if $got eq $want || length($got) + length($want) < 4000;

    fail($title);
    ($got ^. $want) =~ /^\0*/;

    my $at = $+[0];
    my $from = $at > 40 ? $at - 40 : 0;

    diag(sprintf "%d bytes, expected %d; they differ at %d:\n%s\n"
        . "expected:\n%s", length $got, length $want, $at,
        substr($got, $from, 120), substr $want, $from, 120);
}

sub log_lines ($path, $start) {
    my $text = slurp($path);

    return split /^/, $start < length $text ? substr $text, $start : '';
}

1;
