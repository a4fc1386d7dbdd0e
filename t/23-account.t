# GET /auth/me, /user/profile

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new->start;
my $ada = $t->register(username => 'ada');
my $eve = $t->register(username => 'eve');

my @paths = map { ("$_/auth/me", "$_/user/profile") } '/api/v1', '/api';

for my $path (@paths, '/auth/me') {
    $t->get_ok($path)->problem_is(401, 'token_required')
        ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"');
    $t->get_ok($path => $t->bearer($ada))->status_is(200)
        ->content_type_is('application/json')->json_is('' => $ada->{user});
    $t->get_ok($path => $t->bearer($eve))->json_is('/username' => 'eve');
}

subtest "the database's state, not the token's" => sub {
    $t->db->do(q{UPDATE autoflow.users SET full_name = 'Ada', username = 'lovelace'
                  WHERE username = 'ada'});
    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200)
        ->json_is('/full_name' => 'Ada')->json_is('/username' => 'lovelace');
};

subtest 'disabled and deleted accounts' => sub {
    $t->db->do("UPDATE autoflow.users SET $_ WHERE username = 'eve'"),
        $t->get_ok('/auth/me' => $t->bearer($eve))->status_is(401)
            ->header_like('WWW-Authenticate' => qr/^Bearer .*error="invalid_token"/)
        for 'is_active = false', 'deleted_at = now()';
};

subtest 'third-party tokens' => sub {
    my $claims = {sub => $ada->{user}{id}};
    $t->get_ok('/auth/me' => $t->bearer($t->token($claims)))
        ->problem_is(401, 'invalid_token', 'without sid and epoch');

    $claims = {%$claims, sid => $ada->{user}{id}, epoch => 0};
    $t->get_ok('/auth/me' => $t->bearer($t->token($claims)))->status_is(200);
    $t->get_ok('/auth/me' => $t->bearer($t->token({%$claims, @$_})))
        ->problem_is(401, 'invalid_token', "$_->[0]: " . ($_->[1] // 'none'))
        for [sub => 'ada'], [sub => undef], [sid => 'x'], [epoch => '0'],
        [epoch => undef], [sub => 7];
    $t->get_ok('/auth/me' => $t->bearer($t->token({%$claims, exp => time - 1})))
        ->problem_is(401, 'token_expired');
};

$t->finish;
done_testing;
