# A database whose date is an hour off for a while: what has ended remains so at all
# nodes, also at one that connects meanwhile; what lives goes on; and what was proved
# is no more recent than it is.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(b64_decode);
use Test::Autoflow;
use Test::More;

my %common = (server => <<~'END');
    location /app/ { autoflow_auth on; proxy_pass http://echo; }
    location /fresh/ { autoflow_auth on; autoflow_require fresh=10m; proxy_pass http://echo; }
    END
my $t = Test::Autoflow->new(%common);
my $date = path($t->dir, 'date');
$date->spurt(pack 'qq', 0, 0);
# it has mapped the file, which must keep its length
sub ahead ($seconds) { syswrite $date->open('+<'), pack 'qq', 0, 1e9 * $seconds }
my $postgresql = $t->postgresql;
$postgresql->environment(['LD_PRELOAD=' . $t->library('clock')->dir . '/clock.so',
    "AUTOFLOW_CLOCK=$date"]);
$t->start;
sub node { Test::Autoflow->new(%common, beside => $t, settings => {%{$t->settings}})->start }
my @nodes = ($t, node());

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
    for my $node (@nodes) {
        $node->get_ok($_ => $t->bearer($pair))->status_is(200, "$name: $_")
            for '/auth/me', '/app/';
    }
    return next_of($pair);
}
sub ended ($pair, $name) {
    for my $node (@nodes) {
        ok $t->wait_for(sub { $node->ua->get('/app/' => $t->bearer($pair))->res->code == 401 }),
            "$name: /app/";
        $node->get_ok('/auth/me' => $t->bearer($pair))->status_is(401, "$name: /auth/me");
    }
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(401, "$name: its refresh token");
}
sub claims ($pair) {
    return decode_json(b64_decode((split /\./, $pair->{access_token})[1] =~ tr{-_}{+/}r));
}
sub proved ($pair) { claims($pair)->{auth_time} }
# since then, whenever that was
sub proved_since ($since, $pair, $name) {
    my $at = proved($pair);
    cmp_ok $at, '>=', $since, "$name: when it was proved";
    cmp_ok $at, '<=', time, "$name: not in the future";
    $t->get_ok('/fresh/' => $t->bearer($pair))->status_is(200, "$name: is fresh");
    return $at;
}
sub hours { $t->db->selectrow_array('SELECT round(extract(epoch FROM now()) / 3600
    - $1 / 3600.0)', {}, time) }

my $ada = $t->register(email => 'ada@example.com');
my ($old, $gone, $kept, $last) = map { login($ada) } 1 .. 4;
logout($gone);

ahead(3600);
is hours(), 1, 'the database is ahead';
push @nodes, node();
ended($gone, 'what had ended before');
logout($kept);
ended($kept, 'what is from before and ends meanwhile');
$old = lives($old, 'a session of before');
my $since = int time;
my ($new, $left) = (login($ada), login($ada));
my $proved = proved_since($since, $new, 'a session of meanwhile');
$new = lives($new, 'a session of meanwhile');
is proved($new), $proved, 'a refresh proves nothing';
my $again = $t->post_ok('/auth/reauth' => $t->bearer($old)
    => json => {current_password => $ada->{password}})->status_is(200)->tx->res->json;
proved_since($since, $again, 'a proof of meanwhile');
logout($left);
ended($left, 'what ends meanwhile');

# by a row that the database has written with its own time, as the previous version did
my $odd = login($ada);
$t->db->do('UPDATE autoflow.sessions SET authenticated_at = now() WHERE id = ?', {},
    claims($odd)->{sid});
$odd = next_of($odd);
is proved($odd), 0, 'a proof of the future, as nodes know';
$t->get_ok('/fresh/' => $t->bearer($odd))->status_is(401, 'is not fresh');

ahead(0);
is hours(), 0, 'and no longer';
$old = lives($old, 'a session of before');
$new = lives($new, 'a session of meanwhile');
is proved($new), $proved, 'and a refresh still proves nothing';
ended($gone, 'what had ended before');
ended($left, 'what has ended meanwhile');
logout($new);
ended($new, 'what began meanwhile');
logout($old);
ended($old, 'what has lived through it');

ahead(-3600);
is hours(), -1, 'the database is behind';
my ($early, $renewed, $proved_then) = map { login($ada) } 1 .. 3;
# these were opened an hour ago
$t->db->do(q{UPDATE autoflow.sessions
    SET access_expires_at = access_expires_at - interval '1 hour' WHERE id = ANY (?)}, {},
    [map { claims($_)->{sid} } $renewed, $proved_then]);
$renewed = next_of($renewed);
$proved_then = {%$proved_then, %{$t->post_ok('/auth/reauth' => $t->bearer($proved_then)
    => json => {current_password => $ada->{password}})->status_is(200)->tx->res->json}};
lives(login($ada), 'a session of meanwhile');

ahead(0);
is hours(), 0, 'and no longer';
push @nodes, node();
my @all = ([$early, 'what began meanwhile'], [$renewed, 'what was refreshed meanwhile'],
    [$proved_then, 'what was proved meanwhile'], [$last, 'what has lived through all of it']);
logout($_->[0]) for @all;
push @nodes, node();     # it knows only revocations that are not over
ended(@$_) for @all;

$_->finish for reverse @nodes;
done_testing;
