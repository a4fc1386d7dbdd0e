# The route table itself: who has access to each route, and that nulls and
# misspellings grant no rights.  A new route fails until its requirements are
# added here, and so does a new field that grants a right.

use Mojo::Base -strict, -signatures;
use List::Util qw(uniq);
use Mojo::File qw(path);
use Mojo::JSON qw(true);
use Test::Autoflow;
use Test::More;

# public ones, and those where a token is optional
my %open = map { $_ => 1 } (
    'GET /', 'GET /health', 'GET /health/live', 'GET /health/ready', 'GET /db-test',
        'GET /.well-known/jwks.json', 'GET /openapi.json', 'GET /docs',
    'POST /auth/register', 'POST /auth/signup', 'POST /auth/login', 'POST /auth/refresh',
    'POST /auth/logout',
    'POST /auth/forgot-password', 'POST /auth/reset-password', 'POST /user/verify-email',
    'POST /user/verify-email/resend', 'POST /auth/invitations/look',
    'POST /auth/invitations/accept', 'POST /auth/invitations/accept/passkey',
        'POST /auth/invitations/accept/passkey/options',
    'POST /auth/mfa/verify',
    'POST /auth/mfa/passkey/options', 'POST /auth/login/passkey',
        'POST /auth/login/passkey/options', 'POST /auth/register/passkey',
        'POST /auth/register/passkey/options',
    'POST /auth/mfa/enrol', 'POST /auth/mfa/enrol/{id}/confirm',
        'POST /auth/mfa/enrol/passkey', 'POST /auth/mfa/enrol/passkey/options',
);

my $n = 0;

# a valid body, and a superuser's response
my %superuser = (
    'GET /auth/users'                => [200],
    'POST /auth/users'               => [201,
    sub { {email => 'made' . ++$n . '@example.com', password => 'correct horse battery staple'} }],
    'GET /auth/users/{id}'           => [200],
    'PUT /auth/users/{id}'           => [200, sub { {full_name => 'Ada'} }],
    'PATCH /auth/users/{id}'         => [200, sub { {full_name => 'Ada'} }],
    'DELETE /auth/users/{id}'        => [204],
    'PUT /auth/users/{id}/disable'   => [200],
    'PUT /auth/users/{id}/enable'    => [200],
    'PUT /auth/users/{id}/superuser' => [200, sub { {is_superuser => true} }],
    'GET /auth/users/{id}/roles'     => [200],
    'PUT /auth/users/{id}/roles'     => [200, sub { {roles => []} }],
    'DELETE /auth/users/{id}/factors' => [204],
    'GET /auth/roles'                => [200],
    'POST /auth/roles'               => [201, sub { {name => 'role' . ++$n} }],
    'GET /auth/roles/{id}'           => [200],
    'DELETE /auth/roles/{id}'        => [204],
    'GET /auth/audit'                => [200],
);

# the fields that grant a right, as intended
my @giving = (
    'PATCH /auth/users/{id} email_verified', 'POST /auth/users email_verified',
        'POST /auth/users is_superuser', 'POST /auth/users roles',
    'PUT /auth/users/{id} email_verified', 'PUT /auth/users/{id}/roles roles',
    'PUT /auth/users/{id}/superuser is_superuser',
);

# "METHOD path" => its access, its budget, and the fields of its body and query:
# [where, name, type, required]
my $t = Test::Autoflow->new->start;
my (%table, %budgets, %fields);
for my $route (@{$t->routes->routes}) {
    for my $name (map { "$route->{method} $_" } grep { defined } @$route{qw(path alias)}) {
        $table{$name}   = $route->{auth};
        $budgets{$name} = $route->{budget} if $route->{budget};
        $fields{$name} = [$t->routes->fields(split / /, $name)];
    }
}

my $good = 'correct horse battery staple';
$t->register(email => 'root@example.com');
$t->db->do('UPDATE autoflow.users SET is_superuser = true');
my $root = $t->ua->post($t->url('/auth/login') => json => {email => 'root@example.com',
    password => $good})->res->json;
