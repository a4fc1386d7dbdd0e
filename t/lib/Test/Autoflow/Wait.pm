package Test::Autoflow::Wait;

# Waiting for other processes, on however busy a machine.

use Mojo::Base -strict, -signatures;

use Exporter qw(import);
use List::Util qw(min);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_until);

# The value of a condition as soon as it is true, or else after so many
# seconds.  Soon true is noticed soon; later on it is checked less often.
sub wait_until ($condition, $seconds = 60) {
    my $end = time + $seconds;
    for (my $pause = 0.001; ; $pause = min(2 * $pause, 0.02)) {
        my $value = $condition->();
        return $value if $value || time >= $end;
        sleep $pause;
    }
}

1;
