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


# Values

my ($n, @ids) = (0);
my $password = 'correct horse battery staple';

sub uuid { sprintf '%08x-%04x-7%03x-8%03x-%012x', map { int rand 2**$_ } 32, 16, 12, 12, 40 }

my %formats = (
    email       => sub { 'made' . ++$n . '@example.com' },
    uuid        => sub { @ids && chance(0.8) ? any(@ids) : uuid() },
    date        => sub { sprintf '%d-%02d-%02d', 1950 + rand 70, 1 + rand 12, 1 + rand 28 },
    'date-time' => sub { '2026-01-01T00:00:00Z' },
    password    => sub { $password },
    uri         => sub { 'https://example.com/' . ++$n },
);

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
    return valid(any(@{$schema->{anyOf}})) if $schema->{anyOf};
    return any(@{$schema->{enum}}) if $schema->{enum};
    my $type = any(ref $schema->{type} ? @{$schema->{type}} : $schema->{type});
    return undef if $type eq 'null';
    return any(true, false) if $type eq 'boolean';
    return $type eq 'number' ? rand 100 : integer($schema) if $type =~ /number|integer/;
    return [map { valid($schema->{items}) } 1 .. rand 3] if $type eq 'array';
    return object($schema) if $type eq 'object';
    return $password if $name =~ /password$/;
    return ($formats{$schema->{format} // ''} // sub { text($schema) })->();
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
        my $made = $t->register(email => $formats{email}->());
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
    return $path =~ s/\{\w+\}/
        my $known = @ids ? any(@ids) : uuid();
        chance(0.85) ? $known : $wrong{any(sort keys %wrong)}/ger;
}

sub query_of ($op) {
    my @given = grep { $_->{required} || chance(0.3) } grep { $_->{in} eq 'query' }
        @{$op->{parameters} // []};
    my @pairs;
    for my $parameter (@given) {
        my $value = chance(0.8) ? valid($parameter->{schema}) : any(@strange);
        $value = ref $value eq 'JSON::PP::Boolean' ? ($value ? 'true' : 'false')
            : ref $value ? encode_json($value) : $value // 'null';
        push @pairs, "$parameter->{name}=" . url_escape(Mojo::Util::encode('UTF-8', $value));
    }
    push @pairs, any('%', 'x=%zz', 'size=1&size=2', '&&', 'x', "\%ff=1") if chance(0.05);
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
    if (chance(0.2)) {
        $body->{$some} = mistyped($routes->flat($known->{$some}));
        $mistyped = 1;
    }
    elsif (chance(0.2)) { $body->{$some} = any(@strange) }
    elsif (chance(0.1)) { delete $body->{$some} }
    elsif (chance(0.1)) { $body->{unknown} = any(@strange) }
    return (encode_json($body), 'application/json', $mistyped) if chance(0.9);
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
    learn($res->json) if $code =~ /^2/ && $path !~ /openapi|jwks/;

    # logged out, disabled, deleted, or no longer a superuser
    delete $pairs{$who} if $code == 401 || $method ne 'get' && $path =~ m{/auth|/user};
    return;
}

# ids that are in responses
sub learn ($value) {
    if (ref $value eq 'ARRAY') { learn($_) for @$value }
    elsif (ref $value eq 'HASH') {
        push @ids, grep { ($_ // '') =~ /^[0-9a-f-]{36}\z/ } map { $value->{$_} }
            grep { /^id$|_id$/ } sort keys %$value;
        @ids = (shuffle @ids)[0 .. 199] if @ids > 400;
        learn($value->{$_}) for sort keys %$value;
    }
    return;
}

my @operations;
for my $path (sort keys %{$document->{paths}}) {
    my $item = $document->{paths}{$path};
    push @operations, map { [$_, $path, $item->{$_}] } grep { $_ ne 'parameters' } sort keys %$item;
}
my @who = qw(nobody user user superuser superuser superuser);
ask(@{$_->[0]}, $_->[1]) for shuffle map { my $op = $_; map { [$op, $_] } @who } @operations;

is_deeply \@wrong, [], "$sent responses are as the document says, with the seed $seed";
is_deeply \@failed, [], 'none is a server error';
is_deeply \@accepted, [], 'no member of a wrong type is accepted';
cmp_ok keys %succeeded, '>', @operations / 2, 'many requests succeed';
note 'never: ', join ', ', grep { !$succeeded{$_} } map { "$_->[0] $_->[1]" } @operations;

$t->finish;
done_testing;
