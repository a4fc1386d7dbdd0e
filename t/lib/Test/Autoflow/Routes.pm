package Test::Autoflow::Routes;

# The API of the module under test, from t/routes: its routes with their input
# and output, problems and statements; and whether a response conforms to it.
#
#     my $routes = Test::Autoflow::Routes->new(module => $module);
#     $_->{method}, $_->{path} for @{$routes->routes};
#     my @wrong = $routes->wrong(GET => '/api/v1/auth/me', $res);   # none: it conforms

use Mojo::Base -base, -signatures;

use Encode qw(encode);
use Fcntl qw(:flock);
use Mojo::File qw(curfile path);
use Mojo::JSON qw(decode_json encode_json);

my $source = curfile->dirname->sibling('../../routes/routes.c')->realpath;
my $root   = $source->dirname->dirname->dirname;

has 'module';
has table => sub ($self) { decode_json($self->printed->slurp) };
has routes => sub ($self) { $self->table->{routes} };

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


# Responses

# the faults of a response to a request; none for responses that aren't the
# module's
sub wrong ($self, $method, $path, $res) {
    my $headers = $res->headers;
    return () if $method eq 'HEAD' || !defined $headers->header('X-Request-ID')
        || ($headers->cache_control // '') ne 'no-store';
    return $self->problem_wrong($res)
        if ($headers->content_type // '') =~ m{^application/problem\+json};

    my $route = $self->route_of($method, $path);

    # responses of CORS and autoflow_verify, at any path, are empty
    return () if $res->body eq '' && (!$route || $route->{path} eq '/');
    return "it isn't of any route" if !$route;
    return "its status is not $route->{status}"
        if $res->code != $route->{status} && $res->code != 503;
    return $res->body eq '' ? () : 'it has a body' if !$route->{answer};
    return object_wrong('', $res->json, $route->{answer});
}

# wherever the API is mounted
sub route_of ($self, $method, $path) {
    do {
        for my $route (grep { $_->{method} eq $method } @{$self->routes}) {
            return $route if grep { $path =~ m{^$_/?\z} }
                map { s/\{\w+\}/[^\/]+/gr } grep { defined } @$route{qw(path alias)};
        }
    } while $path =~ s{^/[^/]+(?=/)}{};
    return;
}

# any string, except for its own rules
my $string  = {json => 'string',  min => 1, max => 0};
my $integer = {json => 'integer', min => 0, max => 0};

sub members (@members) {
    return [map { {name => $_->[0], type => $_->[1], nested => $_->[2], required => 1} } @members];
}

# RFC 9457, and the contract's additions
my $errors  = members(map { [$_ => $string] } qw(field code message));
my @problem = (
    map({ [$_ => $string] } qw(type title code detail request_id)),
    map({ [$_ => $integer] } qw(status status_code)),
);
my @invalid = (@problem, [errors => {json => 'array', min => 1, max => 0}, $errors]);

sub problem_wrong ($self, $res) {
    my $problem = $res->json;
    my $status  = $res->code;
    my @wrong   = object_wrong('', $problem, members($status == 422 ? @invalid : @problem));
    return @wrong if @wrong;
    my %is = (type => 'about:blank', status => $status, status_code => $status,
        request_id => $res->headers->header('X-Request-ID'));
    return map({ "$_ is not $is{$_}" } grep { $problem->{$_} ne $is{$_} } sort keys %is),
        (grep { $_->[0] == $status && $_->[1] eq $problem->{code} } @{$self->table->{problems}})
            ? () : "$status has no code $problem->{code}";
}

sub object_wrong ($at, $object, $fields) {
    return ($at =~ s/\.\z//r || 'it') . ' is not an object' if ref $object ne 'HASH';
    my %unknown = %$object;
    delete @unknown{map { $_->{name} } @$fields};
    return map({ "$at$_ is unknown" } sort keys %unknown),
        map { field_wrong("$at$_->{name}", $object, $_) } @$fields;
}

sub field_wrong ($at, $object, $field) {
    return $field->{required} ? "$at is missing" : () if !exists $object->{$field->{name}};
    my $value = $object->{$field->{name}};
    return $field->{nullable} ? () : "$at is null" if !defined $value;
    return value_wrong($at, $value, @$field{qw(type nested)});
}

sub value_wrong ($at, $value, $type, $nested = undef) {
    my $kind = kind($value);
    return "$at is not of the type $type->{json}"
        if $kind ne $type->{json} && ($kind ne 'integer' || $type->{json} ne 'number');
    return $nested ? object_wrong("$at.", $value, $nested) : () if $kind eq 'object';
    my $size = $kind eq 'array' ? @$value
        : $kind eq 'integer' ? $value
        : $type->{octets} ? length encode('UTF-8', $value) : length $value;
    return "$at is out of bounds"
        if $kind ne 'boolean' && ($size < $type->{min} || $type->{max} && $size > $type->{max});
    return text_wrong($at, $value, $type) if $kind eq 'string';
    return () if $kind ne 'array' || !($nested || $type->{element});
    return map { $nested ? object_wrong("$at.$_.", $value->[$_], $nested)
        : value_wrong("$at.$_", $value->[$_], $type->{element}) } 0 .. $#$value;
}

my %formats = (
    email       => qr/^[^@]+@[^@]+\.[^@]+\z/,
    uuid        => qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){4}[0-9a-f]{8}\z/,
    'date-time' => qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/,
);

sub text_wrong ($at, $text, $type) {
    my $rule = $formats{$type->{format} // ''} // $type->{pattern} // '(?:)';
    return $text =~ /$rule/ && (!$type->{values} || grep { $_ eq $text } @{$type->{values}})
        ? () : "$at is \"$text\"";
}

# as in JSON
sub kind ($value) {
    return {HASH => 'object', ARRAY => 'array'}->{ref $value} // 'boolean' if ref $value;
    my $json = encode_json([$value]);
    return $json eq '[null]' ? 'null' : $json =~ /^\["/ ? 'string'
        : $json =~ /[.e]/i ? 'number' : 'integer';
}

1;
