package Test::Autoflow::Foreign;

# A browser with an authenticator, and an app for codes, which others have written:
# t/npm/authenticator.cjs, with packages from npm.
#
#     my $device = Test::Autoflow::Foreign->device(alg => ['EdDSA'], uv => 0);
#     my $credential = $device->create('https://example.com', $options);
#     $credential = $device->get('https://example.com', $options);
#     my $code = Test::Autoflow::Foreign->code($secret, time);
#
# What a browser refuses, dies with the name of the error.

use Mojo::Base -base, -signatures;
use IPC::Open2;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json false true);
use Test::Autoflow;

has 'name';

my ($in, $out, $devices);

# undef: build.sh could not have the packages
sub npm { return Test::Autoflow::npm() }

sub order ($order, %with) {
    $in // start();
    print {$in} encode_json({order => $order, %with}), "\n";
    my $answer = decode_json(readline($out) // die 'the authenticator has ended');
    die "$answer->{error}\n" if $answer->{error};
    return $answer->{answer};
}

sub start {
    my $script = path("$Test::Autoflow::root/t/npm/authenticator.cjs");
    local $ENV{NODE_PATH} = npm();
    open2($out, $in, 'node', "$script");
}

sub settings (%with) {
    return {
        map({ exists $with{$_} ? ($_ => $with{$_} ? true : false) : () } qw(uv up stateless)),
        $with{alg} ? (algorithmIdentifiers => $with{alg}) : (),
        exists $with{increment} ? (signCounterIncrement => $with{increment}) : (),
        $with{transports} ? (transports => $with{transports}) : (),
    };
}

sub device ($class, %with) {
    my $self = $class->new(name => 'd' . ++$devices);
    order('device', name => $self->name, settings => settings(%with));
    return $self;
}

# one with the same credentials
sub copy ($self, %with) {
    my $copy = ref($self)->new(name => 'd' . ++$devices);
    order('copy', name => $copy->name, of => $self->name, settings => settings(%with),
        $with{rp_id} ? (rp_id => $with{rp_id}) : ());
    return $copy;
}

# whatever the RP id, if the origin is related to it
sub create ($self, $origin, $options, @related) {
    return order('create', name => $self->name, origin => $origin, options => $options,
        related => \@related);
}

sub get ($self, $origin, $options, @related) {
    return order('get', name => $self->name, origin => $origin, options => $options,
        related => \@related);
}

# its credential as servers keep it: id and public_key, in base64url
sub public_key ($self) { return order('public_key', name => $self->name) }

sub code ($class, $secret, $time, %with) {
    return order('code', secret => $secret, time => int $time, %with);
}

1;
