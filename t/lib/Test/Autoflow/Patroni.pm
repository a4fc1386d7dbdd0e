package Test::Autoflow::Patroni;

# PostgreSQL that fails over: several servers, each looked after by a Patroni, with
# an etcd.  It takes the place of Test::Autoflow::PostgreSQL:
#
#     my $patroni = Test::Autoflow::Patroni->new(dir => "$dir/postgresql");
#     my $t = Test::Autoflow->new(postgresql => $patroni)->start;
#     $patroni->kill($patroni->leader);     # … ->revive($n)
#     $patroni->freeze($n);                 # … ->thaw($n)
#     $patroni->cut($n);                    # … ->mend($n)
#
# Whoever connects to a server, or a Patroni to etcd, does so by a relay.

use Mojo::Base 'Test::Autoflow::PostgreSQL', -signatures;

use Carp qw(croak);
use DBI;
use List::Util qw(first);
use Mojo::File qw(path);
use Mojo::JSON qw(encode_json false true);
use Mojo::UserAgent;
use POSIX ();
use Test::Autoflow::Process;
use Test::Autoflow::Relay;
use Test::Autoflow::Wait qw(wait_until);

has number  => 2;
has timing  => sub { {ttl => 5, loop_wait => 1, retry_timeout => 2} };      # in seconds
has mode    => 'async';          # or sync, strict
has nodes   => sub { [] };       # {port, rest, door, etcd, data, patroni, away}
has etcd    => undef;            # its port
has watch   => undef;            # {pid, pipe}: as long as this is open, all of it runs
has options => sub {
    return {fsync => 'off', shared_buffers => '16MB', max_connections => 60, wal_log_hints => 'on'};
};

my %modes = (
    async  => {synchronous_mode => false, synchronous_mode_strict => false},
    sync   => {synchronous_mode => true,  synchronous_mode_strict => false},
    strict => {synchronous_mode => true,  synchronous_mode_strict => true},
);
my @user = $> == 0 ? qw(setpriv --reuid=postgres --regid=postgres --init-groups) : ();
my $bin  = (sort { $a <=> $b } map { m{(\d+)/bin} } glob '/usr/lib/postgresql/*/bin')[-1];

# why not here, if so
sub lacks ($class) {
    my @missing = grep { my $command = $_; !grep { -x "$_/$command" } split /:/, $ENV{PATH} }
        qw(patroni patronictl etcd);
    return @missing ? "@missing: not installed" : undef;
}

sub start ($self) {
    my $dir = path($self->dir)->make_path;
    system('chown', 'postgres:', $dir, $self->data) if @user;
    $self->start_etcd;
    for my $n (0 .. $self->number - 1) {
        my $port = Test::Autoflow::free_port();
        push @{$self->nodes}, {
            port => $port, rest => Test::Autoflow::free_port(),
            data => path($self->data, $n),
            door => Test::Autoflow::Relay->new(to => "127.0.0.1:$port")->start,
            etcd => Test::Autoflow::Relay->new(to => '127.0.0.1:' . $self->etcd)->start,
        };
        path($dir, "$n.json")->spurt(encode_json($self->settings($n)));
    }
    my $first = $self->nodes->[0]{data};
    system('cp', '-a', '--reflink=auto', $self->template, $first) == 0 or croak "can't copy";
    $self->watch_over;

    $self->revive(0);
    wait_until(sub { $self->leads(0) }) or croak 'no leader: ' . $self->said;
    $self->configure(%{$self->timing}, %{$modes{$self->mode}});
    $self->revive($_) for 1 .. $self->number - 1;
    return $self->ready;
}

