# The examples of docs/development.md, followed to the letter, build a module
# that serves them: an endpoint, and a dialect.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Mojo::File qw(curfile path);
use Mojo::JSON qw(true);
use Test::Autoflow::Guide;
use Test::More;

plan skip_all => 'under the sanitizers it is the same' if $ENV{AUTOFLOW_ASAN};

my $root = curfile->dirname->dirname->to_abs;
my $copy = File::Temp->newdir;
chmod 0755, $copy;

# with the existing objects: unchanged sources are not compiled again
chdir $root;
my @built = grep { -d } 'build/nginx-dev';
system(qw(cp -a --parents build.sh config sql src), @built, "$copy") == 0 or die;

my $guide  = Test::Autoflow::Guide->new('development.md');
my @blocks = map { $_->{text} } $guide->blocks(under => 'A new endpoint');
my ($statement, $route, $schema) = @blocks;
is scalar @blocks, 3, 'a statement, a route and a schema';
$guide->finish;

path($copy, 'sql/queries/auth/whoami.sql')->spurt($statement);
my $table = 'const af_route_t  af_account_routes[] = {';
my $file  = path($copy, 'src/api/account.c');
$file->spurt($file->slurp =~ s/\Q$table\E/$schema\n\n$table\n\n$route/r);

my $row = '    &autoflow_dialect,';
$file = path($copy, 'src/api/dialects.c');
$file->spurt($file->slurp =~ s/\Q$row\E/$row\n    &af_oauth_dialect,/r
    =~ s/^(#include.*)/$1\n\nextern const af_dialect_t  af_oauth_dialect;/mr);
path($root, 't/dialect/oauth.c')->copy_to(path($copy, 'src/api'));

delete local @ENV{qw(NGINX_SRC CC AUTOFLOW_COVERAGE)};
is system("$copy/build.sh build >$copy/log 2>&1"), 0, 'it compiles' or diag path($copy, 'log')
    ->slurp;

# the harness uses the module that is here when it is loaded
my $without = $ENV{AUTOFLOW_MODULE};
local $ENV{AUTOFLOW_MODULE} = "$copy/build/ngx_http_autoflow_module.so";
require Test::Autoflow;

my $t = Test::Autoflow->new(server => <<'END')->start;
location /oauth/ {
    autoflow_api oauth; client_max_body_size 0; autoflow_cors_origins https://a.example;
}
location /plain/ { autoflow_api / autoflow; }
END
my $ada = $t->register;

subtest 'an endpoint' => sub {
    $t->get_ok('/auth/whoami')->problem_is(401, 'token_required');
    $t->post_ok('/auth/whoami')->problem_is(405, 'method_not_allowed');
    $t->get_ok('/api/v1/auth/whoami' => $t->bearer($ada))->status_is(200)
        ->json_is('/id' => $ada->{user}{id})->json_like('/session' => qr/^[0-9a-f-]{36}$/);
};

subtest 'the OpenAPI document differs by that endpoint' => sub {
    my $with = $t->get_ok('/api/v1/openapi.json')->status_is(200)->tx->res->json;
    my $item = delete $with->{paths}{'/auth/whoami'};
    is $item->{get}{operationId}, 'getAuthWhoami', 'a path';
    is $item->{get}{summary}, 'Read whose token it is', 'with a summary';
    is_deeply [sort keys %{$item->{get}{responses}}], [200, 401, 429, 500, 503],
        'and responses';
    is_deeply delete($with->{components}{schemas}{WhoAmI}{required}), ['id', 'session'],
        'a schema';
    delete $with->{components}{schemas}{WhoAmI};
    my $plain = Test::Autoflow->new(module => $without)->start;
    is_deeply $plain->get_ok('/api/v1/openapi.json')->tx->res->json, $with, 'and nothing else';
    $plain->finish;
};

subtest 'a route selected by a query value' => sub {
    my %login = (username => $ada->{user}{email}, password => $ada->{password});
    my $token = sub ($grant, $form) {
        $t->post_ok("/oauth/token?$grant" => form => $form);
    };
    $token->('grant_type=password', {%login, password => 'wrong'})->status_is(401)
        ->content_type_is('application/json')
        ->json_is({error => 'invalid_credentials',
            error_description => 'The account or the password is wrong.'});
    $token->('x=1&grant_type=password', \%login)->status_is(200)->json_is('/token_type' => 'Bearer')
        ->json_hasnt('/user');
    my $pair = $t->tx->res->json;
    $token->('grant_type=refresh_token&x', {refresh_token => $pair->{refresh_token}})
        ->status_is(200)->json_has('/access_token');
    for my $grant ('', 'grant_type=passwor', 'grant_type=passwords', 'xgrant_type=password') {
        $token->($grant, \%login)->status_is(404)->json_is('/error' => 'not_found');
    }
    $t->get_ok('/oauth/token')->status_is(405)->header_is(Allow => 'POST, OPTIONS')
        ->json_is('/error' => 'method_not_allowed');
    $t->options_ok('/oauth/token')->status_is(204)->header_is(Allow => 'POST, OPTIONS');
    $t->options_ok('/oauth/token' => {Origin => 'https://a.example',
        'Access-Control-Request-Method' => 'POST'})
        ->status_is(204)->header_like('Access-Control-Allow-Methods' => qr/POST/);
    $t->post_ok('/oauth/token?grant_type=password' => json => {})->status_is(422)
        ->json_is('/error' => 'validation_failed');
    $t->get_ok('/oauth/auth/me' => $t->bearer($pair))->status_is(404);
    $t->get_ok('/plain/auth/me')->status_is(404);
};

subtest 'their document' => sub {
    my $document = $t->get_ok('/oauth/openapi.json')->status_is(200)->tx->res->json;
    is_deeply [sort keys %{$document->{paths}}],
        ['/', '/openapi.json', '/page', '/token', '/user'], 'the paths';
    my $token = $document->{paths}{'/token'}{post};
    is_deeply $token->{parameters}, [{name => 'grant_type', in => 'query', required => true,
        schema => {type => 'string', enum => ['password', 'refresh_token']}}], 'the selector';
    is_deeply [sort keys %{$token->{requestBody}{content}}],
        ['application/json', 'application/x-www-form-urlencoded'], 'a form or JSON';
    is_deeply [map { $_->{schema} } values %{$token->{requestBody}{content}}],
        [({anyOf => [map { {'$ref' => "#/components/schemas/${_}Grant"} }
            qw(Password Refresh)]}) x 2], 'of either';
    is_deeply $document->{components}{securitySchemes}{password}{flows}{password},
        {tokenUrl => '/oauth/token?grant_type=password', scopes => {}}, 'where tokens come from';
    is_deeply [sort keys %{$document->{components}{schemas}{Error}{properties}}],
        ['error', 'error_description'], 'problems of its own';
};

subtest 'an account, a page, a redirect' => sub {
    $t->get_ok('/oauth/user')->status_is(401)->json_is('/error' => 'token_required')
        ->header_like('WWW-Authenticate' => qr/^Bearer realm/);
    $t->db->do(q{CREATE OR REPLACE FUNCTION autoflow.user_as(dialect text, account autoflow.users)
        RETURNS json LANGUAGE sql VOLATILE PARALLEL SAFE RETURN CASE dialect
            WHEN 'autoflow' THEN autoflow.user_json(account)
            WHEN 'oauth' THEN json_build_object('sub', (account).id) END});
    $t->get_ok('/oauth/user' => $t->bearer($ada))->status_is(200)
        ->json_is({sub => $ada->{user}{id}});
    $t->get_ok('/auth/me' => $t->bearer($ada))->status_is(200)->json_is('/id' => $ada->{user}{id});
    $t->get_ok('/oauth/page')->status_is(200)->content_type_is('text/html; charset=utf-8')
        ->content_like(qr/<title>/)->header_is('X-Content-Type-Options' => 'nosniff');
    $t->get_ok('/oauth/')->status_is(303)->header_like(Location => qr{page$})->content_is('');
};

$t->finish;

done_testing;
