package Test::Autoflow::Generator;

# Requests generated from the OpenAPI document, of values that its schemas
# allow, and increasingly others.  Ids, addresses and tokens of responses are
# used in further requests.
#
#     my $make = Test::Autoflow::Generator->new(routes => $t->routes);
#     for my $op ($make->operations) {
#         my ($method, $path, $operation) = @$op;
#         my $url = $make->path_of($path) . $make->query_of($operation);
#         my ($body, $type, $mistyped) = $make->body_of($operation);
#     }

use Mojo::Base -base, -signatures;

use Exporter qw(import);
use Mojo::JSON qw(encode_json false true);
use Mojo::Util qw(url_escape);

our @EXPORT_OK = qw(any chance);

has 'routes';                 # a Test::Autoflow::Routes
has wild     => 0;            # 1: also what is not as the document says
has made     => 'made';       # the beginning of new addresses
has password => 'correct horse battery staple';
has n        => 0;

# ids, addresses and tokens that were in responses, by what they are of
has known => sub { {} };

my %kinds = (recipient => 'users', sender => 'users', actor => 'users', target => 'users',
    parent => 'messages', after => 'messages');

sub any (@of) { $of[rand @of] }
sub chance ($of) { rand() < $of }
sub odd ($self, $of) { $self->wild && chance($of) }

sub number ($self) { $self->n($self->n + 1)->n }

# each of the document's: [method, path, operation]
sub operations ($self) {
    my $paths = $self->routes->document->{paths};
    return map {
        my $path = $_;
        map { [$_, $path, $paths->{$path}{$_}] }
            grep { $_ ne 'parameters' } sort keys %{$paths->{$path}};
    } sort keys %$paths;
}


# Values

