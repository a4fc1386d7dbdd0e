# Roles: created, assigned, in tokens, in autoflow_require, removed again.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url);
use Mojo::JSON qw(decode_json true);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 2, server => <<'END')->start;
location /app/ {
    autoflow_auth on; proxy_pass http://echo; proxy_set_header X-User-Roles $autoflow_roles;
}
location /desk/ { autoflow_auth on; autoflow_require role=editor|admin; proxy_pass http://echo; }
END
my $good = 'correct horse battery staple';

sub login ($account) {
    $t->post_ok('/auth/login' => json => {email => $account->{user}{email}, password => $good})
        ->status_is(200);
    return {%{$t->tx->res->json}, user => $account->{user}};
}

sub refresh ($pair) {
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(200);
    return $t->tx->res->json;
}

sub claims ($pair) { decode_json(decode_base64url((split /\./, $pair->{access_token})[1])) }

sub path ($account) { "/auth/users/$account->{user}{id}/roles" }

my $root = $t->register(email => 'root@example.com');
$t->db->do('UPDATE autoflow.users SET is_superuser = true');
$root = login($root);
my $as_root = $t->bearer($root);

sub role ($name, %fields) {
    $t->post_ok('/auth/roles' => $as_root => json => {name => $name, %fields})->status_is(201);
    return $t->tx->res->json;
}

sub give ($account, @roles) {
    $t->put_ok(path($account) => $as_root => json => {roles => [@roles]}) }

my (%role, $ada);


subtest 'roles are created' => sub {
    $role{editor} = role('editor', description => 'May edit.');
    is_deeply [sort keys %{$role{editor}}], [qw(created_at description id name)],
        'the fields of a role';
    is $role{editor}{description}, 'May edit.';
    $role{$_} = role($_) for 'admin', 'team:a-1_x', 'x' x 100;
    is $role{admin}{description}, undef, 'none needed';

    $t->get_ok("/auth/roles/$role{admin}{id}" => $as_root)->status_is(200)
        ->json_is('' => $role{admin});
    $t->get_ok('/auth/roles' => $as_root)->status_is(200)
        ->json_is('/data' => [@role{sort keys %role}])->json_is('/total' => 4);
    $t->get_ok('/auth/roles?size=1&page=2' => $as_root)->json_is('/data' => [$role{editor}])
        ->json_is('/pages' => 4);

    $t->post_ok('/auth/roles' => $as_root => json => {name => 'admin'})
        ->problem_is(409, 'role_taken');
    $t->post_ok('/auth/roles' => $as_root => json => {name => $_->[0]})
        ->problem_is(422, 'validation_failed')
        ->errors_are({name => $_->[1]}) for ['Admin', 'format'], ['a b', 'format'],
        ['a,b', 'format'],
        [undef, 'required'], [['a'], 'type'], ["\x{e4}", 'format'];
    $t->get_ok('/auth/roles/00000000-0000-7000-8000-000000000000' => $as_root)
        ->problem_is(404, 'not_found');
};

subtest 'roles are assigned' => sub {
    $ada = $t->register;
    $t->get_ok(path($ada) => $as_root)->json_is('' => {roles => []});
    give($ada, 'editor', 'admin', 'editor')->status_is(200)
        ->json_is('' => {roles => [qw(admin editor)]});
    $t->get_ok(path($ada) => $as_root)->json_is('' => {roles => [qw(admin editor)]});
    $t->get_ok('/app/x' => $t->bearer($ada))->status_is(401)
        ->header_like('WWW-Authenticate' => qr/token_revoked/);

    $ada = {%$ada, %{refresh($ada)}};
    is_deeply claims($ada)->{roles}, [qw(admin editor)], 'the next token names them';
    $t->get_ok('/app/x' => $t->bearer($ada))
        ->json_is('/roles' => 'admin,editor', '$autoflow_roles');
    $t->get_ok('/desk/x' => $t->bearer($ada))->status_is(200, 'autoflow_require role=');
    $t->get_ok('/auth/me' => $t->bearer($ada))->json_is('/roles' => [qw(admin editor)]);

    give($ada, 'editor', 'admin')->status_is(200);
    $t->get_ok('/app/x' => $t->bearer($ada))->status_is(200, 'nothing has changed');
    give($ada, 'team:a-1_x')->status_is(200)->json_is('' => {roles => ['team:a-1_x']});
    $t->get_ok('/desk/x' => $t->bearer($ada))->status_is(401);
    $t->get_ok('/desk/x' => $t->bearer(refresh($ada)))->status_is(403);
    give($ada)->json_is('' => {roles => []});

    $t->put_ok(path($ada) => $as_root => json => $_->[0])->problem_is(422, 'validation_failed')
        ->errors_are($_->[1]) for
        [{}, {roles => 'required'}], [{roles => 'admin'}, {roles => 'type'}],
        [{roles => [1, 'A', 'admin', '']},
        {'roles.0' => 'type', 'roles.1' => 'format', 'roles.3' => 'length'}],
        [{roles => [('admin') x 33]}, {roles => 'length'}],
        [{roles => ['nobody', 'admin', 'else']}, {roles => 'reference'}];
    $t->json_like('/errors/0/message' => qr/: else, nobody$/, 'the unknown ones are named');
    $t->get_ok(path($ada) => $as_root)->json_is('' => {roles => []}, 'nothing was done');
    $t->put_ok('/auth/users/00000000-0000-7000-8000-000000000000/roles' => $as_root => json => {
        roles => []})
        ->problem_is(404, 'not_found');
    $t->get_ok('/auth/users/00000000-0000-7000-8000-000000000000/roles' => $as_root)
        ->problem_is(404, 'not_found');

    is_deeply $t->db->selectcol_arrayref(q{SELECT details::text FROM autoflow.audit_events
        WHERE action = 'roles_changed' AND target_id = ? AND actor_id = ? ORDER BY at}, {},
        $ada->{user}{id}, $root->{user}{id}), [
        '{"to": ["admin", "editor"], "from": []}',
            '{"to": ["team:a-1_x"], "from": ["admin", "editor"]}',
        '{"to": [], "from": ["team:a-1_x"]}'], 'audited';
};

subtest 'a role is deleted' => sub {
    my @members = map { $t->register } 1 .. 3;
    give($_, 'editor', 'admin')->status_is(200) for @members;
    @members = map { {%$_, %{refresh($_)}} } @members;
    my $other = $t->register;

    $t->delete_ok("/auth/roles/$role{editor}{id}" => $as_root)->status_is(204);
    for my $member (@members) {
        $t->get_ok('/desk/x' => $t->bearer($member))->status_is(401)
            ->header_like('WWW-Authenticate' => qr/token_revoked/);
        is_deeply claims(refresh($member))->{roles}, ['admin'];
    }
    $t->get_ok('/app/x' => $t->bearer($other))
        ->status_is(200, 'who did not have it has not noticed');
    $t->get_ok("/auth/roles/$role{editor}{id}" => $as_root)->problem_is(404, 'not_found');
    $t->delete_ok("/auth/roles/$role{editor}{id}" => $as_root)->problem_is(404, 'not_found');
    $t->get_ok('/auth/roles' => $as_root)
        ->json_is('/data' => [@role{qw(admin team:a-1_x), 'x' x 100}])->json_is('/total' => 3);
    $t->get_ok(path($members[0]) => $as_root)->json_is('' => {roles => ['admin']});
    $t->get_ok('/auth/users?role=editor' => $as_root)->json_is('/data' => []);
    give($members[0], 'editor')->problem_is(422, 'validation_failed');
    $t->post_ok('/auth/roles' => $as_root => json => {name => 'editor'})
        ->problem_is(409, 'role_taken', 'its name is kept');
    $t->db->do('UPDATE autoflow.roles SET free_at = now() WHERE id = ?', {}, $role{editor}{id});
    isnt role('editor')->{id}, $role{editor}{id}, 'until its tokens have expired';
    $t->get_ok(path($members[0]) => $as_root)
        ->json_is('' => {roles => ['admin']}, 'whom the other one was given has not this one');
    is_deeply $t->db->selectcol_arrayref(q{SELECT action || ' ' || details
        FROM autoflow.audit_events
        WHERE target_id IN (?, ?) AND actor_id = ? ORDER BY at, action}, {}, $role{editor}{id},
        $members[0]{user}{id}, $root->{user}{id}), [
        'role_created {"name": "editor"}', 'roles_changed {"to": ["admin", "editor"], "from": []}',
        'role_deleted {"name": "editor"}'], 'audited';
};

subtest 'the maximum number of roles' => sub {
    my @names = map { sprintf '%02d', $_ } 1 .. 33;
    @names = map { $_ . 'x' x (100 - length) } @names;
    role($_) for @names;
    my $email = 'e' x 64 . '@' . join('.', ('d' x 60) x 2) . '.example';
    my $eve = $t->register(email => $email);
    give($eve, @names[0 .. 31])->status_is(200);
    $eve = login($eve);
    cmp_ok length $eve->{access_token}, '<', 8192, 'the token is ' . length $eve->{access_token};
    $t->get_ok('/app/x' => $t->bearer($eve))->status_is(200)
        ->json_is('/roles' => join ',', @names[0 .. 31]);
    give($eve, @names)->problem_is(422, 'validation_failed')->errors_are({roles => 'length'});
    ok !eval {
        $t->db->do('INSERT INTO autoflow.user_roles (user_id, role_id) SELECT ?, id
            FROM autoflow.roles WHERE name = ?',
            {}, $eve->{user}{id}, $names[32])
    }, 'not by hand, either';
};

# Two concurrent replacements of an account's roles: the result is one of them,
# not both
subtest 'concurrently' => sub {
    for (1 .. 10) {
        my $hold = $t->postgresql->connect;
        $hold->begin_work;
        $hold->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', {}, $ada->{user}{id});
        my @done;
        my $both = Mojo::Promise->all(
            map { $t->ua->put_p(path($ada) => $as_root => json => {roles => [$_]}) } qw(admin
                editor));
        my $timer = Mojo::IOLoop->recurring(
            0.02 => sub { $hold->rollback if !$hold->{AutoCommit} && $t->blocked == 2 });
        $both->then(sub (@got) { @done = map { $_->[0]->res->code } @got })->wait;
        Mojo::IOLoop->remove($timer);
        is_deeply \@done, [200, 200];
        $t->get_ok(path($ada) => $as_root);
        is scalar @{$t->tx->res->json('/roles')}, 1, 'one of them has won';
        give($ada)->status_is(200);
    }
};

$t->finish;
done_testing;