my $user = $t->register;

# the id of an existing resource
sub made ($path) {
    return $path =~ m{^(?:/auth)?/users/} ? $t->register->{user}{id}
        : $t->db->selectrow_array('INSERT INTO autoflow.roles (name) VALUES (?) RETURNING id', {},
        'made' . ++$n);
}

# a request for a route, with this token pair
sub ask ($route, $pair = undef, $body = undef) {
    my ($method, $path) = split / /, $route;
    $path =~ s/\{\w+\}/made($path)/e;
    my $tx = $t->ua->build_tx($method => "/api/v1$path" => ($pair ? $t->bearer($pair) : {}), $body
        ? (json => $body->()) : ());
    return $t->tx($t->ua->start($tx));
}


subtest 'the table' => sub {
    cmp_ok scalar keys %table, '>', 30, 'has routes';
    is_deeply [sort grep { $table{$_} =~ /^(?:public|optional)$/ } keys %table], [sort keys %open],
        'open are those, and no others';
    is_deeply [
        sort grep { $table{$_} !~ /^(?:public|optional|user|superuser|self)$/ } keys %table], [],
            'no other kind of need';
    my %all = map { s{ /users}{ /auth/users}r => 1 }
        grep { $table{$_} =~ /^(?:superuser|self)$/ } keys %table;
    is_deeply [sort keys %all], [sort keys %superuser], "superusers' are those, and no others";
};

# t/57 tests budgets
subtest 'budgets' => sub {
    is_deeply [sort keys %budgets], [sort 'PUT /auth/me/password', 'POST /auth/logout',
        'POST /auth/logout-all',
        'DELETE /auth/sessions/{id}', map { "PUT $_/users/{id}/disable" } '', '/auth'],
        'what rids one of an intruder has its own';
    my %shared;
    $shared{$budgets{$_}}{s{ /users}{ /auth/users}r}++ for keys %budgets;
    is_deeply [grep { keys %$_ > 1 } values %shared], [], 'that none shares with another';
};

# What a name in C code refers to, in src/api and src/flow: the text of
# functions and of arrays of steps, each of them once.  A file's own names have
# precedence.
my $src = path("$Test::Autoflow::root/src");
my (%code, %rows);
for my $file (map { $src->child($_)->list->grep(qr/\.c$/)->each } qw(api flow)) {
    my $text = $file->slurp;
    $code{"$file $1"} = $code{$1} = $2 while $text =~ /^(\w+)\([^;{]*\)\n\{\n(.*?)^\}/gms;
    $code{"$file $1"} = $code{$1} = $2
        while $text =~ /^[^\n]*af_(?:step_pt|proof_t)  (\w+)\[\] = \{(.*?)\};/gms;
    while ($text =~ /^    \{ NGX_HTTP_(\w+), "([^"]+)",(.*?)\s\},\n/gms) {
        my ($name, $row) = ("$1 $2", $3);
        $rows{$name} = [$file, $row =~ /\.steps = (\w+)/];
    }
}

sub reached ($file, @names) {
    my ($text, %seen) = ('');
    while (defined(my $name = shift @names)) {
        next if $seen{$name}++;
        my $code = $code{"$file $name"} // ($name =~ /^af_/ ? $code{$name} : undef) // next;
        $text .= $code;
        push @names, $code =~ /\w+/g;
    }
    return $text;
}

# the parameters available to a route's statements, by src/flow/values.c and facts.c
sub known ($route) {
    my @names = (
        @{$t->routes->table->{values}},
            "$route->{path} @{[$route->{alias} // q()]}" =~ /\{(\w+)\}/g, $route->{self}
            ? 'id' : (),
        map({ $_->[1] } $t->routes->fields(@$route{qw(method path)})),
        map({ "${_}_key" } @{$route->{keys}}),
    );
    return map { $_ => 1 } @names;
}

