# Several hosts: one that accepts connections and never responds is skipped.

use Mojo::Base -strict, -signatures;
use IO::Socket::UNIX;
use Test::Autoflow;
use Test::More;

my $t      = Test::Autoflow->new;
my $silent = $t->dir . '/silent';
mkdir $silent;
my $socket = IO::Socket::UNIX->new(Local => "$silent/.s.PGSQL.5432", Listen => 64) or die $!;
chmod 0777, "$silent/.s.PGSQL.5432";

my ($good) = $t->postgresql->url('autoflow_app') =~ /host=([^&]+)/;
my $conninfo = "host=$silent,$good dbname=autoflow user=autoflow_app connect_timeout=2";
$t->settings({autoflow_database => qq{"$conninfo" pool=1}});

$t->postgresql->start;
$t->start_nginx;
$t->wait_for(sub { $t->ua->get('/health')->res->code == 200 });
pass 'the second host is found';
my $ada = $t->register;
$t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200);

$t->finish;
done_testing;