sub start_etcd ($self) {
    my ($port, $peers) = map { Test::Autoflow::free_port() } 1, 2;
    my ($clients, $others) = map { "http://127.0.0.1:$_" } $port, $peers;
    my $health = sub { Mojo::UserAgent->new->get("$clients/health")->res->body =~ /true/ };
    $self->process(Test::Autoflow::Process->new(log => $self->dir . '/etcd.log', command => [
        'setpriv', '--pdeathsig', 'TERM', @user[1 .. $#user],
        'etcd', '--data-dir', $self->data . '/etcd', '--log-level', 'warn', '--enable-v2',
        '--listen-client-urls', $clients, '--advertise-client-urls', $clients,
        '--listen-peer-urls', $others, '--initial-advertise-peer-urls', $others,
        '--initial-cluster', "default=$others",
    ])->start->serves($health));
    return $self->etcd($port);
}

# For node $n; JSON is YAML.  By etcd's API of version 3, Patroni before 3.0.3 may take
# the lead back when it was frozen, and what was committed meanwhile is lost.
sub settings ($self, $n) {
    my $node = $self->nodes->[$n];
    my $dir  = $self->dir;
    my $peer = {map { $_ => {username => 'postgres'} } qw(superuser replication rewind)};
    return {
        scope => 'autoflow', name => "node$n",
        restapi => {map { $_ => "127.0.0.1:$node->{rest}" } qw(listen connect_address)},
        etcd    => {hosts => '127.0.0.1:' . $node->{etcd}->port, use_proxies => true},
        bootstrap  => {dcs => $self->timing},
        postgresql => {
            listen          => "127.0.0.1:$node->{port}",
            connect_address => '127.0.0.1:' . $node->{door}->port,
            data_dir        => "$node->{data}", bin_dir => "/usr/lib/postgresql/$bin/bin",
            pgpass          => "$dir/pgpass$n", authentication => $peer, use_unix_socket => true,
            database        => 'autoflow',
            use_pg_rewind   => true,
            parameters      => {unix_socket_directories => $dir, %{$self->options}},
            basebackup      => [{checkpoint => 'fast'}, 'no-sync'],
            pg_hba => ['local all all peer map=autoflow',
                map { "host $_ all 127.0.0.0/8 trust" } qw(all replication)],
        },
    };
}

sub rest ($self, $method, $path, @body) {
    my $node = first { !$_->{away} } @{$self->nodes};
    return Mojo::UserAgent->new->$method("http://127.0.0.1:$node->{rest}$path", @body)->res;
}

# Patroni's own, at run time
sub configure ($self, %settings) {
    wait_until(sub {
        ($self->rest(patch => '/config', json => \%settings)->code // 0) == 200;
    }) or croak 'Patroni refuses settings: ' . $self->said;
    return $self;
}

# all servers follow the leader, one of them synchronously if need be, as etcd knows
sub ready ($self) {
    wait_until(sub {
        my $db = eval { $self->connect('postgres') } or return;
        my $synced = grep { $_->{role} eq 'sync_standby' }
            @{($self->rest(get => '/cluster')->json // {})->{members} // []};
        return $synced == ($self->mode ne 'async') && $self->number - 1 == $db->selectrow_array(
            q{SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'});
    }, 40) or croak "the servers don't follow: " . $self->said;
    return $self;
}

sub in_mode ($self, $mode) { $self->mode($mode)->configure(%{$modes{$mode}})->ready }

# the ends of their logs
sub said ($self) {
    return join "\n", map { (split /\n/, path($_)->slurp)[-12 .. -1] }
        glob $self->dir . '/patroni*.log';
}


# Who connects

sub ports ($self) { join ',', map { $_->{door}->port } @{$self->nodes} }
sub hosts ($self) { join ',', ('127.0.0.1') x $self->number }

sub url ($self, $role) {
    my $hosts = join ',', map { '127.0.0.1:' . $_->{door}->port } @{$self->nodes};
    return "postgresql://$hosts/autoflow?user=$role&target_session_attrs=read-write"
        . '&sslmode=disable&gssencmode=disable';
}

sub dsn ($self, $role) {
    return sprintf 'dbi:Pg:dbname=autoflow;host=%s;port=%s;user=%s;target_session_attrs=%s;%s',
        $self->hosts, $self->ports, $role, 'read-write', 'connect_timeout=2;sslmode=disable';
}

# to one server, past its relay; undef: it isn't there
sub connect_to ($self, $n, $role = 'postgres') {
    my $port = $self->nodes->[$n]{port};
    return DBI->connect("dbi:Pg:dbname=autoflow;host=127.0.0.1;port=$port;user=$role;"
        . 'connect_timeout=2', '', '', {PrintError => 0, AutoInactiveDestroy => 1});
}

sub leads ($self, $n) {
    my $db = $self->connect_to($n) or return 0;
    return $db->selectrow_array('SELECT NOT pg_is_in_recovery()') // 0;
}

# the only one
sub leader ($self) {
    my @leaders = grep { !$self->nodes->[$_]{away} && $self->leads($_) } 0 .. $self->number - 1;
    return @leaders == 1 ? $leaders[0] : undef;
}

# waits until another one leads than $n
sub succeeded ($self, $n) {
    my $leader;
    wait_until(sub { defined($leader = $self->leader) && $leader != $n }, 40)
        or croak "nobody succeeds $n: " . $self->said;
    return $leader;
}


# What happens

sub revive ($self, $n) {
    my $node = $self->nodes->[$n];
    $node->{away}    = 0;
    $node->{patroni} = Test::Autoflow::Process->new(log => $self->dir . "/patroni$n.log",
        command => [@user, 'patroni', $self->dir . "/$n.json"])->start;
    return $self;
}

# Patroni and the servers, which have sessions of their own: Patroni may have lost one
sub processes ($self, $n) {
    my $node    = $self->nodes->[$n];
    my @running = Test::Autoflow::Process::all_pids();
    my $server  = qr{/postgres\0-D\0\Q$node->{data}\E\0};
    my @servers = grep { Test::Autoflow::Process::title_of($_) =~ $server } @running;
    return ((grep { $node->{patroni} && $_ == $node->{patroni}->pid } @running),
        map { ($_, Test::Autoflow::Process::children_of($_)) } @servers);
}

sub signal ($self, $signal, $n, $away) {
    $self->nodes->[$n]{away} = $away;
    CORE::kill $signal, $self->processes($n);
    return $self;
}

sub freeze ($self, $n) { $self->signal(STOP => $n, 1) }
sub thaw   ($self, $n) { $self->signal(CONT => $n, 0) }

sub kill ($self, $n) {
    $self->signal(KILL => $n, 1);
    $self->nodes->[$n]{patroni}->ended;
    return $self;
}

# only Patroni: nobody tells the server that it isn't the leader any more
sub freeze_patroni ($self, $n) { CORE::kill STOP => $self->nodes->[$n]{patroni}->pid; return $self }
sub thaw_patroni   ($self, $n) { CORE::kill CONT => $self->nodes->[$n]{patroni}->pid; return $self }

# no cable leads to it, nor from its Patroni to etcd
sub cut ($self, $n) {
    my $node = $self->nodes->[$n];
    $node->{away} = 1;
    $node->{$_}->cut for qw(door etcd);
    return $self;
}

sub mend ($self, $n) {
    my $node = $self->nodes->[$n];
    $node->{away} = 0;
    $node->{$_}->mend for qw(door etcd);
    return $self;
}

# as an administrator would
sub switch_over ($self) {
    my $leader = $self->leader;
    my $output = `patronictl -c @{[$self->dir]}/0.json switchover --leader node$leader \\
        --force autoflow 2>&1`;
    $? == 0 or croak "patronictl: $output";
    return $self->succeeded($leader);
}


# The end

# however the test ends: a process waits for that
sub watch_over ($self) {
    pipe my $read, my $write or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        $SIG{$_} = 'IGNORE' for qw(INT TERM HUP);
        CORE::close $write;
        sysread $read, my $nothing, 1;
        $self->end_all;
        POSIX::_exit(0);
    }
    return $self->watch({pid => $pid, pipe => $write});
}

sub end_all ($self) {
    my $dir = $self->dir;
    CORE::kill KILL => grep { Test::Autoflow::Process::title_of($_) =~ m{\bpatroni\0\Q$dir/} }
        Test::Autoflow::Process::all_pids();
    CORE::kill KILL => $self->processes($_) for 0 .. $self->number - 1;
    return;
}

sub stop ($self, @) {
    $self->end_all;
    my $watch = $self->watch or return $self;
    CORE::close $watch->{pipe};
    waitpid $watch->{pid}, 0;
    $_->{patroni} && $_->{patroni}->ended for @{$self->nodes};
    $self->process->signal('KILL')->ended if $self->process && $self->process->running;
    return $self->watch(undef);
}

sub DESTROY ($self) {
    return if !$self->watch;
    local $?;
    $self->stop;
}

1;
