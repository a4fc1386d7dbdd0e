# Requests generated from the OpenAPI document, valid and invalid ones: each
# operation without a token, as an account and as a superuser gives a response
# that the document has, and never a server error.  AUTOFLOW_SEED repeats a run.

use Mojo::Base -strict, -signatures;
use List::Util qw(shuffle);
use Mojo::JSON qw(encode_json false true);
use Mojo::Util qw(url_escape);
use Test::Autoflow;
use Test::More;

my $seed = $ENV{AUTOFLOW_SEED} // int rand 1e9;
srand $seed;
note "AUTOFLOW_SEED=$seed";

my $t = Test::Autoflow->new->start;
my $document = $t->get_ok('/api/v1/openapi.json')->tx->res->json;
my $routes = Test::Autoflow::Routes->new(module => $t->module, document => $document,
    table => $t->routes->table);

sub any (@of) { $of[rand @of] }
sub chance ($of) { rand() < $of }

# what is not as the document says, in later requests
my $wild = 0;
sub odd ($of) { $wild && chance($of) }


# Values

my $n = 0;
my $password = 'correct horse battery staple';

# ids, addresses and tokens that were in responses, by what they are of
my %known;
my %kinds = (recipient => 'users', sender => 'users', actor => 'users', target => 'users',
    parent => 'messages', after => 'messages');

