# PostgreSQL fails over, under Patroni: the leader is switched over, killed, frozen
# and cut off, while clients write and read.  What they are told is true, and they
# are told soon; nobody touches nginx.  docs/failover.md has how long it takes.
# AUTOFLOW_FAILOVER=1 gives Patroni the times that are its default.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::Autoflow::Patroni;
use Test::Autoflow::Promises;
use Test::More;
use Time::HiRes qw(sleep time);

if (my $lacks = Test::Autoflow::Patroni->lacks) { plan skip_all => $lacks }

my $slow    = $ENV{AUTOFLOW_FAILOVER};
my $timeout = 2;
my $t = Test::Autoflow->new(
    workers  => 2,
    patient  => 0,
    database => "timeout=${timeout}s",
    server   => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }',
);
my $patroni = Test::Autoflow::Patroni->new(dir => $t->dir . '/postgresql', mode => 'sync',
    $slow ? (timing => {ttl => 30, loop_wait => 10, retry_timeout => 10}) : ());
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure;
$t->postgresql($patroni)->start;

sub say_it (@lines) { $slow ? diag @lines : note @lines }

# Clients at work while $happens to the leader, until another one leads; $over is
# what brings the former one back.
sub event ($name, $happens, $over = sub ($leader) { }, %promises) {
    subtest $name => sub {
        my $promises = Test::Autoflow::Promises->new(t => $t, %promises)->start(3)->more(3);
        my $leader   = $patroni->leader;
        $t->db->disconnect;
        my $at = time;
        $happens->($leader, $promises);
        my $next = $patroni->succeeded($leader);
        my $led  = time - $at;
        $over->($leader);
        $patroni->ready;
        $t->ready;
        is_deeply [$promises->more(3)->stop], [], 'what was said is true';
        my $got = $promises->since($at);
        say_it(sprintf '%s, %s: another one leads after %.1f s', $name, $patroni->mode, $led);
        say_it(sprintf '  %s: %d of %d refused, until %.1f s; the longest took %.1f s', $_,
            @{$got->{$_}}{qw(refused sent until longest)}) for sort keys %$got;
        is $got->{app}{refused}, 0, 'nobody is refused at the door';
        cmp_ok $got->{$_}{longest}, '<', 4 * $timeout,
            "no $_ takes much longer than is configured" for qw(read write);
    };
}

event('switched over', sub ($leader, @) { $patroni->switch_over });

event('killed', sub ($leader, @) { $patroni->kill($leader) },
    sub ($leader) { $patroni->revive($leader) });

event('frozen', sub ($leader, @) { $patroni->freeze($leader) },
    sub ($leader) { $patroni->thaw($leader) });

event('cut off', sub ($leader, @) { $patroni->cut($leader) },
    sub ($leader) { $patroni->mend($leader) });

# A leader whose Patroni says nothing is succeeded, but isn't told.  It can't commit
# anything: the one standby that would have to confirm that leads itself.  But it is
# read from, beside the other one.
$patroni->in_mode('strict');
event('two leaders', sub ($leader, $promises) {
    my $other = 1 - $leader;
    $patroni->freeze_patroni($leader);
    $t->wait_for(sub { $patroni->leads($other) });
    ok $patroni->leads($leader), 'both lead';

    # from the first write on, as long as nginx waits for it
    my $waiting = q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'};
    my $db = $patroni->connect_to($leader);
    ok eval { $t->wait_for(sub { $db->selectrow_array($waiting) }) }, 'and cannot commit';
    $db->disconnect;
    $promises->more;
    $patroni->thaw_patroni($leader);
}, sub ($leader) { }, stale => 1);

subtest 'afterwards' => sub {
    my $pair = $t->register(email => 'after@failover.example');
    ok $t->wait_for(sub { $mails->to('after@failover.example') }), 'a mail is sent';
    $t->jobs_due('purge');
    ok $t->wait_for(sub {
        $t->db->selectrow_array(q{SELECT until > now() FROM autoflow.jobs WHERE name = 'purge'});
    }), 'jobs are done';
};

$t->finish;
done_testing;
