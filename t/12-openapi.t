# The OpenAPI document: what it lists where, how it is served, and that it is
# valid.  That it is true every test shows: all responses are checked against it.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::More;

# of one server; that of another is the same only if it serves the same
my $part = 'location = /other/openapi.json { autoflow_api /other; }
    location = /other/health { autoflow_api /other; }';
my %port = map { $_ => Test::Autoflow::free_port() } qw(same more less);
sub server ($name, @locations) { "server { listen 127.0.0.1:$port{$name}; @locations }\n" }

my $t = Test::Autoflow->new(server => <<'END' . $part, http => join '',
location /cookies/ { autoflow_api; autoflow_cookies on; }
location /part/users { autoflow_api /part; }
location = /part/ { autoflow_api /part; }
location ~ ^/pattern/ { autoflow_api /pattern; }
location /logged/ { autoflow_api; access_log places.log place; }
END
    q{log_format place '$sent_http_location'; },
    server(same => $part),
    server(more => $part, 'location = /other/db-test { autoflow_api /other; }'),
    server(less => $part =~ s/\n.*//r),
)->start;

sub document ($base) {
    return $t->get_ok("$base/openapi.json")->status_is(200)->tx->res->json;
}

sub codes ($document, $path, $method, $status) {
    my $response = Test::Autoflow::Routes->new(document => $document)
        ->resolved($document->{paths}{$path}{$method}{responses}{$status});
    return join ' ', sort keys %{$response->{content}{'application/problem+json'}{examples}};
}

subtest 'it is served' => sub {
    my $etag = $t->get_ok('/openapi.json')->status_is(200)->content_type_is('application/json')
        ->header_is('Cache-Control' => 'no-cache')->header_like('X-Request-ID' => qr/./)
        ->header_like(ETag => qr/^"[0-9a-f]{32}"$/)->tx->res->headers->etag;
    for my $known ($etag, "W/$etag", "\"x\", $etag", '*') {
        $t->get_ok('/openapi.json' => {'If-None-Match' => $known})->status_is(304)->content_is('')
            ->header_is(ETag => $etag)->header_like('X-Request-ID' => qr/./);
    }
    $t->get_ok('/openapi.json' => {'If-None-Match' => '"x"'})->status_is(200);
    my $old = 'Thu, 01 Jan 2026 00:00:00 GMT';
    $t->get_ok('/openapi.json' => $_)->status_is(200)->header_is(ETag => $etag, 'nothing else')
        for {'If-Match' => '"x"'}, {'If-Unmodified-Since' => $old};
    $t->get_ok('/openapi.json' => {'If-None-Match' => $etag, 'If-Modified-Since' => $old})
        ->status_is(304, 'not even beside it');
    $t->head_ok('/openapi.json')->status_is(200)->header_is(ETag => $etag)->content_is('');
    $t->post_ok('/openapi.json')->problem_is(405, 'method_not_allowed');
    $t->get_ok('/api/v1/openapi.json')->header_isnt(ETag => $etag, 'another is another');
    $t->reload->get_ok('/openapi.json')->header_is(ETag => $etag, 'a reload changes nothing');
    $t->get_ok('/api/v1/')->json_is('/openapi' => '/api/v1/openapi.json');
    $t->get_ok('/logged/' => {Accept => 'text/html'})->status_is(303)
        ->header_is(Location => '/logged/docs', 'on whatever host and port the browser knows');
    $t->wait_for(sub { path($t->dir, 'places.log')->slurp eq "/logged/docs\n" });
    $t->get_ok('/part/')->json_is('/openapi' => undef, 'what no location serves is not named');
};

subtest 'it lists what is served there' => sub {
    my $all = document('/api/v1');
    is_deeply [sort keys %{$all->{paths}}], [sort keys %{$t->routes->document->{paths}}],
        'in /api/v1/ all';
    is_deeply $all->{servers}, [{url => '/api/v1'}], 'and says where they are';
    is $all->{info}{version}, $t->get_ok('/health')->tx->res->json('/version'), 'of which version';
    my $root = document('');
    is_deeply $root->{servers}, [{url => '/'}], 'at the root';
    is_deeply [grep { !m{^/(?:$|auth/|health|db-test$|docs$|openapi|\.well)} }
        keys %{$root->{paths}}], [], 'what the locations there serve';
    ok $root->{paths}{$_}, $_ for '/', '/auth/me', '/auth/users/{id}', '/health/ready';
    is_deeply [sort keys %{document('/other')->{paths}}], ['/health', '/openapi.json'],
        'locations of a single path';
    my %other = map { $_ => document("http://127.0.0.1:$port{$_}/other") } sort keys %port;
    is_deeply $other{same}, document('/other'), 'the same in another server';
    is_deeply [sort keys %{$other{more}{paths}}], ['/db-test', '/health', '/openapi.json'],
        'or of one with more';
    is_deeply [sort keys %{$other{less}{paths}}], ['/openapi.json'], 'or with less';
    is_deeply document('/pattern')->{paths}, $all->{paths}, 'a pattern may lead anywhere';
    is_deeply $all->{paths}{'/users'}{get}{responses}, $all->{paths}{'/auth/users'}{get}{responses},
        'an alias is a path of its own';
    my %ids = map { $_->{operationId} => 1 } map { grep { ref eq 'HASH' } values %$_ }
        values %{$all->{paths}};
    ok $ids{$_}, "$_ is the name of an operation" for qw(getAuthMe patchUsersById getRoot);
};

subtest 'it says what is needed' => sub {
    my $plain = document('/api/v1');
    my $cookies = document('/cookies');
    is_deeply [sort keys %{$plain->{components}{securitySchemes}}], ['bearer', 'password'],
        'a token';
    is $plain->{components}{securitySchemes}{password}{flows}{password}{tokenUrl},
        '/api/v1/auth/login', 'from a login';
    is_deeply $plain->{paths}{'/auth/me'}{get}{security}, [{bearer => []}, {password => []}],
        'for a user';
    is_deeply $plain->{paths}{'/auth/login'}{post}{security}, [], 'for nobody';
    is_deeply $plain->{paths}{'/auth/logout'}{post}{security},
        [{bearer => []}, {password => []}, {}], 'or optionally';
    is $cookies->{components}{securitySchemes}{cookie}{name}, 'af_access', 'or a cookie';
    is_deeply $cookies->{paths}{'/auth/me'}{get}{security}[2], {cookie => []}, 'to read';
    is_deeply $cookies->{paths}{'/auth/me'}{put}{security}[2], {cookie => [], csrf => []},
        'and X-CSRF-Token to change';
    is codes($plain, '/auth/me', put => 403), 'wrong_password', 'nothing else may be refused';
    is codes($cookies, '/auth/me', put => 403), 'csrf_refused wrong_password',
        'without it a cookie is refused';
};

subtest 'it is valid' => sub {
    my $npm = Test::Autoflow::npm() // plan skip_all => 'npm was not reached';
    my $bin = "$npm/.bin";
    my $file = path($t->dir, 'openapi.json')
        ->spurt($t->get_ok('/cookies/openapi.json')->tx->res->body);
    local $ENV{REDOCLY_TELEMETRY} = 'off';
    local $ENV{REDOCLY_SUPPRESS_UPDATE_NOTICE} = 'true';
    my $rules = "$Test::Autoflow::root/t/npm";
    my $redocly = `$bin/redocly lint --config $rules/redocly.yaml --format json $file 2>/dev/null`;
    is_deeply decode_json($redocly)->{problems}, [], 'for redocly';
    my @hints = qw(--fail-severity hint);
    my $spectral = `$bin/spectral lint --ruleset $rules/spectral.yaml @hints $file 2>&1`;
    is $?, 0, 'for spectral' or diag $spectral;
};

$t->finish;
done_testing;