subtest "statements' parameters are available to their routes" => sub {
    my $statements = $t->routes->table->{statements};
    my $sent = 0;
    for my $route (@{$t->routes->routes}) {
        my $name = "$route->{method} $route->{path}";
        my ($file, $steps) = @{$rows{$name} // die "$name is nowhere in src/api"};
        my $text  = reached($file, $steps // ());
        my %known = (known($route), map { $_ => 1 } $text =~ /af_bind\(\w+, "(\w+)"/g);
        my @sent  = uniq grep { defined } @$route{qw(lock statement)}, $text =~ /&af_sql_(\w+)/g;
        my @asked = map { my $of = $_; map { "$of :$_" } @{$statements->{$of}} } @sent;
        is_deeply [grep { !$known{s/.*://r} } @asked], [], "$name: @sent";
        $sent += @sent;
    }
    cmp_ok $sent, '>', @{$t->routes->routes}, 'statements were found';
};

for my $route (sort keys %table) {
    my $need = $table{$route};
    next if $open{$route};

    subtest "$route: $need" => sub {
        ask($route)->problem_is(401, 'token_required')
            ->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"');
        ask($route, 'a.b.c')->problem_is(401, 'invalid_token');
        ask($route, $t->token({sub => $root->{user}{id}, is_superuser => true}))
            ->problem_is(401, 'invalid_token', 'no token of a session');
        return if $need eq 'user';

        my ($status, $body) = @{$superuser{$route =~ s{ /users}{ /auth/users}r} // [0]};
        ask($route, $user)->problem_is(403, 'forbidden');
        ask($route, $user, $body)->problem_is(403, 'forbidden', 'whatever is sent') if $body;
        ask($route, $root, $body)->status_is($status);
    };
}


# each account's right, or way to one
sub rights {
    my $rows = $t->db->selectall_arrayref(q{
        SELECT id, is_superuser, email_verified, is_active AND deleted_at IS NULL AS is_there,
               coalesce(roles, '') AS roles, email, pending_email, password_hash,
               coalesce(sessions, 0) AS sessions
          FROM autoflow.users u
          LEFT JOIN (SELECT user_id, string_agg(name, ',') AS roles
                       FROM autoflow.user_roles
                       JOIN autoflow.roles r ON r.id = role_id
                      GROUP BY 1) AS r ON r.user_id = u.id
          LEFT JOIN (SELECT user_id, count(*) AS sessions
                       FROM autoflow.sessions
                      WHERE ended_at IS NULL
                      GROUP BY 1) AS s ON s.user_id = u.id}, {Slice => {}});
    return {map { $_->{id} => $_ } @$rows};
}

sub gained ($before, $after) {
    my @gained;
    for my $id (keys %$after) {
        my ($old, $new) = ($before->{$id} // {is_there => 1}, $after->{$id});
        push @gained, grep { $new->{$_} && !$old->{$_} } qw(is_superuser email_verified is_there);
        my %had = map { $_ => 1 } split /,/, $old->{roles} // '';
        push @gained, grep { !$had{$_} } split /,/, $new->{roles};
    }
    return @gained;
}

# what an invalid credential has done nevertheless
sub opened ($before, $after) {
    return map {
        my ($old, $new) = ($before->{$_}, $after->{$_});
        (grep { ($new->{$_} // '') ne ($old->{$_} // '') } qw(email pending_email password_hash)),
            ($new->{sessions} > $old->{sessions} ? 'sessions' : ())
    } keys %$before;
}

$t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('swept')});

sub value ($name, $type, $who) {
    $n++;
    my %values = (
        email => "swept$n\@example.com", username => "swept$n", name => "swept$n",
            password => $good, current_password => $good,
        new_password => "another good horse $n", refresh_token => $who->{refresh_token},
        boolean => true, array => ['swept'], integer => 1, string => 'text', object => {},
    );
    return $values{$name} // $values{$type};
}

my $stay = [map { $_->{user}{id} } $root, $user];

# sends a body, as an account that is used for nothing else; what has changed
sub sweep ($route, $change, @given) {
    my ($method, $path) = split / /, $route;
    my $who = $table{$route} =~ /^(?:superuser|self)$/ ? $root : $t->register;
    my %body = map { $_->[1] => value(@$_[1, 2], $who) } @given;
    $change->(\%body, $who);
    $path =~ s/\{\w+\}/made($path)/e;
    my $before = rights();
    my $res = $t->ua->start(
        $t->ua->build_tx($method => "/api/v1$path" => $t->bearer($who) => json => \%body))->res;
    my $after = rights();

    # single fields were checked already: not again in combinations
    $t->db->do('DELETE FROM autoflow.users WHERE id <> ALL (?)', {}, $stay);
    return ($res->code, $before, $after);
}

subtest 'nulls and misspellings grant no rights' => sub {
    my @gave;
    for my $route (sort grep { !m{ /users} } keys %table) {
        my @body = grep { $_->[0] eq 'body' } @{$fields{$route} // []} or next;
        my @wrong;
        for my $field (@body) {
            my (undef, $name, $type) = @$field;
            my @others = grep { $_->[1] ne $name && $_->[2] !~ /boolean|array/ } @body;
            for my $given ([grep { $_->[3] } @others], \@others) {
                for my $way (
                    [null     => sub ($body, $who) { $body->{$name} = undef }],
                    [misspelt => sub ($body, $who) {
                    $body->{"${name}x"} = value($name, $type, $who) }],
                    [absent   => sub ($body, $who) { }],
                ) {
                    my ($code, $before, $after) = sweep($route, $way->[1], @$given);
                    push @wrong, "$name $way->[0]: $_" for $code >= 500 ? $code : (),
                        gained($before, $after),
                        $name =~ /password$|token$/ ? opened($before, $after) : ();
                }
            }
            my ($code, $before, $after) = sweep($route,
                sub ($body, $who) { $body->{$name} = value($name, $type, $who) },
                grep { $_->[3] } @others);
            push @gave, "$route $name" if gained($before, $after);
        }
        my %known = map { $_->[1] => 1 } @body;
        my ($code, $before, $after) = sweep($route, sub ($body, $who) {
            $body->{$_} = value('', $_ eq 'roles' ? 'array' : 'boolean', $who)
                for grep { !$known{$_} } qw(is_superuser email_verified is_active roles);
        }, grep { $_->[3] && $_->[2] !~ /boolean|array/ } @body);
        push @wrong, "of no field: $_" for gained($before, $after);
        is_deeply \@wrong, [], $route;
    }
    is_deeply [sort @gave], \@giving, 'what does, when it is right, are those, and no others';
};

subtest 'nor do they disclose more' => sub {
    my $gone = $t->register;
    $t->db->do('UPDATE autoflow.users SET deleted_at = now(), is_active = false WHERE id = ?', {},
        $gone->{user}{id});
    my $total = sub ($path) {
        my $res = $t->ua->get("/api/v1$path" => $t->bearer($root))->res;
        return $res->code == 200 ? $res->json('/total') : $res->code == 422 ? 0 : die $res->code;
    };
    my @more;
    for my $route (sort grep { /^GET / && !m{ /users|\{} } keys %table) {
        my $path = (split / /, $route)[1];
        for my $name (map { $_->[1] } grep { $_->[0] eq 'query' && $_->[2] eq 'boolean' } @{
            $fields{$route} // []}) {
            my $without = $total->($path);
            is_deeply [grep { $total->("$path?$_") > $without }
                map({ "$name=$_" } '', qw(null 1 True yes false)), "${name}x=true"], [],
                "$route $name";
            push @more, $name if $total->("$path?$name=true") > $without;
        }
    }
    is_deeply [sort keys %{{map { $_ => 1 } @more}}], ['include_inactive'],
        'when it is right, that does';
};

$t->finish;
done_testing;
