package Bench::Chart;

# Results as SVG: bars for a comparison, lines for how something grows.
#
# A suite's `chart` says {kind => 'bars', key => 'ratio', title => …} or
# {kind => 'lines', key => 'rate', title => …, x => 'sessions', logarithmic => 1}.

use Mojo::Base -strict, -signatures;
use Bench::Stats qw(median spread);
use Bench::Table qw(number);
use Exporter qw(import);
use List::Util qw(max min uniq);
use Mojo::Util qw(xml_escape);

our @EXPORT_OK = qw(draw);

my @colours = map { "#$_" } qw(2a6fbb d1603d 3a9a5b 8a5fb0 b58a1b 5b6770);
my $style   = 'font-family="sans-serif" font-size="13" fill="#555"';

sub draw ($result) {
    my %chart = %{$result->{chart}};
    my @cases = grep { @{$_->{values}{$chart{key}} // []} } @{$result->{cases}} or return;
    return $chart{kind} eq 'lines' ? lines(\%chart, @cases) : bars(\%chart, @cases);
}

sub document ($width, $height, @elements) {
    return join "\n",
        qq{<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="$height"},
        qq{ viewBox="0 0 $width $height">},
        qq{<rect width="$width" height="$height" fill="#fff"/>}, @elements, "</svg>\n";
}

sub text ($x, $y, $text, $anchor = 'start') {
    return sprintf '<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>', $x, $y, $anchor, $style,
        xml_escape($text);
}

sub line ($x1, $y1, $x2, $y2, $colour = '#ddd', $width = 1) {
    return sprintf '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%s"/>',
        $x1, $y1, $x2, $y2, $colour, $width;
}

# a bar for each case: its median, with a line from its lowest to its highest
sub bars ($chart, @cases) {
    my ($left, $wide, $high) = (330, 420, 24);
    my $top  = max map { @{$_->{values}{$chart->{key}}} } @cases;
    my $y    = 34;
    my $to_x = sub ($value) { $left + $wide * $value / ($top || 1) };
    my @out  = text(10, 20, $chart->{title});
    for my $case (@cases) {
        my @values = @{$case->{values}{$chart->{key}}};
        my ($median, $spread) = (median(@values), spread(@values));
        my ($low, $end) = map { $to_x->($_) } @$spread;
        push @out, text($left - 8, $y + 16, $case->{label} =~ s/`//gr, 'end'),
            sprintf('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>', $left, $y + 3,
                $to_x->($median) - $left, $high - 8, $colours[0]),
            line($low, $y + 11, $end, $y + 11, '#222', 1.5),
            text($end + 6, $y + 16, number($chart->{key}, $median));
        $y += $high;
    }
    return document($left + $wide + 80, $y + 10, @out);
}

# the next number of which people like to see four quarters
sub round_up ($value) {
    return 1 if $value <= 0;
    my $power = 10 ** (int(log($value) / log(10)) - ($value < 1));
    return $power * (grep { $_ * $power >= $value } 1, 2, 4, 6, 8, 10)[0];
}

# a line for each series, over x
sub lines ($chart, @cases) {
    my ($left, $width, $top, $height) = (80, 520, 40, 260);
    my $scale  = $chart->{logarithmic} ? sub ($x) { log(max $x, 1) / log 10 } : sub ($x) { $x };
    my @x      = map { $_->{x} } @cases;
    my ($from, $to) = (min(map { $scale->($_) } @x), max(map { $scale->($_) } @x));
    my $most   = round_up(max map { @{$_->{values}{$chart->{key}}} } @cases);
    my $to_x   = sub ($x) { $left + $width * ($scale->($x) - $from) / (($to - $from) || 1) };
    my $to_y   = sub ($y) { $top + $height * (1 - $y / $most) };
    my @out    = text(10, 20, $chart->{title});

    for my $part (0 .. 4) {
        my $value = $most * $part / 4;
        push @out, line($left, $to_y->($value), $left + $width, $to_y->($value)),
            text($left - 8, $to_y->($value) + 4, number($chart->{key}, $value), 'end');
    }
    push @out, text($to_x->($_), $top + $height + 20, number('rate', $_), 'middle') for uniq @x;
    push @out, text($left + $width, $top + $height + 40, $chart->{x}, 'end');

    my $n = 0;
    for my $series (uniq map { $_->{series} // '' } @cases) {
        my ($colour, $y) = ($colours[$n % @colours], $top + 20 * $n);
        my @points = map { [$to_x->($_->{x}), $to_y->(median(@{$_->{values}{$chart->{key}}}))] }
            sort { $a->{x} <=> $b->{x} } grep { ($_->{series} // '') eq $series } @cases;
        push @out, sprintf('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>',
            join(' ', map { sprintf '%.1f,%.1f', @$_ } @points), $colour),
            map({ sprintf '<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>', @$_, $colour } @points),
            line($left + $width + 20, $y, $left + $width + 40, $y, $colour, 2),
            text($left + $width + 46, $y + 4, $series =~ s/`//gr);
        $n++;
    }
    return document($left + $width + 240, $top + $height + 54, @out);
}

1;
