package Test::Autoflow::Routes;

# The API of the module under test, from t/routes: its OpenAPI document, and
# what that doesn't tell of routes, problems and statements; and whether a
# response conforms to the document.
#
#     my $routes = Test::Autoflow::Routes->new(module => $module);
#     $_->{method}, $_->{path} for @{$routes->routes};
#     my @wrong = $routes->wrong(GET => '/api/v1/auth/me', $res);   # none: it conforms

use Mojo::Base -base, -signatures;

use Fcntl qw(:flock);
use List::Util qw(uniq);
use Mojo::File qw(curfile path);
use Mojo::JSON qw(decode_json encode_json);
use Scalar::Util qw(refaddr);

my $source = curfile->dirname->sibling('../../routes/routes.c')->realpath;
my $root   = $source->dirname->dirname->dirname;

has 'module';
has table => sub ($self) { decode_json($self->printed->slurp) };
has document => sub ($self) { $self->table->{document} };
has routes   => sub ($self) { $self->table->{routes} };

# each path of the document as a pattern, with its methods
has paths => sub ($self) {
    my $paths = $self->document->{paths};
    return [map { [qr{^@{[s/\{\w+\}/[^\/]+/gr]}/?\z}, $paths->{$_}, $_] } sort keys %$paths];
};

# printed by a program that is linked with the module's objects: once for each
# build
sub printed ($self) {
    my $module  = path($self->module)->realpath;
    my $printed = $module->sibling('autoflow', 'routes.json');
    open my $lock, '>', "$printed.lock" or die "$printed.lock: $!";
    flock $lock, LOCK_EX or die "flock: $!";
    return $printed if -e $printed && -M $printed < -M $module && -M $printed < -M $source;

    my $program = $self->build($module->dirname);
    local $ENV{ASAN_OPTIONS} = 'detect_leaks=0';
    system("$program >$printed.new") == 0 or die "$program failed";
    rename "$printed.new", $printed or die "rename: $!";
    return $printed;
}

# below nginx's objs/
sub build ($self, $objs) {
    my $nginx = $objs->dirname;
    my @sources = map { chomp; $_ }
        `find -L $nginx/src/core $nginx/src/event $nginx/src/os/unix $nginx/src/http -type d`;
    my @objects = map { $objs->child("addon/$_")->list->grep(qr/\.o$/)->each }
        qw(api autoflow check), 'flow';
    system('gcc', '-o', "$objs/autoflow/routes", $source,
        grep({ !m{/flow/values\.o$} } @objects), "$objs/addon/http/problem.o",
        '-no-pie', '-Wl,--unresolved-symbols=ignore-all', '-ljansson',
        ($ENV{AUTOFLOW_ASAN} ? '-fsanitize=address,undefined' : ()),
        ($ENV{AUTOFLOW_COVERAGE} ? '--coverage' : ()),
        map({ ('-I', $_) } "$root/src", "$objs/autoflow", $objs, @sources),
        split ' ', `pkg-config --cflags libpq`) == 0 or die "can't build $source";
    return "$objs/autoflow/routes";
}


# Requests

