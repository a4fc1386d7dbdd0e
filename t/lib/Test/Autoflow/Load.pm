package Test::Autoflow::Load;

# Processes that do one thing again and again until they are told to stop.
#
#     my $load = Test::Autoflow::Load->start(4, sub ($process, $round) {
#         ...
#         return 'how it went';
#     });
#     ...
#     my $count = $load->stop;      # {'how it went' => how often}

use Mojo::Base -base, -signatures;

use IO::Select;
use POSIX ();

has [qw(control processes)];

sub start ($class, $number, $work) {
    pipe my $control, my $stop or die "pipe: $!";

    my @processes = map {
        my $n = $_;
        pipe my $results, my $out or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            CORE::close $_ for $stop, $results;
            report($out, work($control, $n, $work));
            POSIX::_exit(0);       # nothing of the parent's is to be destroyed
        }
        [$pid, $results];
    } 1 .. $number;

    return $class->new(control => $stop, processes => \@processes);
}

# until the other end of $control is closed: by stop, or because the test died
sub work ($control, $n, $work) {
    my $stop = IO::Select->new($control);
    my %count;
    for (my $round = 1; !$stop->can_read(0); $round++) {
        my $outcome = eval { $work->($n, $round) } // "died: $@" =~ s/\n.*//sr;
        $count{$outcome}++;
    }
    return \%count;
}

sub report ($out, $count) {
    print {$out} map { "$count->{$_} $_\n" } keys %$count;
    CORE::close $out;
    return;
}

sub stop ($self) {
    my %count;
    CORE::close $self->control;
    for (@{$self->processes}) {
        my ($pid, $results) = @$_;
        while (my $line = readline $results) {
            my ($number, $outcome) = $line =~ /^(\d+) (.*)/ or next;
            $count{$outcome} += $number;
        }
        waitpid $pid, 0;
        $count{"process ended with $?"}++ if $?;
    }
    return \%count;
}

1;
