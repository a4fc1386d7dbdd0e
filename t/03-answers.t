# The check of all responses that tests get finds faults.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(encode_json false true);
use Mojo::Message::Response;
use Test::Autoflow;
use Test::More;

my $routes = Test::Autoflow->new->routes;

sub answer ($status, $json = undef, %headers) {
    my $res = Mojo::Message::Response->new(code => $status);
    my %all = ('Cache-Control' => 'no-store', 'X-Request-ID' => 'r', %headers);
    $all{'Content-Type'} //= 'application/json' if defined $json;
    $res->headers->header($_ => $all{$_}) for grep { defined $all{$_} } keys %all;
    return $res->body(ref $json ? encode_json($json) : $json // '');
}

sub wrong_is ($request, $res, @expected) {
    my ($method, $path) = split / /, $request;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_deeply [$routes->wrong($method, $path, $res)], \@expected, $expected[0] // 'right';
}

my $id   = '01a1fe0b-f87f-7680-8fe3-ceb96780edf1';
my $time = '2026-11-21T12:19:19.805846Z';
my %role = (id => $id, name => 'editor', description => undef, created_at => $time);
my %list = (data => [\%role], total => 1, page => 1, size => 10, pages => 1, next => undef);

subtest 'responses' => sub {
    my $role = sub ($change, @expected) {
        my %other = (%role, %$change);
        wrong_is("GET /api/v1/auth/roles/$id", answer(200, \%other), @expected);
    };
    $role->({});
    $role->({description => 'x'});
    $role->({id => undef}, 'id is null');
    $role->({id => 'x'}, 'id is "x"');
    $role->({id => uc $id}, "id is \"@{[uc $id]}\"");
    $role->({name => 1}, 'name is not of the type string');
    $role->({name => 'A b'}, 'name is "A b"');
    $role->({name => ''}, 'name is out of bounds');
    $role->({name => 'x' x 101}, 'name is out of bounds');
    $role->({description => []}, 'description is not of the type string');
    $role->({created_at => '2026-11-21T12:19:19Z'}, 'created_at is "2026-11-21T12:19:19Z"');
    $role->({secret => 1}, 'secret is unknown');
    wrong_is('GET /auth/roles/x', answer(200, {%role{qw(id name description)}}),
        'created_at is missing');
    wrong_is('GET /auth/roles/x', answer(200, [\%role]), 'it is not an object');
    wrong_is('GET /auth/roles/x', answer(200, '{'), 'it is null');
    wrong_is('GET /auth/roles/x', answer(201, \%role), 'it has no response 201');
    wrong_is('DELETE /auth/roles/x', answer(204));
    wrong_is('DELETE /auth/roles/x', answer(204, {}), 'it has a body');
    wrong_is('HEAD /auth/roles/x', answer(200));
};

subtest 'nested values' => sub {
    my $list = sub ($change, @expected) {
        wrong_is('GET /auth/roles', answer(200, {%list, %$change}), @expected);
    };
    $list->({});
    $list->({total_capped => true});
    $list->({total_capped => 1}, 'total_capped is not of the type boolean');
    $list->({total => '1'}, 'total is not of the type integer');
    $list->({total => 1.5}, 'total is not of the type integer');
    $list->({size => undef}, 'size is null');
    $list->({data => {}}, 'data is not of the type array');
    $list->({data => [1]}, 'data.0 is not an object');
    $list->({data => [\%role, {%role, id => false}]}, 'data.1.id is not of the type string');
    wrong_is('GET /users/x/roles', answer(200, {roles => ['a', 1]}),
        'roles.1 is not of the type string');
    wrong_is('GET /users/x/roles', answer(200, {roles => [('a') x 33]}), 'roles is out of bounds');
    wrong_is('GET /db-test', answer(200, {database => 'ok', latency_ms => $_})) for 1, 0.5;
};

subtest 'any mount' => sub {
    wrong_is("GET $_", answer(200, \%list))
        for '/auth/roles', '/auth/roles/', '/api/v1/auth/roles', '/a/b/auth/roles/';
    wrong_is('GET /nowhere', answer(200, \%list), "it isn't of any route");
    wrong_is('POST /db-test', answer(200, {}), "it isn't of any route");
    wrong_is('GET /nowhere', answer(204));
    wrong_is('GET /nowhere', answer(200, \%list, $_ => undef))
        for qw(Cache-Control X-Request-ID);
};

subtest 'problems' => sub {
    my %problem = (type => 'about:blank', title => 'Not Found', status => 404, status_code => 404,
        code => 'not_found', detail => 'x', request_id => 'r');
    my %error = (field => 'a', code => 'b', message => 'c');
    my $is = sub ($status, $change, @expected) {
        my %other = (%problem, status => $status, status_code => $status, %$change);
        delete @other{grep { !defined $other{$_} } keys %other};
        wrong_is('GET /nowhere',
            answer($status, \%other, 'Content-Type' => 'application/problem+json'), @expected);
    };
    $is->(404, {});
    $is->(404, {code => 'forbidden'}, '404 has no code forbidden');
    $is->(403, {code => 'forbidden'});
    $is->(404, {title => undef}, 'title is missing');
    $is->(404, {detail => ''}, 'detail is empty');
    $is->(404, {status => 400}, 'status is not 404');
    $is->(404, {status_code => '404'}, 'status_code is not of the type integer');
    $is->(404, {request_id => 's'}, 'request_id is not r');
    $is->(404, {type => 'about:'}, 'type is not about:blank');
    $is->(404, {more => 1}, 'more is unknown');
    $is->(404, {errors => [\%error]}, 'errors are only for a 422');
    $is->(422, {code => 'validation_failed', errors => [\%error]});
    $is->(422, {code => 'validation_failed'}, 'errors are missing');
    $is->(422, {code => 'validation_failed', errors => []}, 'errors are missing');
    $is->(422, {code => 'too_deep', errors => [{%error, code => 1}]},
        'errors.0.code is not of the type string');
};

done_testing;
