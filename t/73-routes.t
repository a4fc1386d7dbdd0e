# The route table itself: whom each route lets in.  A new route fails here
# until this file says what it needs.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Mojo::File qw(curfile path);
use Mojo::JSON qw(true);
use Test::Autoflow;
use Test::More;

# those for everyone; those that see for themselves who it is
my %open = map { $_ => 1 } (
    'GET /', 'GET /health', 'GET /health/live', 'GET /db-test', 'GET /.well-known/jwks.json',
    'POST /auth/register', 'POST /auth/signup', 'POST /auth/login', 'POST /auth/refresh', 'POST /auth/logout',
    'POST /auth/forgot-password', 'POST /auth/reset-password', 'POST /user/verify-email', 'POST /user/verify-email/resend',
);

my $n = 0;

# a body that is right, and what is answered to a superuser
my %superuser = (
    'GET /auth/users'                => [200],
    'POST /auth/users'               => [201, sub { {email => 'made' . ++$n . '@example.com', password => 'correct horse battery staple'} }],
    'GET /auth/users/{id}'           => [200],
    'PUT /auth/users/{id}'           => [200, sub { {full_name => 'Ada'} }],
    'PATCH /auth/users/{id}'         => [200, sub { {full_name => 'Ada'} }],
    'DELETE /auth/users/{id}'        => [204],
    'PUT /auth/users/{id}/disable'   => [200],
    'PUT /auth/users/{id}/enable'    => [200],
    'PUT /auth/users/{id}/superuser' => [200, sub { {is_superuser => true} }],
    'GET /auth/users/{id}/roles'     => [200],
    'PUT /auth/users/{id}/roles'     => [200, sub { {roles => []} }],
    'GET /auth/roles'                => [200],
    'POST /auth/roles'               => [201, sub { {name => 'role' . ++$n} }],
    'GET /auth/roles/{id}'           => [200],
    'DELETE /auth/roles/{id}'        => [204],
    'GET /auth/audit'                => [200],
);

# the table as it is compiled into the module: "METHOD path" => whom it lets in
sub table {
    my $module = $ENV{AUTOFLOW_MODULE} // "$Test::Autoflow::root/build/ngx_http_autoflow_module.so";
    my $out = path($module)->realpath->dirname;     # nginx's objs/
    my $dir = File::Temp->newdir;
    my $src = $out->dirname;
    my @command = ('gcc', '-o', "$dir/routes", curfile->sibling('routes', 'routes.c'), $out->child('addon/api')->list->grep(qr/\.o$/)->each,
        '-no-pie', '-Wl,--unresolved-symbols=ignore-all', ($ENV{AUTOFLOW_ASAN} ? '-fsanitize=address,undefined' : ()),
        ($ENV{AUTOFLOW_COVERAGE} ? '--coverage' : ()),
        map({ ('-I', $_) } "$Test::Autoflow::root/src", "$out/autoflow", $out,
            map { chomp; $_ } `find -L $src/src/core $src/src/event $src/src/os/unix $src/src/http -type d`),
        split ' ', `pkg-config --cflags libpq`);
    system(@command) == 0 or BAIL_OUT("can't build t/routes/routes.c");
    local $ENV{ASAN_OPTIONS} = 'detect_leaks=0';
    my @routes = map { /^(\w+ \S+) (\w+) (\d+)$/ ? [$1, $2, $3] : die $_ } split /\n/, `$dir/routes`;
    return ({map { $$_[0] => $$_[1] } @routes}, {map { $$_[0] => $$_[2] } grep { $$_[2] } @routes});
}

my ($table, $budgets) = table();
my %table = %$table;
my $t = Test::Autoflow->new->start;

my $good = 'correct horse battery staple';
$t->register(email => 'root@example.com');
$t->db->do('UPDATE autoflow.users SET is_superuser = true');
my $root = $t->ua->post($t->url('/auth/login') => json => {email => 'root@example.com', password => $good})->res->json;
my $user = $t->register;

# an id of what there is
sub made ($path) {
    return $path =~ m{^(?:/auth)?/users/} ? $t->register->{user}{id}
        : $t->db->selectrow_array('INSERT INTO autoflow.roles (name) VALUES (?) RETURNING id', {}, 'made' . ++$n);
}

# a request to a route, by whoever has the pair of tokens
sub ask ($route, $pair = undef, $body = undef) {
    my ($method, $path) = split / /, $route;
    $path =~ s/\{\w+\}/made($path)/e;
    my $tx = $t->ua->build_tx($method => "/api/v1$path" => ($pair ? $t->bearer($pair) : {}), $body ? (json => $body->()) : ());
    return $t->tx($t->ua->start($tx));
}


subtest 'the table' => sub {
    cmp_ok scalar keys %table, '>', 30, 'has routes';
    is_deeply [sort grep { $table{$_} =~ /^(?:public|either)$/ } keys %table], [sort keys %open], 'open are those, and no others';
    is_deeply [sort grep { $table{$_} !~ /^(?:public|either|user|superuser|oneself)$/ } keys %table], [], 'no other kind of need';
    my %all = map { s{ /users}{ /auth/users}r => 1 } grep { $table{$_} =~ /^(?:superuser|oneself)$/ } keys %table;
    is_deeply [sort keys %all], [sort keys %superuser], "superusers' are those, and no others";
};

# t/57 has what budgets are for
subtest 'budgets' => sub {
    is_deeply [sort keys %$budgets], [sort 'PUT /auth/me/password', 'POST /auth/logout', 'POST /auth/logout-all',
        'DELETE /auth/sessions/{id}', map { "PUT $_/users/{id}/disable" } '', '/auth'], 'what rids one of an intruder has its own';
    my %shared;
    $shared{$budgets->{$_}}{s{ /users}{ /auth/users}r}++ for keys %$budgets;
    is_deeply [grep { keys %$_ > 1 } values %shared], [], 'that none shares with another';
};

for my $route (sort keys %table) {
    my $need = $table{$route};
    next if $open{$route};

    subtest "$route: $need" => sub {
        ask($route)->problem_is(401, 'token_required')->header_is('WWW-Authenticate' => 'Bearer realm="autoflow"');
        ask($route, 'a.b.c')->problem_is(401, 'invalid_token');
        ask($route, $t->token({sub => $root->{user}{id}, is_superuser => true}))->problem_is(401, 'invalid_token', 'no token of a session');
        return if $need eq 'user';

        my ($status, $body) = @{$superuser{$route =~ s{ /users}{ /auth/users}r} // [0]};
        ask($route, $user)->problem_is(403, 'forbidden');
        ask($route, $user, $body)->problem_is(403, 'forbidden', 'whatever is sent') if $body;
        ask($route, $root, $body)->status_is($status);
    };
}

$t->finish;
done_testing;
