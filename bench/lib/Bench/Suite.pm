package Bench::Suite;

# A benchmark: cases that are measured in interleaved rounds.
#
#     package Bench::Something;
#     use Mojo::Base 'Bench::Suite', -signatures;
#     has title => 'What it compares';
#     sub setup ($self) { ... }
#     sub cases ($self) { ({name => 'bare', label => 'nginx alone',
#         run => sub ($seconds) { return {rate => ...} }}, ...) }
#     sub end ($self) { ... }
#
# A case has a name, a label, what runs it, which returns numbers by their keys,
# and possibly a `base`, another case, to whose `compare` its own is a ratio.
# Those of a line in a chart have `series` and `x`.

use Mojo::Base -base, -signatures;
use Bench::Stats qw(ratios);
use Bench::Table ();
use Time::HiRes qw(time);

has [qw(title note)] => '';
has scale   => 'full';                # or quick, or smoke
has heading => '';                    # of the column with labels
has compare => 'rate';
has chart   => undef;                 # what Bench::Chart draws
has columns => sub { [[rate => 'requests/s'], [ratio => 'ratio']] };
has dir     => undef;                 # for its files

sub setup ($self) { }
sub end ($self)   { }

# one of three by the scale
sub by_scale ($self, %values) { $values{$self->scale} // $values{full} }

sub rounds ($self)  { $self->by_scale(full => 5, quick => 2, smoke => 1) }
sub seconds ($self) { $self->by_scale(full => 2, quick => 1, smoke => 1) }     # whole ones

# After so many seconds there is no further round: a whole run takes 20 minutes, also
# where starting takes long.
sub limit ($self) { $self->by_scale(full => 165, quick => 25, smoke => 25) }

# After so many it fails, so that others follow; 0: never.
sub patience ($self) { 600 }

# a case that something with run() runs
sub case ($self, $name, $label, $runs, %more) {
    return {name => $name, label => $label, %more, run => sub ($seconds) {
        $runs->run(seconds => $seconds);
    }};
}

# all cases with their values of all rounds; every other round is in reverse
sub measure ($self) { $self->measure_cases($self->cases) }

sub measure_cases ($self, @cases) {
    my %values;
    my $end = time + $self->limit;
    for my $round (1 .. $self->rounds) {
        last if $round > 1 && time >= $end;
        for my $case ($round % 2 ? @cases : reverse @cases) {
            my $got = $case->{run}->($self->seconds);
            push @{$values{$case->{name}}{$_}}, $got->{$_} for keys %$got;
        }
    }
    for my $case (grep { $_->{base} } @cases) {
        my ($mine, $base) = map { $values{$_}{$self->compare} } @$case{qw(name base)};
        $values{$case->{name}}{ratio} = [ratios($mine, $base)];
        my ($work, $alone) = map { $values{$_}{us} } @$case{qw(name base)};
        $values{$case->{name}}{work} = [ratios($alone, $work)] if $work && $alone;
    }
    return [map { my $case = $_;
        +{map({ ($_ => $case->{$_}) } grep { defined $case->{$_} } qw(name label base series x)),
            values => $values{$case->{name}}} } @cases];
}

# the whole result, or what went wrong
sub result ($self) {
    my $start = time;
    my $cases = eval {
        local $SIG{ALRM} = sub { die 'is not done after ' . $self->patience . " s\n" };
        alarm $self->patience;
        $self->setup;
        $self->measure;
    };
    my $error = $@;
    alarm 0;
    eval { $self->end; 1 } or $error ||= $@;
    return {
        map({ ($_ => $self->$_) } qw(title note heading columns chart)),
        cases   => $cases // [],
        seconds => int(time - $start),
        $error ? (error => "$error") : (),
    };
}

1;
