package Test::Autoflow::Soak::Faults;

# What happens to the servers of a soak, at times and in an order that follow from
# the seed.
#
#     my $faults = Test::Autoflow::Soak::Faults->new(t => $t, daemons => […], smtp => $smtp,
#         every => 10);
#     $faults->pass while …;        # does what is due
#     $faults->over;                # all is there again

use Mojo::Base -base, -signatures;

use Mojo::File qw(path);
use Test::Autoflow::Generator qw(any chance);
use Time::HiRes qw(time);

has [qw(t daemons smtp)];
has every  => 10;             # seconds between two, on average
has due    => sub ($self) { time + $self->gap };
has counts => sub { {} };     # by kind
has deaths => sub { [] };     # times at which a mail may have been sent, and that forgotten
has killed => sub { [] };     # workers
has mail_back => undef;       # when the mail server returns
has standby   => undef;       # what follows the primary, if anything does

# The last node keeps its workers all the time, so that it shows whether they
# keep their memory.
my @kinds = (
    [reload    => 3, sub ($self) { $self->daemons->[0]->reload }],
    [upgrade   => 1, \&upgrade],
    [kill      => 2, \&kill_worker],
    [terminate => 4, \&terminate],
    [restart   => 1, sub ($self) { $self->restart('INT') }],
    [crash     => 1, sub ($self) { $self->restart('QUIT') }],
    [mail      => 2, \&mail_away],
    [failover  => 2, \&failover],
);

sub gap ($self) { -$self->every * log(1 - rand) }

sub pass ($self) {
    $self->mail_returns if $self->mail_back && time > $self->mail_back;
    return if time < $self->due;
    my ($kind, undef, $work) = @{any(map { ($_) x $_->[1] }
        grep { $_->[0] ne 'failover' || $self->standby } @kinds)};
    $work->($self);
    $self->counts->{$kind}++;
    push @{$self->deaths}, time if $kind ne 'reload' && $kind ne 'upgrade';
    return $self->due(time + $self->gap);
}

# Until nothing is left of the former master, its workers are like another node:
# the clients see a file.
sub upgrade ($self) {
    my $daemon = $self->daemons->[0];
    my $file   = path($daemon->t->dir, 'upgraded')->touch;
    my $old = $daemon->master;
    my $new = $daemon->begin;
    $daemon->t->wait_for(sub { $daemon->workers($new) == $daemon->t->workers });
    $daemon->retire($old)->end($old);
    $file->touch;
    return;
}

sub kill_worker ($self) {
    my $daemon = $self->daemons->[0];
    my $pid    = any($daemon->workers);
    kill 'KILL', $pid;
    push @{$self->killed}, $pid;
    $daemon->t->wait_for(sub {
        my @now = $daemon->workers;
        return @now == $daemon->t->workers && !grep { $_ == $pid } @now;
    });
    return;
}

# some connections, or all
sub terminate ($self) {
    $self->t->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'autoflow_app' AND random() < ?}, {}, any(0.2, 0.5, 1));
    return;
}

sub restart ($self, $signal) { $self->t->postgresql->stop($signal)->start }

# Nothing is answered that the standby hasn't got, so that nothing of it is lost when
# that takes over, from a primary that has crashed or was stopped.
sub failover ($self) {
    my $former = $self->t->postgresql;
    push @{$self->deaths}, time;
    $former->stop(any('QUIT', 'INT'));
    $self->standby->connect('postgres')->do('SELECT pg_promote()');
    $self->t->postgresql($self->standby->other($former->dir));
    return $self->follow($former->dir);
}

# a standby of the primary, in this folder
sub follow ($self, $dir) {
    my $primary = $self->t->postgresql;
    $self->standby($primary->standby($dir));
    my $db = $primary->connect('postgres');
    $db->do($_) for q{ALTER SYSTEM SET synchronous_standby_names = '*'},
        'SELECT pg_reload_conf()';
    $self->t->wait_for(sub { $db->selectrow_array(q{SELECT count(*) FROM pg_stat_replication
        WHERE state = 'streaming' AND sync_state = 'sync'}) });
    return;
}

sub mail_away ($self) {
    return if $self->mail_back;
    $self->smtp->stop;
    return $self->mail_back(time + 1 + rand 2 * $self->every);
}

sub mail_returns ($self) {
    $self->smtp->start;
    return $self->mail_back(undef);
}

sub over ($self) {
    $self->mail_returns if $self->mail_back;
    return $self;
}

sub summary ($self) {
    return join(', ', map { "$self->{counts}{$_} $_" } sort keys %{$self->counts}) || 'none';
}

1;
