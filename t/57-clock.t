# A database whose date is an hour ahead for a while: what has ended remains so, and
# what lives goes on, at nodes that are connected to it.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(server => <<~'END');
    location /app/ { autoflow_auth on; proxy_pass http://echo; }
    END
my $date = path($t->dir, 'date');
$date->spurt(pack 'qq', 0, 0);
# it has mapped the file, which must keep its length
sub ahead ($seconds) { syswrite $date->open('+<'), pack 'qq', 0, 1e9 * $seconds }
my $postgresql = $t->postgresql;
$postgresql->environment(['LD_PRELOAD=' . $t->library('clock')->dir . '/clock.so',
    "AUTOFLOW_CLOCK=$date"]);
$t->start;

sub login ($account) {
    return $t->post_ok('/auth/login' => json => {email => $account->{user}{email},
        password => $account->{password}})->status_is(200)->tx->res->json;
}
sub logout ($pair) { $t->post_ok('/auth/logout' => $t->bearer($pair))->status_is(204) }
sub next_of ($pair) {
    return $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(200)->tx->res->json;
}
sub lives ($pair, $name) {
    $t->get_ok($_ => $t->bearer($pair))->status_is(200, "$name: $_") for '/auth/me', '/app/';
    return next_of($pair);
}
sub ended ($pair, $name) {
    $t->get_ok($_ => $t->bearer($pair))->status_is(401, "$name: $_") for '/auth/me', '/app/';
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(401, "$name: its refresh token");
}
sub hours { $t->db->selectrow_array('SELECT round(extract(epoch FROM now()) / 3600
    - $1 / 3600.0)', {}, time) }

my $ada = $t->register(email => 'ada@example.com');
my ($old, $gone) = (login($ada), login($ada));
logout($gone);

ahead(3600);
is hours(), 1, 'the database is ahead';
$old = lives($old, 'a session of before');
ended($gone, 'what had ended before');
my ($new, $left) = (login($ada), login($ada));
$new = lives($new, 'a session of meanwhile');
logout($left);
ended($left, 'what ends meanwhile');

ahead(0);
is hours(), 0, 'and no longer';
$old = lives($old, 'a session of before');
$new = lives($new, 'a session of meanwhile');
ended($gone, 'what had ended before');
ended($left, 'what has ended meanwhile');
logout($new);
ended($new, 'what began meanwhile');
logout($old);
ended($old, 'what has lived through it');

$t->finish;
done_testing;