sub uuid { sprintf '%08x-%04x-7%03x-8%03x-%012x', map { int rand 2**$_ } 32, 16, 12, 12, 40 }
sub kind ($name) { my $of = $name =~ s/_id\z//r; $kinds{$of} // "${of}s" }
sub known ($kind) { $known{$kind} && !odd(0.2) ? any(@{$known{$kind}}) : uuid() }

my %formats = (
    email       => sub ($name) { 'made' . ++$n . '@example.com' },
    uuid        => sub ($name) { known(kind($name)) },
    date        => sub ($name) { sprintf '%d-%02d-%02d', 1950 + rand 70, 1 + rand 12, 1 + rand 28 },
    'date-time' => sub ($name) { '2026-01-01T00:00:00Z' },
    uri         => sub ($name) { 'https://example.com/' . ++$n },
);

# what no schema tells
my %named = (
    email         => sub { any('made' . ++$n . '@example.com', @{$known{emails} // []}) },
    refresh_token => sub { known('refresh_tokens') },
    cursor        => sub { known('cursors') },
);
$named{$_} = sub { $password } for qw(password current_password new_password);

# a string of these lengths, which a pattern may restrict
sub text ($schema) {
    my ($min, $max) = ($schema->{minLength} // 0, $schema->{maxLength} // 50);
    my $length = chance(0.05) ? $max : chance(0.1) ? $min : $min + int rand 20;
    $length = $max if $length > $max;
    my @chars = ('a' .. 'z', 0 .. 9, $schema->{pattern} ? () : (' ', "\x{e9}", "\x{1f600}"));
    my $text = join '', 'a', map { any(@chars) } 2 .. $length;
    return $schema->{pattern} && $text !~ $schema->{pattern} ? 'location' : $text;
}

sub valid ($schema, $name = '') {
    $schema = $routes->flat($schema);
    return valid(any(@{$schema->{anyOf}}), $name) if $schema->{anyOf};
    return $named{$name}->() if $named{$name};
    return any(@{$schema->{enum}}) if $schema->{enum};
    my $type = any(ref $schema->{type} ? @{$schema->{type}} : $schema->{type});
    return undef if $type eq 'null';
    return any(true, false) if $type eq 'boolean';
    return $type eq 'number' ? rand 100 : integer($schema) if $type =~ /number|integer/;
    return [map { valid($schema->{items}) } 1 .. rand 3] if $type eq 'array';
    return object($schema) if $type eq 'object';
    return ($formats{$schema->{format} // ''} // sub ($name) { text($schema) })->($name);
}

sub integer ($schema) {
    return any(grep { defined } 1, 2, @$schema{qw(minimum maximum)});
}

sub object ($schema) {
    my %required = map { $_ => 1 } @{$schema->{required} // []};
    my $known = $schema->{properties} // {};
    return {map { $_ => valid($known->{$_}, $_) } grep { $required{$_} || chance(0.4) }
        sort keys %$known};
}

# of another type than the schema's, and not null
sub mistyped ($schema) {
    my %types = map { $_ => 1 } ref $schema->{type} ? @{$schema->{type}} : $schema->{type};
    my %values = (string => 'text', integer => 7, boolean => true, array => [1],
        object => {a => 1});
    delete @values{keys %types};
    delete $values{integer} if $types{number};
    return $values{any(sort keys %values)};
}

my @strange = ('', ' ', 'x' x 300, 'x' x 20_000, "\x{1f600}" x 200, "a\x{7}b", "a\x{0}b", undef, -1,
    0, 2**53, 1e300, 0.5, true, [], {}, [[[]]], '-1', 'null', '%00', "'; --", '2026-02-30', '{id}');


# Requests

my %pairs;

# a token pair of the account that this kind of requests is sent by
sub pair ($who) {
    return $pairs{$who} //= do {
        my $made = $t->register(email => $formats{email}->('email'));
        if ($who eq 'superuser') {
            $t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {},
                $made->{user}{id});
            $made = $t->ua->post('/api/v1/auth/login' => json => {email => $made->{user}{email},
                password => $password})->res->json;
        }
        $made;
    };
}

sub path_of ($path) {
    my %wrong = (malformed => 'x', unknown => uuid());
    return $path =~ s{(\w+)/\K\{\w+\}}{
        odd(0.1) ? $wrong{any(sort keys %wrong)} : known($1)}ger;
}

sub query_of ($op) {
    my @given = grep { $_->{required} || chance(0.2) } grep { $_->{in} eq 'query' }
        @{$op->{parameters} // []};
    my @pairs;
    for my $parameter (@given) {
        my $value = odd(0.2) ? any(@strange) : valid(@$parameter{qw(schema name)});
        $value = ref $value eq 'JSON::PP::Boolean' ? ($value ? 'true' : 'false')
            : ref $value ? encode_json($value) : $value // 'null';
        push @pairs, "$parameter->{name}=" . url_escape(Mojo::Util::encode('UTF-8', $value));
    }
    push @pairs, any('%', 'x=%zz', 'size=1&size=2', '&&', 'x', "\%ff=1") if odd(0.05);
    return @pairs ? '?' . join('&', @pairs) : '';
}

# a body as text, its media type, and whether the document refuses it for the
# type of a member
sub body_of ($op) {
    my $content = $op->{requestBody}{content} // return;
    return if !$op->{requestBody}{required} && chance(0.3);
    my $schema = $routes->flat($content->{'application/json'}{schema});
    my ($body, $mistyped) = (object($schema), 0);
    my $known = $schema->{properties};
    my $some  = any(sort keys %$known);
    if (odd(0.2)) {
        $body->{$some} = mistyped($routes->flat($known->{$some}));
        $mistyped = 1;
    }
    elsif (odd(0.2)) { $body->{$some} = any(@strange) }
    elsif (odd(0.1)) { delete $body->{$some} }
    elsif (odd(0.1)) { $body->{unknown} = any(@strange) }
    return (encode_json($body), 'application/json', $mistyped) if !odd(0.1);
    return any(
        ['{', 'application/json'], ['', 'application/json'], ['[]', 'application/json'],
        ['{"a":1,"a":2}', 'application/json'], ["{\"a\":\"\xff\"}", 'application/json'],
        ['[' x 100_000, 'application/json'], ['{}', 'text/plain'], ['{}', undef],
        ['a=%zz', 'application/x-www-form-urlencoded'],
    )->@*;
}

my (%succeeded, @wrong, @failed, @accepted, $sent);

sub ask ($method, $path, $op, $who) {
    my $url = path_of($path) . query_of($op);
    my ($body, $type, $mistyped) = body_of($op);
    my %headers = $who eq 'nobody' ? () : %{$t->bearer(pair($who))};
    $headers{'Content-Type'} = $type if defined $type;
    $headers{'X-Request-ID'} = any('abc.1', 'x y', 'x' x 200) if chance(0.1);
    my $tx = $t->ua->build_tx(uc $method => "/api/v1$url" => \%headers, $body // ());
    my $res = $t->ua->start($tx)->res;
    my $code = $res->code // 'no response';
    my $said = "$who: \U$method\E $url " . substr($body // '', 0, 300) . ": $code";
    $sent++;
    push @wrong, map { "$said: $_" } $routes->wrong(uc $method, "/api/v1$path", $res);
    push @failed, "$said " . $res->body if $code !~ /^[234]/;
    push @accepted, $said if $mistyped && $code =~ /^2/;
    $succeeded{"$method $path"}++ if $code =~ /^2/;
    learn($res->json, $path =~ s{/\{.*|/me$}{}r =~ s{.*/}{}r)
        if $code =~ /^2/ && $path !~ /openapi/;

    # logged out, disabled, deleted, or no longer a superuser
    delete $pairs{$who} if $code == 401 || $method ne 'get' && $path =~ m{^/auth/[lm]|/user};
    return;
}

# what is in a response that others may need
sub learn ($value, $kind) {
    return map { learn($_, $kind) } @$value if ref $value eq 'ARRAY';
    return if ref $value ne 'HASH';
    keep($kind, $value->{id}) if ($value->{id} // '') =~ /^[0-9a-f-]{36}\z/;
    keep(kind($_), $value->{$_}) for grep { /_id\z/ && $_ ne 'request_id' } sort keys %$value;
    keep(emails => $value->{email});
    keep(refresh_tokens => $value->{refresh_token});
    keep(cursors => $value->{next});
    learn($value->{$_}, $_ eq 'data' ? $kind : $_ eq 'user' ? 'users' : $_) for sort keys %$value;
    return;
}

# the latest ones
sub keep ($kind, $value) {
    return if !defined $value || ref $value;
    unshift @{$known{$kind}}, $value;
    splice @{$known{$kind}}, 5;
}

my @operations;
for my $path (sort keys %{$document->{paths}}) {
    my $item = $document->{paths}{$path};
    push @operations, map { [$_, $path, $item->{$_}] } grep { $_ ne 'parameters' } sort keys %$item;
}

# first as the document says, what makes others before what may end them or the
# sessions; then anything in any order
sub place ($op) {
    return $op->[0] eq 'delete' || $op->[0] ne 'get' && $op->[1] =~ m{logout|/me|users/\{} ? 2
        : $op->[0] ne 'post';
}
for my $op (sort { place($a) <=> place($b) } shuffle @operations) {
    ask(@$op, $_) for qw(user superuser);
}
$wild = 1;
ask(@{$_->[0]}, $_->[1]) for shuffle
    map { my $op = $_; map { [$op, $_] } qw(nobody user superuser superuser) } @operations;

is_deeply \@wrong, [], "$sent responses are as the document says, with the seed $seed";
is_deeply \@failed, [], 'none is a server error';
is_deeply \@accepted, [], 'no member of a wrong type is accepted';
cmp_ok keys %succeeded, '>', @operations / 2, 'many requests succeed';
note 'never: ', join ', ', grep { !$succeeded{$_} } map { "$_->[0] $_->[1]" } @operations;

$t->finish;
done_testing;
