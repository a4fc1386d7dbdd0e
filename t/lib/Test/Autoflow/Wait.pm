package Test::Autoflow::Wait;

# Waiting for other processes, on however busy a machine.

use Mojo::Base -strict, -signatures;

use Exporter qw(import);
use List::Util qw(max min);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_until);

# The value of a condition as soon as it is true, or else after so many
# seconds.  Soon true is noticed soon; later on it is checked less often, by 5 % of
# the time so far, and at least each $most seconds: whoever waits shouldn't keep
# others waiting.
sub wait_until ($condition, $seconds = 60, $most = 0.1) {
    my $begun = time;
    for (my $pause = 0.001; ; $pause = min(2 * $pause, $most, max(0.02, 0.05 * (time - $begun)))) {
        my $value = $condition->();
        return $value if $value || time >= $begun + $seconds;
        sleep $pause;
    }
}

1;
