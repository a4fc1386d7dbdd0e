package Test::Autoflow::Load;

# Processes that repeat something until they are stopped.
#
#     my $load = Test::Autoflow::Load->start(4, sub ($process, $round) {
#         ...
#         return 'the result';
#     });
#     $load->more(50);              # until so many more rounds are done
#     $load->each_done;             # until whatever was under way is done
#     my $count = $load->stop;      # {'the result' => how often}
#
# A process calls another function, if there is one, when it is stopped.

use Mojo::Base -base, -signatures;

use Carp ();
use File::Temp;
use IO::Select;
use List::Util qw(uniq);
use Mojo::File qw(path);
use POSIX ();
use Test::Autoflow::Wait qw(wait_until);

has [qw(control processes)];
has rounds => sub { File::Temp->new };      # the number of the process of each that was done

sub start ($class, $number, $work, $last = sub ($process) { }) {
    pipe my $control, my $stop or die "pipe: $!";

    my $self = $class->new(control => $stop);
    my $rounds = $self->rounds;
    my @processes = map {
        my $n = $_;
        pipe my $results, my $out or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            CORE::close $_ for $stop, $results;
            my $count = work($control, $rounds, $n, $work);
            eval { $last->($n); 1 } or $count->{"died at last: $@" =~ s/\n.*//sr}++;
            report($out, $count);
            POSIX::_exit(0);       # nothing of the parent's is to be destroyed
        }
        [$pid, $results];
    } 1 .. $number;

    return $self->processes(\@processes);
}

# until the other end of $control is closed: by stop, or because the test died
sub work ($control, $rounds, $n, $work) {
    my $stop = IO::Select->new($control);
    open my $done, '>>', $rounds->filename or die "open: $!";
    my %count;
    for (my $round = 1; !$stop->can_read(0); $round++) {
        my $outcome = eval { $work->($n, $round) } // "died: $@" =~ s/\n.*//sr;
        $count{$outcome}++;
        syswrite $done, chr $n;
    }
    return \%count;
}

# waits until so many more rounds are done
sub more ($self, $number) {
    my $until = $number + -s $self->rounds->filename;
    wait_until(sub { -s $self->rounds->filename >= $until })
        or Carp::croak("$number rounds are not done within a minute");
    return $self;
}

# waits until each process has done another round
sub each_done ($self) {
    my $rounds = path($self->rounds->filename);
    my $before = length $rounds->slurp;
    wait_until(sub { uniq(split //, substr $rounds->slurp, $before) == @{$self->processes} })
        or Carp::croak("not every process has done a round within a minute");
    return $self;
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
