package Factors;

# Second factors, as a recipe has made them of another system's: what
# autoflow.import_factors() takes of each, or why it can't be imported.

use v5.36;
use Encode qw(encode);
use JSON::XS;
use MIME::Base64 qw(decode_base64);

use constant {
    MAX         => 20,      # of an account, as autoflow.factor_problem() has it
    CODES_MAX   => 100,
    KEY_MAX     => 1024,    # src/webauthn/types.h
    ID_MAX      => 1023,
    HANDLE_MAX  => 64,
    SECRET_MIN  => 10,      # what apps had when they began
    SECRET_MAX  => 64,      # src/crypto/totp.c
};

my $uuid   = qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/i;
my $base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
my %kinds  = (totp => \&totp, webauthn => \&webauthn);
my %names  = (totp => 'App', webauthn => 'Passkey');

# Takes the factors and recovery codes out of an account.  Returns them as rows, in
# which a secret is a "seed" still, in base32; and what is wrong with the others, as
# "field code".
#
# Of %with: "rp_id", that of this site; "seals", whether there is a key for secrets;
# "open", which opens sealed ones: with no key, they are left as they are.
sub take ($account, %with) {
    my ($factors, $codes) = delete @$account{qw(factors recovery_codes)};
    my (@rows, @problems);
    $factors = list($factors) // do { push @problems, 'factors format'; [] };
    for my $n (0 .. $#$factors) {
        my ($row, $problem) = factor($factors->[$n], $account, \%with);
        push @problems, "factors.$n.$problem" if !$row;
        push @rows, {%$row, factor => $n} if $row;
    }
    push @problems, 'factors length' if @rows > MAX;
    splice @rows, MAX if @rows > MAX;
    $codes = list($codes) // [''];
    if (grep({ !defined || !/^[0-9a-f]{64}\z/ } @$codes) || @$codes > CODES_MAX
        || @$codes && ($account->{id} // '') !~ $uuid)
    {
        push @problems, 'recovery_codes format';
    }
    elsif (@$codes) {
        push @rows, {recovery_codes => $codes};
    }
    return (\@rows, \@problems);
}

# what there is to see of them
sub shown ($account) {
    my $factors = list($account->{factors}) // [];
    return [map { my $f = $_; +{map { $_ => "$f->{$_}" } grep { defined $f->{$_} } qw(type name)} }
        grep { ref eq 'HASH' } @$factors];
}

# an array, also as JSON in a column of text; undef: none
sub list ($value) {
    $value = eval { JSON::XS->new->decode($value) } // 0 if ($value // '') ne '' && !ref $value;
    return !ref $value && ($value // '') eq '' ? [] : ref $value eq 'ARRAY' ? $value : undef;
}

sub factor ($factor, $account, $with) {
    return (undef, 'type format') if ref $factor ne 'HASH';
    my $type = text($factor, 'type') // '';
    my $read = $kinds{$type} // return (undef, 'type unsupported');
    my ($row, $problem) = $read->($factor, $account, $with);
    return (undef, $problem) if !$row;
    my $name = (text($factor, 'name') // '') =~ s/[[:cntrl:]]+/ /gr =~ s/^\s+//r;
    $name = substr($name, 0, 100) =~ s/\s+\z//r;
    return {
        %$row, kind => $type, name => $name eq '' ? $names{$type} : $name,
        map { $_ => text($factor, $_) } qw(created_at last_used_at),
    };
}

# of a member that is neither missing nor empty
sub text ($factor, $member) {
    my $value = $factor->{$member};
    return !defined $value || ref $value && !JSON::XS::is_bool($value) || $value eq '' ? undef
        : "$value";
}

sub boolean ($factor, $member) {
    my $text = text($factor, $member) // return undef;
    return lc $text =~ /^(?:true|t|1|yes)\z/ ? \1 : \0;
}


# Apps (RFC 6238): the module knows one kind of code

sub totp ($factor, $account, $with) {
    my $algorithm = uc(text($factor, 'algorithm') // 'SHA1') =~ s/^HMAC//r =~ s/-//gr;
    return (undef, 'algorithm unsupported') if $algorithm ne 'SHA1';
    my %only = (digits => 6, period => 30, offset => 0);
    for (sort keys %only) {
        return (undef, "$_ unsupported") if (text($factor, $_) // $only{$_}) ne $only{$_};
    }
    my $step = text($factor, 'last_step') // -1;
    my %row  = $step =~ /^\d{1,15}\z/ ? (last_step => 0 + $step) : ();
    my $sealed = text($factor, 'sealed_secret');
    my ($seed, $problem) = defined $sealed ? opened($sealed, $account, $with)
        : seed(text($factor, 'secret'), text($factor, 'encoding') // 'base32');
    return (undef, $problem) if $problem;
    return {%row, sealed_seed => $sealed} if !defined $seed;
    return $with->{seals} ? {%row, seed => $seed} : (undef, 'secret key');
}

# what is sealed is of an account, so that nobody can give it to another one
sub opened ($sealed, $account, $with) {
    my $id = lc($account->{id} // '');
    return (undef, 'secret format')
        if $id !~ $uuid || $sealed !~ /^[\$]sealed[\$]([A-Za-z0-9_-]{64,})\z/;
    return () if !$with->{seals};
    my $text = $with->{open}->($1) // return (undef, 'secret key');
    return $text =~ /^\Q$id\E([A-Z2-7]+)\z/ ? $1 : (undef, 'secret key');
}

sub seed ($text, $encoding) {
    return (undef, 'secret required') if !defined $text;
    my $octets = $encoding eq 'base32' ? from_base32($text)
        : $encoding eq 'hex'    ? ($text =~ /^(?:[0-9a-f]{2})+\z/i ? pack('H*', $text) : undef)
        : $encoding eq 'base64' ? octets($text)
        : $encoding eq 'text'   ? encode('UTF-8', $text)
        : return (undef, 'encoding unsupported');
    return (undef, 'secret format') if !defined $octets;
    return (undef, 'secret length')
        if length $octets < SECRET_MIN || length $octets > SECRET_MAX;
    return to_base32($octets);
}

sub from_base32 ($text) {
    $text = uc $text =~ s/[\s=-]+//gr;
    return undef if $text !~ /^[A-Z2-7]+\z/;
    my $bits = join '', map { sprintf '%05b', index $base32, $_ } split //, $text;
    return pack 'B*', substr $bits, 0, 8 * int(length($bits) / 8);
}

sub to_base32 ($octets) {
    my $bits = unpack 'B*', $octets;
    $bits .= '0' x (-length($bits) % 5);
    return join '', map { substr $base32, oct "0b$_", 1 } $bits =~ /(.{5})/g;
}


# Passkeys

sub webauthn ($factor, $account, $with) {
    my $rp_id = $with->{rp_id} // return (undef, 'rp_id required');
    return (undef, 'rp_id reference') if (text($factor, 'rp_id') // $rp_id) ne $rp_id;
    my %octets;
    for (['credential_id', ID_MAX], ['public_key', KEY_MAX], ['user_handle', HANDLE_MAX]) {
        my ($member, $max) = @$_;
        my $text = text($factor, $member);
        next if !defined $text && $member eq 'user_handle';
        $octets{$member} = octets($text // return (undef, "$member required"));
        my $length = length($octets{$member} // '');
        return (undef, "$member format") if $length < 1 || $length > $max;
    }
    my $algorithm = cose_algorithm($octets{public_key}) // return (undef, 'public_key format');
    return (undef, 'algorithm unsupported') if !$algorithm;
    my $counter = text($factor, 'counter') // 0;
    return (undef, 'counter format') if $counter !~ /^\d{1,10}\z/ || $counter >= 1 << 32;
    my $transports = $factor->{transports};
    $transports = [split /,/, $transports // ''] if !ref $transports;
    my ($aaguid, $attestation) = map { text($factor, $_) // '' } qw(aaguid attestation);
    return {
        (map { $_ => unpack 'H*', $octets{$_} } keys %octets),
        algorithm => $algorithm, counter => 0 + $counter,
        transports => [grep({ defined && /^[a-z-]{1,32}\z/ }
            map { defined ? lc : undef } ref $transports eq 'ARRAY' ? @$transports : ())],
        user_verified   => boolean($factor, 'user_verified') // \0,
        discoverable    => boolean($factor, 'discoverable') // \0,
        backup_eligible => boolean($factor, 'backup_eligible'),
        backed_up       => boolean($factor, 'backed_up') // \0,
        aaguid          => $aaguid =~ $uuid ? $aaguid : undef,
        attestation     => $attestation =~ /^[a-z0-9-]{1,32}\z/ ? $attestation : 'none',
    };
}

# of base64 in either alphabet, or hexadecimal as PostgreSQL shows it
sub octets ($text) {
    return pack 'H*', $1 if $text =~ /^\\x((?:[0-9a-f]{2})*)\z/i;
    my $digits = $text =~ tr{-_}{+/}r =~ s/=+\z//r;
    return undef if $digits !~ m{^[A-Za-z0-9+/]+\z} || length($digits) % 4 == 1;
    return decode_base64($digits . '=' x (-length($digits) % 4));
}

# A COSE_Key, as src/webauthn/cose.c takes it: its algorithm; 0: one that we don't
# know; undef: it is none.
sub cose_algorithm ($octets) {
    my %member = eval { cose_members($octets) } or return undef;
    my $is = sub ($label, $value) { ($member{$label} // '') eq $value };
    my $has = sub ($label, $min, $max = $min) {
        my $length = ref $member{$label} ? length ${$member{$label}} : 0;
        return $length >= $min && $length <= $max;
    };
    return undef if ref($member{3} // \'') || $member{3} !~ /^-?\d+\z/;
    my $good = $is->(3, -7) ? $is->(1, 2) && $is->(-1, 1) && $has->(-2, 32) && $has->(-3, 32)
        : $is->(3, -8)   ? $is->(1, 1) && $is->(-1, 6) && $has->(-2, 32)
        : $is->(3, -257) ? $is->(1, 3) && $has->(-1, 256, 512) && $has->(-2, 1, 8)
        : return 0;
    return $good ? 0 + $member{3} : undef;
}

# integers, and references of octets, by their labels; dies if it has anything else
sub cose_members ($octets) {
    my ($type, $n) = cbor_head(\$octets);
    $type == 5 or die 'no map';
    my %member;
    for (1 .. $n) {
        my $label = cbor_value(\$octets);
        !ref $label && $label >= -3 && $label <= 3 && !exists $member{$label} or die 'label';
        $member{$label} = cbor_value(\$octets);
    }
    $octets eq '' or die 'more';
    return %member;
}

sub cbor_value ($rest) {
    my ($type, $n) = cbor_head($rest);
    return $type == 0 ? $n : -1 - $n if $type < 2;
    $type == 2 && $n <= length $$rest or die 'neither an integer nor octets';
    my $octets = substr $$rest, 0, $n, '';
    return \$octets;
}

sub cbor_head ($rest) {
    length $$rest or die 'short';
    my $first = ord substr $$rest, 0, 1, '';
    my ($type, $n) = ($first >> 5, $first & 31);
    return ($type, $n) if $n < 24;
    my ($size, $format) = @{{24 => [1, 'C'], 25 => [2, 'n'], 26 => [4, 'N']}->{$n} // die 'head'};
    length $$rest >= $size or die 'short';
    return ($type, unpack $format, substr $$rest, 0, $size, '');
}

1;
