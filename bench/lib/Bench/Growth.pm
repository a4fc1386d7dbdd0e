package Bench::Growth;

# A benchmark of how something grows: `points` are the values of x; before each,
# prepare(x) makes what there is then.

use Mojo::Base 'Bench::Suite', -signatures;

has points  => sub { [] };
has x       => 'x';
has columns => sub { [[rate => 'requests/s'], [us => 'µs of the worker each']] };
has chart   => sub ($self) {
    {kind => 'lines', key => 'us', title => $self->title . ': µs of the worker per request',
        x => $self->x, logarithmic => 1}
};

sub prepare ($self, $x) { }

# whether that is made soon enough
sub affords ($self, $x) { 1 }

sub rounds ($self) { $self->by_scale(full => 3, quick => 1, smoke => 1) }
sub limit ($self)  { $self->by_scale(full => 75, quick => 10, smoke => 10) / @{$self->points} }
sub seconds ($self) { $self->by_scale(full => 2, quick => 1, smoke => 1) }

sub measure ($self) {
    my @all;
    for my $x (@{$self->points}) {
        last if !$self->affords($x);
        $self->prepare($x);
        my @cases = map { +{%$_, x => $x, series => $_->{label}, name => "$_->{name} $x",
            label => sprintf('%s, %s %s', $_->{label}, Bench::Table::number('rate', $x), $self->x),
            $_->{base} ? (base => "$_->{base} $x") : ()} } $self->cases($x);
        push @all, @{$self->measure_cases(@cases)};
    }
    return \@all;
}

1;