# the fields of the body of a route, at one of its paths, and of its query:
# [where, name, type, required]
sub fields ($self, $method, $path) {
    my $op   = $self->document->{paths}{$path}{lc $method};
    my $json = $op->{requestBody}{content}{'application/json'};
    my $body = $json ? $self->flat($json->{schema}) : {};
    my %required = map { $_ => 1 } @{$body->{required} // []};
    return (
        map({ ['body', $_, type($body->{properties}{$_}), $required{$_}] }
            sort keys %{$body->{properties} // {}}),
        map({ ['query', $_->{name}, type($_->{schema}), $_->{required}] }
            grep { $_->{in} eq 'query' } @{$op->{parameters} // []}),
    );
}

# a reference is to an object
sub type ($schema) {
    return ref $schema->{type} ? $schema->{type}[0] : $schema->{type} // 'object';
}


# Responses

# where the API is for sure
my %mounts = map { $_ => 1 } '', '/api', '/api/v1';

# the faults of a response to a request; none for responses that aren't the
# module's
sub wrong ($self, $method, $path, $res) {
    my $headers = $res->headers;
    return () if $method eq 'HEAD' || !defined $headers->header('X-Request-ID')
        || ($headers->cache_control // '') !~ /^no-(?:store|cache)\z/;
    return () if ($headers->content_type // '') =~ /\bversion=(?:0\.0\.4|1\.0\.0);/;     # metrics
    my ($op, $at, $mount) = $self->operation($method, $path);

    # responses of CORS and autoflow_verify, at any path, are empty
    return () if $res->body eq '' && (!$op || $at eq '/');
    my $problem = ($headers->content_type // '') =~ m{^application/problem\+json};
    return $problem ? $self->problem_wrong($res) : "it isn't of any route"
        if !$op || $problem && ($at eq '/' || $res->code == 404 && !$mounts{$mount});

    my $response = $self->resolved($op->{responses}{$res->code})
        // return 'it has no response ' . $res->code;
    return ($self->content_wrong($response->{content}, $res),
        $problem ? problem_consistent($res) : (),
        map({ "$_ is missing" } grep { $_ ne 'Set-Cookie' && !defined $headers->header($_) }
            sort keys %{$response->{headers}}));
}

# wherever the API is mounted: also the path in the document, and what precedes
# it
sub operation ($self, $method, $path) {
    my $mount = '';
    do {
        for my $known (@{$self->paths}) {
            my ($pattern, $item, $name) = @$known;
            return ($item->{lc $method}, $name, $mount)
                if $item->{lc $method} && $path =~ $pattern;
        }
    } while $path =~ s{^/[^/]+(?=/)}{} && ($mount .= $&);
    return;
}

sub content_wrong ($self, $content, $res) {
    return $res->body eq '' ? () : 'it has a body' if !$content;
    my $type = ($res->headers->content_type // '') =~ s/;.*//r;
    my $media = $content->{$type} // return "it is of the type $type";
    return $type =~ /json/ ? $self->value_wrong('', $res->json, $media->{schema}) : ();
}

# of no route, or given before there was one
sub problem_wrong ($self, $res) {
    my ($status, $problem) = ($res->code, $res->json);
    my @wrong = $self->value_wrong('', $problem, {'$ref' => '#/components/schemas/Problem'});
    push @wrong, problem_consistent($res) if !@wrong;
    return @wrong, (grep { $_->[0] == $status && $_->[1] eq $problem->{code} }
        @{$self->table->{problems}}) ? () : "$status has no code $problem->{code}";
}

sub problem_consistent ($res) {
    my $problem = $res->json;
    my %is = (type => 'about:blank', status => $res->code, status_code => $res->code,
        request_id => $res->headers->header('X-Request-ID'));
    return map({ "$_ is not $is{$_}" } grep { ($problem->{$_} // '') ne $is{$_} } sort keys %is),
        map({ "$_ is empty" } grep { ($problem->{$_} // '') eq '' } qw(title detail)),
        $res->code == 422 ? @{$problem->{errors} // []} ? () : 'errors are missing'
        : exists $problem->{errors} ? 'errors are only for a 422' : ();
}


# JSON Schema, as far as the document uses it; a member that no schema knows is
# a fault

sub resolved ($self, $object) {
    while (ref $object && defined(my $ref = $object->{'$ref'})) {
        $object = $self->document;
        $object = $object->{$_ =~ s{~1}{/}gr} for grep { $_ ne '#' } split m{/}, $ref;
    }
    return $object;
}

# without references, and with the members of "allOf" as its own
sub flat ($self, $schema) {
    return $self->{flat}{refaddr $schema} //= do {
        my $flat = $self->resolved($schema);
        my @all = map { $self->flat($_) } @{$flat->{allOf} // []};
        !@all ? $flat : {
            %{$all[0]},
            properties => {map { %{$_->{properties} // {}} } @all},
            required   => [uniq map { @{$_->{required} // []} } @all],
        };
    };
}

sub value_wrong ($self, $at, $value, $schema) {
    $schema = $self->flat($schema);
    return $self->any_wrong($at, $value, $schema->{anyOf}) if $schema->{anyOf};
    return () if !defined $schema->{type};

    my $kind  = kind($value);
    my @types = ref $schema->{type} ? @{$schema->{type}} : $schema->{type};
    my $name  = $at =~ s/\.\z//r || 'it';
    return $kind eq 'null' ? "$name is null" : $types[0] eq 'object' ? "$name is not an object"
        : "$name is not of the type $types[0]"
        if !grep { $_ eq $kind || $_ eq 'number' && $kind eq 'integer' } @types;
    my $check = $self->can("${kind}_wrong") // return ();
    return $self->$check($name, $value, $schema);
}

sub any_wrong ($self, $at, $value, $schemas) {
    my @first;
    for my $schema (@$schemas) {
        my @wrong = $self->value_wrong($at, $value, $schema) or return ();
        @first = @wrong if !@first;
    }
    return @first;
}

sub object_wrong ($self, $name, $object, $schema) {
    my $known = $schema->{properties} // return ();
    my $at    = $name eq 'it' ? '' : "$name.";
    return map({ "$at$_ is unknown" } grep { !$known->{$_} } sort keys %$object),
        map({ "$at$_ is missing" } grep { !exists $object->{$_} } @{$schema->{required} // []}),
        map { $self->value_wrong("$at$_", $object->{$_}, $known->{$_}) }
        grep { $known->{$_} } sort keys %$object;
}

sub array_wrong ($self, $name, $array, $schema) {
    return "$name is out of bounds" if outside(scalar @$array, @$schema{qw(minItems maxItems)});
    return map { $self->value_wrong("$name.$_", $array->[$_], $schema->{items}) } 0 .. $#$array;
}

sub integer_wrong ($self, $name, $n, $schema) {
    return outside($n, @$schema{qw(minimum maximum)}) ? "$name is out of bounds" : ();
}

# of those that responses have
my %formats = (
    email       => qr/^[^@]+@[^@]+\.[^@]+\z/,
    uuid        => qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){4}[0-9a-f]{8}\z/,
    'date-time' => qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/,
    date        => qr/^\d{4}-\d\d-\d\d\z/,
);

sub string_wrong ($self, $name, $text, $schema) {
    return "$name is out of bounds" if outside(length $text, @$schema{qw(minLength maxLength)});
    my $rule = $formats{$schema->{format} // ''} // $schema->{pattern} // '(?:)';
    return $text =~ /$rule/ && (!$schema->{enum} || grep { ($_ // '') eq $text } @{$schema->{enum}})
        ? () : "$name is \"$text\"";
}

sub outside ($n, $min, $max) { $n < ($min // $n) || $n > ($max // $n) }

# as in JSON
sub kind ($value) {
    return {HASH => 'object', ARRAY => 'array'}->{ref $value} // 'boolean' if ref $value;
    my $json = encode_json([$value]);
    return $json eq '[null]' ? 'null' : $json =~ /^\["/ ? 'string'
        : $json =~ /[.e]/i ? 'number' : 'integer';
}

1;