sub uuid { sprintf '%08x-%04x-7%03x-8%03x-%012x', map { int rand 2**$_ } 32, 16, 12, 12, 40 }
sub kind ($name) { my $of = $name =~ s/_id\z//r; $kinds{$of} // "${of}s" }
sub address ($self) { $self->made . $self->number . '@example.com' }

sub known_of ($self, $kind) {
    my $known = $self->known->{$kind};
    return $known && !$self->odd(0.2) ? any(@$known) : uuid();
}

my %formats = (
    email       => sub ($self, $name) { $self->address },
    uuid        => sub ($self, $name) { $self->known_of(kind($name)) },
    date        => sub { sprintf '%d-%02d-%02d', 1950 + rand 70, 1 + rand 12, 1 + rand 28 },
    'date-time' => sub { '2026-01-01T00:00:00Z' },
    uri         => sub ($self, $name) { 'https://example.com/' . $self->number },
);

# what no schema tells
my %named = (
    email         => sub ($self) { any($self->address, @{$self->known->{emails} // []}) },
    refresh_token => sub ($self) { $self->known_of('refresh_tokens') },
    cursor        => sub ($self) { $self->known_of('cursors') },
    map({ $_ => sub ($self) { $self->password } } qw(password current_password new_password)),
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

sub valid ($self, $schema, $name = '') {
    $schema = $self->routes->flat($schema);
    return $self->valid(any(@{$schema->{anyOf}}), $name) if $schema->{anyOf};
    return $named{$name}->($self) if $named{$name};
    return any(@{$schema->{enum}}) if $schema->{enum};
    my $type = any(ref $schema->{type} ? @{$schema->{type}} : $schema->{type});
    return undef if $type eq 'null';
    return any(true, false) if $type eq 'boolean';
    return $type eq 'number' ? rand 100 : integer($schema) if $type =~ /number|integer/;
    return [map { $self->valid($schema->{items}) } 1 .. rand 3] if $type eq 'array';
    return $self->object($schema) if $type eq 'object';
    my $format = $formats{$schema->{format} // ''};
    return $format ? $format->($self, $name) : text($schema);
}

sub integer ($schema) {
    return any(grep { defined } 1, 2, @$schema{qw(minimum maximum)});
}

sub object ($self, $schema) {
    my %required = map { $_ => 1 } @{$schema->{required} // []};
    my $known = $schema->{properties} // {};
    return {map { $_ => $self->valid($known->{$_}, $_) } grep { $required{$_} || chance(0.4) }
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

sub path_of ($self, $path) {
    my %wrong = (malformed => 'x', unknown => uuid());
    return $path =~ s{(\w+)/\K\{\w+\}}{
        $self->odd(0.1) ? $wrong{any(sort keys %wrong)} : $self->known_of($1)}ger;
}

sub query_of ($self, $op) {
    my @given = grep { $_->{required} || chance(0.2) } grep { $_->{in} eq 'query' }
        @{$op->{parameters} // []};
    my @pairs;
    for my $parameter (@given) {
        my $value = $self->odd(0.2) ? any(@strange) : $self->valid(@$parameter{qw(schema name)});
        $value = ref $value eq 'JSON::PP::Boolean' ? ($value ? 'true' : 'false')
            : ref $value ? encode_json($value) : $value // 'null';
        push @pairs, "$parameter->{name}=" . url_escape(Mojo::Util::encode('UTF-8', $value));
    }
    push @pairs, any('%', 'x=%zz', 'size=1&size=2', '&&', 'x', "\%ff=1") if $self->odd(0.05);
    return @pairs ? '?' . join('&', @pairs) : '';
}

# a body as text, its media type, and whether the document refuses it for the
# type of a member
sub body_of ($self, $op) {
    my $content = $op->{requestBody}{content} // return;
    return if !$op->{requestBody}{required} && chance(0.3);
    my $schema = $self->routes->flat($content->{'application/json'}{schema});
    my ($body, $mistyped) = ($self->object($schema), 0);
    my $known = $schema->{properties};
    my $some  = any(sort keys %$known);
    if ($self->odd(0.2)) {
        $body->{$some} = mistyped($self->routes->flat($known->{$some}));
        $mistyped = 1;
    }
    elsif ($self->odd(0.2)) { $body->{$some} = any(@strange) }
    elsif ($self->odd(0.1)) { delete $body->{$some} }
    elsif ($self->odd(0.1)) { $body->{unknown} = any(@strange) }
    return (encode_json($body), 'application/json', $mistyped) if !$self->odd(0.1);
    return any(
        ['{', 'application/json'], ['', 'application/json'], ['[]', 'application/json'],
        ['{"a":1,"a":2}', 'application/json'], ["{\"a\":\"\xff\"}", 'application/json'],
        ['[' x 100_000, 'application/json'], ['{}', 'text/plain'], ['{}', undef],
        ['a=%zz', 'application/x-www-form-urlencoded'],
    )->@*;
}


# Responses

# keeps what is in one of a path that others may need
sub learn ($self, $path, $json) {
    $self->learn_from($json, $path =~ s{/\{.*|/me$}{}r =~ s{.*/}{}r) if $path !~ /openapi/;
    return $self;
}

sub learn_from ($self, $value, $kind) {
    return map { $self->learn_from($_, $kind) } @$value if ref $value eq 'ARRAY';
    return if ref $value ne 'HASH';
    $self->keep($kind, $value->{id}) if ($value->{id} // '') =~ /^[0-9a-f-]{36}\z/;
    $self->keep(kind($_), $value->{$_})
        for grep { /_id\z/ && $_ ne 'request_id' } sort keys %$value;
    $self->keep(emails => $value->{email});
    $self->keep(refresh_tokens => $value->{refresh_token});
    $self->keep(cursors => $value->{next});
    $self->learn_from($value->{$_}, $_ eq 'data' ? $kind : $_ eq 'user' ? 'users' : $_)
        for sort keys %$value;
    return;
}

# the latest ones
sub keep ($self, $kind, $value) {
    return if !defined $value || ref $value;
    unshift @{$self->known->{$kind}}, $value;
    splice @{$self->known->{$kind}}, 5;
}

1;
