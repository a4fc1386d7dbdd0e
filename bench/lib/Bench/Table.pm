package Bench::Table;

# Results as Markdown.

use Mojo::Base -strict, -signatures;
use Exporter qw(import);
use Bench::Stats qw(median spread);

our @EXPORT_OK = qw(cell number row suite_table versions_table);

# by what a key means
my %digits = (rate => 0, octets => 0, tokens => 0, us => 1, pg => 1, mb => 1,
    map { $_ => 2 } qw(ratio work p50 p99 p999 max cpu));

sub number ($key, $value) {
    return '–' if !defined $value;
    my $digits = $digits{$key} // 1;
    $digits = 3 if $key =~ /^(?:ratio|work)\z/ && $value < 0.1;
    my $text = sprintf '%.*f', $digits, $value;
    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
    return $text;
}

# the median, and what the rounds were between
sub cell ($key, $values) {
    return '' if !$values || !@$values;
    my $text = number($key, median(@$values));
    return $text if @$values < 2;
    my ($low, $high) = map { number($key, $_) } @{spread(@$values)};
    return $low eq $high ? $text : "$text ($low–$high)";
}

sub suite_table ($result) {
    my @columns = @{$result->{columns}};
    my @lines   = (row($result->{heading}, map { $_->[1] } @columns),
        row('---', map { '---:' } @columns));
    for my $case (@{$result->{cases}}) {
        push @lines, row($case->{label}, map { cell($_->[0], $case->{values}{$_->[0]}) } @columns);
    }
    return join '', map { "$_\n" } @lines;
}

sub versions_table ($machine) {
    return join '', map { "$_\n" } row('', ''), row('---', '---'), map { row(@$_) } @$machine;
}

sub row (@cells) { '| ' . join(' | ', @cells) . ' |' }

1;
