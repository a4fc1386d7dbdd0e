package Bench::Pgbench;

# Runs pgbench with a statement of sql/queries, as the module's role.
#
#     Bench::Pgbench->new(postgresql => ..., statement => 'auth/me',
#         values => {user_id => $id, dialect => 'autoflow'})->run(seconds => 3);

use Mojo::Base -base, -signatures;
use Carp ();
use Bench::Usage qw(measured);
use File::Temp;
use Mojo::File qw(curfile path);

has [qw(postgresql statement)];
has values  => sub { {} };            # of its parameters; undef: null
has terms   => sub { {} };            # instead of a value, what computes it
has before  => '';                    # lines of pgbench's before it
has after   => ';';                   # how it ends: \gset takes the result
has clients => 8;
has mode    => 'prepared';            # or extended: planned each time
has dir     => sub { File::Temp->newdir };

my $queries = curfile->dirname->dirname->dirname->sibling('sql/queries');

# the statement with pgbench's variables for its parameters
sub script ($self) {
    my $sql = path("$queries/@{[$self->statement]}.sql")->slurp =~ s/^--.*\n//mgr =~ s/;\s*\z//r
        =~ s/\s+--[^\n']*$//mgr;
    my %values = %{$self->values};
    my @null   = grep { !defined $values{$_} } keys %values;
    my %terms  = (map({ ($_ => 'NULL') } @null), %{$self->terms});
    $sql =~ s/(?<!:):([a-z]\w*)/$terms{$1} \/\/ ":$1"/ge;
    return $self->before . $sql . $self->after . "\n";
}

sub run ($self, %options) {
    my $script = path($self->dir, 'script')->spurt($self->script);
    my %values = %{$self->values};
    return measured(sub { $self->report($script, \%values, $options{seconds}) }, undef,
        $self->postgresql);
}

sub report ($self, $script, $values, $seconds) {
    my %values  = %$values;
    my @command = ('pgbench', '-n', '-h', $self->postgresql->dir, '-U', 'autoflow_app',
        '-M', $self->mode, '-c', $self->clients, '-T', $seconds,
        map({ ('-D', "$_=$values{$_}") } grep { defined $values{$_} } sort keys %values),
        '-f', "$script", 'autoflow');
    open my $out, '-|', 'sh', '-c', '"$@" 2>&1', 'sh', @command or die "pgbench: $!";
    my $text = join '', <$out>;
    close $out;
    return parse($text) // Carp::croak("pgbench said: $text");
}

# undef if anything failed
sub parse ($text) {
    return if $text =~ /^pgbench: error|: ERROR:/m;
    return if ($text =~ /^number of failed transactions: (\d+)/m ? $1 : 0) > 0;
    my ($rate) = $text =~ /^tps = ([\d.]+) \(without initial connection time\)/m or return;
    my ($requests) = $text =~ /^number of transactions actually processed: (\d+)/m or return;
    return {rate => $rate, requests => $requests};
}

1;
