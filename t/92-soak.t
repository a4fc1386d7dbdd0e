# A soak: clients that do everything at random, at two nodes of one database, while
# workers, connections, PostgreSQL and the mail server come and go.  What a
# successful response has promised is there, what it has ended is refused, and in
# the end nothing is left over.  Here it takes some seconds; `./build.sh soak`
# goes on for minutes.  AUTOFLOW_SEED repeats what is chosen, but not when.

use Mojo::Base -strict, -signatures;
use List::Util qw(sum0);
use Mojo::File qw(path);
use Mojo::JSON qw(false);
use Test::Autoflow;
use Test::Autoflow::Daemon;
use Test::Autoflow::Load;
use Test::Autoflow::Mail;
use Test::Autoflow::Soak::AdminActions;
use Test::Autoflow::Soak::Client;
use Test::Autoflow::Soak::Faults;
use Test::Autoflow::Soak::Invariants;
use Test::Autoflow::Soak::Watch;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed    = $ENV{AUTOFLOW_SEED} // int rand 1e9;
my $minutes = $ENV{AUTOFLOW_SOAK_MINUTES};
my $clients = 4;
my $long    = $minutes ? 60 * $minutes : 8;
my %limits  = (sessions => 6);
sub say_it (@lines) { $minutes ? diag @lines : note @lines }
say_it "AUTOFLOW_SEED=$seed";
srand $seed;

sub node (%options) {
    return Test::Autoflow->new(
        workers  => 2,
        database => 'timeout=20s',
        allow    => ['worker process \d+ exited on signal 9'],
        server   => q{
            client_body_buffer_size 1k;
            access_log off;
            location /app/ {
                autoflow_auth on;
                proxy_pass http://echo;
                proxy_set_header X-User-Id $autoflow_user_id;
            }
            location /metrics { autoflow_metrics; }
        },
        %options,
    );
}

# the faults of processes are the first one's: the other keeps its workers
my $t     = node();
my @nodes = ($t, node(beside => $t));
my $smtp  = Test::Autoflow::Mail->new(dir => $t->dir);
$_->settings({
    autoflow_mail           => $smtp->url . ' from=auth@example.com',
    autoflow_mail_templates => "$Test::Autoflow::root/conf/mail",
    autoflow_link_base      => 'https://example.com',
    autoflow_access_ttl     => '5m',
    autoflow_refresh_grace  => '1m',
    autoflow_sessions       => "account=$limits{sessions}",
}) for @nodes;

$smtp->start;
$t->postgresql->options([qw(shared_buffers=64MB max_wal_size=256MB)]);
$t->postgresql->other($t->dir . '/standby') if $minutes;
$t->postgresql->start;
$t->db->do('INSERT INTO autoflow.roles (name) VALUES (?)', {}, $_)
    for @Test::Autoflow::Soak::AdminActions::roles;
my @daemons = map {
    my $daemon = Test::Autoflow::Daemon->new(t => $_)->start;
    $_->ready;
    $daemon;
} @nodes;

# those of nginx: each node listens by one, and does its jobs by another
sub backends { $t->db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'autoflow_app'}) }
my $backends = 16;
ok $t->wait_for(sub { backends() == $backends }), 'two nodes, each with eight connections';

my $faults = Test::Autoflow::Soak::Faults->new(t => $t, daemons => \@daemons, smtp => $smtp,
    every => $minutes ? 10 : 1.5);
$faults->follow($t->postgresql->other) if $minutes;
my $watch  = Test::Autoflow::Soak::Watch->new(dir => $t->dir, daemons => \@daemons,
    faults => $faults);
my %files  = map { $_ => Test::Autoflow::Soak::Watch::files_of($_) } $daemons[1]->workers;

# each in a process of its own
my $client;
my $load = Test::Autoflow::Load->start($clients,
    sub ($process, $round) {
        srand $seed + $process if $round == 1;
        $client //= Test::Autoflow::Soak::Client->new(nodes => \@nodes, dir => $t->dir,
            number => $process, smtp => $smtp, %limits)->begin;
        $client->round;
        return 'done';
    },
    sub ($process) { $client->end });
$load->each_done;
$load->each_done;

my ($end, $minute) = (time + $long, time + 60);
while (time < $end) {
    $faults->pass;
    if (time > $minute) {
        say_it $watch->line;
        $minute += 60;
    }
    sleep 0.05;
}
$faults->over;
my $count = $load->stop;
ok eval { $t->wait_for(sub { backends() == $backends }) }, 'all connections are there again'
    or diag explain $t->db->selectall_arrayref('SELECT application_name, state, query
        FROM pg_stat_activity');

# superusers who demote them all, at once
my @superusers = map { $t->superuser($t->register) } 1 .. 2;
my $ids = $t->db->selectcol_arrayref('SELECT id FROM autoflow.users WHERE is_superuser');
$t->at_once(map { my $id = $_; map { [PUT => $t->url("/auth/users/$id/superuser"),
    $t->bearer($_) => json => {is_superuser => false}] } @superusers } @$ids);

my $invariants = Test::Autoflow::Soak::Invariants->new(t => $t, nodes => \@nodes, smtp => $smtp,
    faults => $faults, %limits);
ok $invariants->mails_are_sent, 'all mails are sent';
my $broken = path($t->dir, 'broken');
is -e $broken ? $broken->slurp : '', '', 'every promise was kept';
is_deeply [grep { $_ ne 'done' } keys %$count], [], 'no client has failed' or diag explain $count;
is_deeply [$invariants->violated], [], 'what must always be so is so';

say_it $watch->summary;

# what each kind of request has needed for the first time, it has by now
cmp_ok $watch->slope, '<', 10e6, 'no memory is lost: less than 10 MB in an hour'
    if ($minutes // 0) >= 20 && !$ENV{AUTOFLOW_ASAN};

# when it is quiet, every descriptor is given back
$smtp->stop;

# libcurl keeps three for a mail server; the node's own connections to the database
# may be another worker's than at first
my $most = sum0(values %files) + 3 * keys %files;
ok eval { $t->wait_for(sub {
    sum0(map { Test::Autoflow::Soak::Watch::files_of($_) } keys %files) <= $most;
}) }, 'no descriptor is left open'
    or diag explain \%files, {map { $_ => [Test::Autoflow::Process::files_of($_)] } keys %files};
is_deeply [sort $daemons[1]->workers], [sort keys %files], 'the steady workers have lived';

$_->end($_->master) for @daemons;
for my $node (@nodes) {
    my $killed = $node == $t ? @{$faults->killed} : 0;
    my @signals = $node->error_log =~ /exited on signal (\d+)/g;
    is_deeply \@signals, [(9) x $killed], 'only those workers were killed that had to be';
}
$nodes[1]->finish;
$t->finish;
$faults->standby->stop('QUIT') if $faults->standby;
diag "AUTOFLOW_SEED=$seed" if !Test::More->builder->is_passing;
done_testing;
