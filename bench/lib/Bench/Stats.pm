package Bench::Stats;

# What is said about the values of several rounds.

use Mojo::Base -strict, -signatures;
use Exporter qw(import);
use List::Util qw(max min);

our @EXPORT_OK = qw(median percentile spread ratios);

# undef of none
sub median (@values) {
    @values = sort { $a <=> $b } grep { defined } @values or return;
    my $half = int @values / 2;
    return @values % 2 ? $values[$half] : ($values[$half - 1] + $values[$half]) / 2;
}

# the value that so many percent don't exceed
sub percentile ($percent, @values) {
    @values = sort { $a <=> $b } @values;
    return $values[int(($percent / 100) * $#values + 0.5)];
}

# the lowest and the highest, as a pair
sub spread (@values) {
    @values = grep { defined } @values or return [];
    return [min(@values), max(@values)];
}

# those of each round to the same round's base: what the machine did meanwhile
# concerns both
sub ratios ($values, $base) {
    return map { $base->[$_] ? $values->[$_] / $base->[$_] : () }
        grep { defined $values->[$_] && defined $base->[$_] } 0 .. $#$values;
}

1;
