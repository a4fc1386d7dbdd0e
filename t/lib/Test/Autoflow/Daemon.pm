package Test::Autoflow::Daemon;

# A test's nginx as a daemon, whose binary can be replaced: only such a master
# handles WINCH.
#
#     my $daemon = Test::Autoflow::Daemon->new(t => $t)->start;
#     my $old    = $daemon->master;
#     my $new    = $daemon->upgrade;      # both serve
#     $daemon->retire($old)->end($old);
#     $daemon->end($new);

use Mojo::Base -base, -signatures;

use Mojo::File qw(path);
use Test::Autoflow::Process;

has 't';
has 'watch';      # as long as this is open, the daemon runs

# It is not our child and would outlive us: a process waits for our end, to kill
# it if necessary.
sub start ($self) {
    my $t = $self->t;
    $t->main($t->main
        . join '', map { "env $_;\n" } qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS));
    $t->write_conf;
    my @command = $t->command;
    system('sh', '-c', 'log=$1; shift; exec "$@" 2>>"$log"', 'sh', $t->dir . '/stderr',
        @command[0 .. $#command - 1], 'daemon on;') == 0 or die 'nginx did not start';

    $t->wait_for(sub { $self->master });
    my $session = Test::Autoflow::Process->new(pid => $self->master, status => 0);
    $t->process($session);

    pipe my $read, my $write or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        close $write;
        sysread $read, my $nothing, 1;
        kill 'KILL', $session->processes;
        POSIX::_exit(0);
    }
    return $self->watch($write);
}

# by its file
sub master ($self, $file = 'nginx.pid') {
    return eval { path($self->t->dir, $file)->slurp =~ s/\s//gr } || 0;
}

sub masters ($self) {
    my %all = map { $_ => 1 } $self->t->process->processes;
    return grep { Test::Autoflow::Process::children_of($_)
        || !$all{(Test::Autoflow::Process::stat_of($_))[1]} } keys %all;
}

# of the current master, or another one
sub workers ($self, $master = $self->master) {
    my %masters = map { $_ => 1 } $self->masters;
    return grep { !$masters{$_} } Test::Autoflow::Process::children_of($master);
}

# begins to: returns the new master, when it has written its file
sub begin ($self) {
    my $old = $self->master;
    my $new;
    kill 'USR2', $old;
    $self->t->wait_for(sub { ($new = $self->master) && $new != $old });
    return $new;
}

# likewise, when its workers have connected, too
sub upgrade ($self) {
    my $t      = $self->t;
    my $before = $t->connections;
    my $new    = $self->begin;
    $t->wait_for(sub { $self->workers($new) == $t->workers
        && $t->connections == $before + 2 * $t->workers });
    return $new;
}

# new workers instead of the current master's
sub reload ($self) {
    my %old = map { $_ => 1 } $self->workers;
    kill 'HUP', $self->master;
    $self->t->wait_for(sub {
        my @now = $self->workers;
        return @now == $self->t->workers && !grep { $old{$_} } @now;
    });
    return $self;
}

# has its workers end
sub retire ($self, $master) {
    kill 'WINCH', $master;
    $self->t->wait_for(sub { !$self->workers($master) });
    return $self;
}

# and starts them again
sub revive ($self, $master) {
    kill 'HUP', $master;
    $self->t->wait_for(sub { $self->workers($master) == $self->t->workers });
    return $self;
}

# and the one that is left, if any, has the file, which it renames a moment later
sub end ($self, $master) {
    kill 'QUIT', $master;
    $self->t->wait_for(sub {
        my @masters = $self->masters;
        return !grep { $_ == $master || $_ != $self->master } @masters;
    });
    return $self;
}

1;
