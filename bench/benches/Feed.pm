package Bench::Feed;

# Many nodes that listen to many logouts: when they know of them, what they receive
# for that, and what it costs PostgreSQL.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Accounts qw(add_accounts add_sessions);
use Bench::Listeners;
use Bench::Stats qw(percentile);
use Bench::Usage qw(family_seconds);
use Test::Autoflow::PostgreSQL;
use Time::HiRes qw(sleep time);

has title   => 'The feed of revocations';
has heading => 'nodes, logouts a second';
has note    => 'Connections that do what the feed of a node does, while sessions are ended on
another one, which makes the notifications. Times are from before that statement until a node has
its notification; octets are those of PostgreSQL\'s protocol, heartbeats included; memory is that
of the server\'s process of a node. What nodes do themselves is not among it.';
has columns => sub { [[rate => 'done'], [p50 => 'median, ms'], [p99 => '99 %, ms'],
    [max => 'longest, ms'], [kb => 'kB/s of a node'], [mb => 'MB of a node'],
    [cpu => 'processors of PostgreSQL']] };
has nodes   => sub ($self) { $self->by_scale(full => '3,30,100', quick => '3,30', smoke => '2') };
has logouts => sub ($self) {
    $self->by_scale(full => '10,100,1000', quick => '100', smoke => '20');
};
has postgresql => undef;

sub rounds ($self)  { 1 }
sub seconds ($self) { $self->by_scale(full => 10, quick => 5, smoke => 1) }

sub setup ($self) {
    my ($most) = sort { $b <=> $a } split /,/, $self->nodes;
    $self->postgresql(Test::Autoflow::PostgreSQL->new(dir => $self->dir . '/postgresql',
        options => ['autovacuum=off', 'max_connections=' . ($most + 20)])->start);
    $self->{made} = 0;
}

sub cases ($self) {
    my @rates = split /,/, $self->logouts;
    return map { my $nodes = $_;
        map { my $rate = $_;
            +{name => "$nodes $rate", label => "$nodes, $rate",
                run => sub ($seconds) { $self->logouts_at($nodes, $rate, $seconds) }} } @rates
    } split /,/, $self->nodes;
}

sub logouts_at ($self, $number, $rate, $seconds) {
    my $db    = $self->postgresql->connect;
    my $first = $self->{made} + 1;
    my $many  = $rate * $seconds;
    $self->{made} += $many;
    add_accounts($db, $first, $self->{made});
    add_sessions($db, $first, $self->{made});

    my $nodes  = Bench::Listeners->new(postgresql => $self->postgresql, number => $number)->start;
    my $server = $self->postgresql->process->pid;
    my $used   = family_seconds($server);
    my $end    = $db->prepare(q{UPDATE autoflow.sessions SET ended_at = now()
        WHERE id = ('00000000-0000-7000-8000-' || lpad(to_hex(?::bigint), 12, '0'))::uuid});
    my ($start, @sent) = (time);
    for my $n (0 .. $many - 1) {
        my $early = $start + $n / $rate - time;
        sleep $early if $early > 0;
        $sent[$n] = time;
        $end->execute($first + $n);
    }
    my $took = time - $start;
    $used = family_seconds($server) - $used;
    my ($got, $sum) = $nodes->stop($many);
    my @took;
    while (my ($n, $at) = splice @$got, 0, 2) {
        push @took, 1000 * ($at - $sent[$n - $first]) if $n >= $first;
    }
    die sprintf "%d of %d notifications arrived\n", scalar @took, $many * $number
        if @took != $many * $number;
    return {rate => $many / $took, p50 => percentile(50, @took), p99 => percentile(99, @took),
        max => percentile(100, @took), kb => $sum->{octets} / $number / $took / 1000,
        mb => $sum->{pss} / $number / 1e6, cpu => $used / $took};
}

sub end ($self) { $self->postgresql->stop('QUIT') if $self->postgresql }

1;
