package Bench::Results;

# The results of a run: kept as JSON, from which everything that people read is
# written.

use Mojo::Base -base, -signatures;
use Bench::Chart qw(draw);
use Bench::Machine qw(described);
use Bench::Table qw(suite_table versions_table);
use JSON::PP ();
use Mojo::File qw(path);
use POSIX qw(strftime);

has 'dir';
has scale   => 'full';
has date    => sub { strftime '%Y-%m-%d', gmtime };
has machine => sub { [described()] };
has notes   => sub { [] };
has suites  => sub { {} };            # by their names
has order   => sub { [] };            # those names

my $json = JSON::PP->new->pretty->indent_length(1)->canonical->utf8;
my @kept = qw(scale date machine notes suites order);

sub load ($class, $dir) {
    my $kept = $json->decode(path($dir, 'results.json')->slurp);
    return $class->new(dir => $dir, map { ($_ => $kept->{$_}) } @kept);
}

sub add ($self, $name, $result) {
    push @{$self->order}, $name;
    $self->suites->{$name} = $result;
    return $self->save;
}

sub save ($self) {
    my $dir = path($self->dir)->make_path;
    $dir->child('results.json')->spurt($json->encode({map { ($_ => $self->$_) } @kept}));
    $dir->child('results.md')->spurt(Mojo::Util::encode('UTF-8', $self->markdown));
    for my $name (grep { $self->suites->{$_}{chart} } @{$self->order}) {
        my $svg = draw($self->suites->{$name}) // next;
        $dir->child("$name.svg")->spurt(Mojo::Util::encode('UTF-8', $svg));
    }
    return $self;
}

# below headings of this level, with charts in this folder
sub markdown ($self, $level = '##', $charts = '.') {
    my @parts = (versions_table([[measured => $self->date], @{$self->machine}]), @{$self->notes});
    for my $name (grep { !$self->suites->{$_}{error} } @{$self->order}) {
        my $result = $self->suites->{$name};
        push @parts, "$level $result->{title}\n", $result->{note} ? "$result->{note}\n" : ();
        push @parts, suite_table($result);
        push @parts, "![$result->{title}]($charts/$name.svg)\n" if $result->{chart};
    }
    return join "\n", @parts;
}

1;
