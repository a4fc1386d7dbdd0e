# Several hosts, or several addresses of a name: those that accept connections and
# never respond are passed over soon, whatever connect_timeout says.

use Mojo::Base -strict, -signatures;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Test::Autoflow;
use Test::Autoflow::Relay;
use Test::More;
use Time::HiRes qw(time);

my $t = Test::Autoflow->new(names => '127.0.0.2 127.0.0.3 127.0.0.1');

# which ones were asked, and say nothing
my @silent = map { $t->dir . "/silent$_" } 1, 2;
my %socket = map {
    mkdir $_;
    $_ => IO::Socket::UNIX->new(Local => "$_/.s.PGSQL.5432", Listen => 64, Blocking => 0) // die $!;
} @silent;
chmod 0777, map { "$_/.s.PGSQL.5432" } @silent;
sub asked { map { $socket{$_}->accept ? 1 : 0 } @silent }

my ($good) = $t->postgresql->start->url('autoflow_app') =~ /host=([^&]+)/;
sub use_hosts ($hosts, $more = '') {
    my $conninfo = "host=$hosts dbname=autoflow user=autoflow_app connect_timeout=60 $more";
    $t->settings({autoflow_database => qq{"$conninfo" pool=1}});
}

sub is_found ($name) {
    $t->start_nginx;
    ok $t->wait_for(sub { $t->ua->get('/health')->res->code == 200 }, 30), $name;
    my $ada = $t->register;
    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200);
    $t->stop;
}

use_hosts("$silent[0],$silent[1],$good", 'port=5432 target_session_attrs=read-write');
is_found('the third host is found');
is_deeply [asked()], [1, 1], 'each of the others was asked before';

use_hosts("$good,$silent[0]", 'port=5432,5432');
is_found('the first one is found');

use_hosts("$silent[0],$good", 'target_session_attrs=prefer-standby');
is_found('where there is no standby, the primary is taken');

# three addresses: behind the third one is the server
my $relay = Test::Autoflow::Relay->new(to => $t->postgresql->dir . '/.s.PGSQL.5432')->start;
my @frozen = map { IO::Socket::IP->new(LocalHost => "127.0.0.$_", LocalPort => $relay->port,
    Listen => 64, Blocking => 0) // die $@ } 2, 3;
sub frozen_asked { map { $_->accept ? 1 : 0 } @frozen }
sub tcp ($more = '') { 'port=' . $relay->port . " sslmode=disable gssencmode=disable $more" }

use_hosts('several.test', tcp());
is_found('of a name with several addresses the third one is found');
is_deeply [frozen_asked()], [1, 1], 'each of the others was asked before';
use_hosts("several.test,$silent[0]", tcp('target_session_attrs=prefer-standby'));
is_found('and that of one of several hosts, in the second round');
1 while grep { $_ } asked(), frozen_asked();
use_hosts("nowhere.invalid,several.test", tcp());
is_found('one that has no address is passed over');

sub says ($like, $name) {
    $t->start_nginx;
    ok $t->wait_for(sub { $t->error_log =~ /can't use the database: $like/ }), $name
        or diag $t->error_log;
    $t->stop;
}

use_hosts("$good,$silent[0]/none,$good", 'target_session_attrs=standby');
says(qr/.*server is not in hot standby mode; .*No such file.*; .*not in hot standby mode\n?/,
    'the log says why each of them will not do');
use_hosts('nowhere.invalid,unheard.invalid', tcp());
says(qr/"nowhere\.invalid" has no address: .*; "unheard\.invalid" has no address: .*/,
    'names without an address');
use_hosts("$good,$good", 'port=1,2,3');
says(qr/could not match 3 port numbers to 2 hosts/, 'lists that do not match');

use_hosts($good);
1 while grep { $_ } asked();
$t->settings->{autoflow_database_replica} = qq{"host=$silent[0] user=autoflow_app" pool=4};
$t->start_nginx;
sub silent_is_asked { $t->wait_for(sub { $socket{$silent[0]}->accept }, 30) }
my $silence = silent_is_asked();
my $asked   = time;
ok $silence, 'a silent replica is asked';
$t->get_ok('/auth/me' => $t->bearer($t->register))->status_is(200);
is_deeply [asked()], [0, 0], 'on one connection, whose thread is not the only one';
ok $t->wait_for(sub { $t->error_log =~ /autoflow replica: can't use the database: timed out/ }, 30),
    'the log says that it was silent';

my $silent = time - $asked;
$silence = silent_is_asked();
$asked = time;
delete $t->settings->{autoflow_database_replica};
my @old = $t->worker_pids;
$t->reload;
ok $t->wait_for(sub { !grep { kill 0, $_ } @old }, 30), 'a worker that is asking it can end';
cmp_ok time - $asked, '<', $silent / 2, 'and does not wait for it';
$t->finish;
done_testing;
