package Test::Autoflow::Authenticator;

# A browser and an authenticator in one, in software: what navigator.credentials
# answers to options, as toJSON() has it (WebAuthn, level 3).
#
#     my $device = Test::Autoflow::Authenticator->new(origin => 'https://example.com');
#     my $credential = $device->create($options);
#     $credential = $device->get($options, origin => 'https://evil.example');
#
# It has one credential, and does what it is told: %with says what else is wrong.

use Mojo::Base -base, -signatures;
use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Digest::SHA qw(sha256);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Mojo::JSON qw(encode_json false true);

has 'origin';
has alg      => -7;
has counter  => 0;        # of the last use; undef: it has none
has verifies => 1;        # asks for a PIN
has present  => 1;
has eligible => 0;        # for backup
has backed_up => 0;
has rk       => 1;        # discoverable
has [qw(id key handle rp_id)];

# two of one
sub clone ($self) { ref($self)->new(map { $_ => $self->{$_} } keys %$self) }

sub create ($self, $options, %with) {
    $self->id(join '', map { chr int rand 256 } 1 .. 32)->rp_id($options->{rp}{id});
    $self->handle(decode_base64url($options->{user}{id}));
    my $cose = $self->new_key;
    my $credential = pack('H32 n', $with{aaguid} // '00' x 16, length $self->id) . $self->id
        . ($with{public_key} // cbor($cose));
    my $data = $self->data(0x40, %with) . $credential;
    my $client = $self->client('webauthn.create', $options, %with);
    my $attestation = cbor({
        fmt => text($with{format} // 'none'),
        attStmt => $with{format} ? {
            alg => $self->alg, sig => octets($self->sign($data . sha256($client))),
        } : {},
        authData => octets($with{data} // $data),
    });
    return {
        id => b64($self->id), rawId => b64($self->id), type => 'public-key',
        authenticatorAttachment => 'platform',
        clientExtensionResults => {credProps => {rk => $self->rk ? true : false}},
        response => {
            clientDataJSON => b64($client), attestationObject => b64($attestation),
            transports => ['internal', 'hybrid'],
        },
    };
}

sub get ($self, $options, %with) {
    my $data   = $self->data(0, %with);
    my $client = $self->client('webauthn.get', $options, %with);
    return {
        id => b64($with{id} // $self->id), rawId => b64($with{id} // $self->id),
        type => 'public-key', clientExtensionResults => {},
        response => {
            clientDataJSON => b64($client), authenticatorData => b64($data),
            signature => b64($with{signature} // $self->sign($data . sha256($client))),
            exists $with{handle}
                ? (defined $with{handle} ? (userHandle => b64($with{handle})) : ())
                : (userHandle => b64($self->handle)),
        },
    };
}

# the authenticator data, up to what is attested
sub data ($self, $flags, %with) {
    $self->counter($self->counter + 1) if defined $self->counter;
    my $counter = $with{counter} // $self->counter // 0;
    $flags |= 0x01 if $with{present} // $self->present;
    $flags |= 0x04 if $with{verified} // $self->verifies;
    $flags |= 0x08 if $with{eligible} // $self->eligible;
    $flags |= 0x10 if $with{backed_up} // $self->backed_up;
    return sha256($with{rp_id} // $self->rp_id) . pack 'C N', $flags, $counter;
}

sub client ($self, $type, $options, %with) {
    return encode_json({
        type => $with{type} // $type, challenge => $with{challenge} // $options->{challenge},
        origin => $with{origin} // $self->origin, crossOrigin => $with{cross} ? true : false,
    });
}

sub new_key ($self) {
    if ($self->alg == -7) {
        my $key = $self->key(Crypt::PK::ECC->new->generate_key('secp256r1'))->key;
        my (undef, $x, $y) = unpack 'a1 a32 a32', $key->export_key_raw('public');
        return {1 => 2, 3 => -7, -1 => 1, -2 => octets($x), -3 => octets($y)};
    }
    if ($self->alg == -8) {
        my $key = $self->key(Crypt::PK::Ed25519->new->generate_key)->key;
        return {1 => 1, 3 => -8, -1 => 6, -2 => octets($key->export_key_raw('public'))};
    }
    my $key = $self->key(Crypt::PK::RSA->new->generate_key(256))->key->key2hash;
    return {1 => 3, 3 => -257, map { $_->[0] => octets(pack 'H*', $_->[1]) }
        [-1 => $key->{N}], [-2 => length($key->{e}) % 2 ? "0$key->{e}" : $key->{e}]};
}

sub sign ($self, $data) {
    return $self->alg == -257 ? $self->key->sign_message($data, 'SHA256', 'v1.5')
        : $self->alg == -8 ? $self->key->sign_message($data)
        : $self->key->sign_message($data, 'SHA256');
}

sub b64 ($octets) { encode_base64url($octets) }

# CBOR: integers, and what these two say
sub octets ($octets) { [octets => $octets] }
sub text ($text)     { [text => $text] }

sub cbor ($item) {
    return head($item < 0 ? 1 : 0, $item < 0 ? -1 - $item : $item) if !ref $item;
    return head($item->[0] eq 'text' ? 3 : 2, length $item->[1]) . $item->[1]
        if ref $item eq 'ARRAY';
    my %keys = map { (/^-?\d+$/ ? cbor($_) : cbor(text($_))) => $item->{$_} } keys %$item;
    return head(5, scalar keys %keys)
        . join '', map { $_ . cbor($keys{$_}) }
        sort { length $a <=> length $b || $a cmp $b } keys %keys;
}

sub head ($type, $n) {
    return $n < 24 ? pack('C', $type << 5 | $n) : $n < 256 ? pack('C C', $type << 5 | 24, $n)
        : pack 'C n', $type << 5 | 25, $n;
}

1;
