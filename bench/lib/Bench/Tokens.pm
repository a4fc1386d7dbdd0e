package Bench::Tokens;

# Keys, and access tokens as the module issues them, of the algorithms that are
# compared.

use Mojo::Base -strict, -signatures;
use Bench::Machine;
use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Digest::SHA qw(hmac_sha256);
use Exporter qw(import);
use MIME::Base64 qw(encode_base64url);
use Mojo::File qw(curfile path);
use Mojo::JSON qw(encode_json);
use POSIX ();

our @EXPORT_OK = qw(key_file secret token_file token);

my $secret = 'the key of the benchmarks tokens';
my %make   = (
    RS256 => sub { Crypt::PK::RSA->new->generate_key(256) },
    ES256 => sub { Crypt::PK::ECC->new->generate_key('secp256r1') },
    EdDSA => sub { Crypt::PK::Ed25519->new->generate_key },
);
my %sign = (
    HS256 => sub ($text) { hmac_sha256($text, $secret) },
    RS256 => sub ($text) { key('RS256')->sign_message($text, 'SHA256', 'v1.5') },
    ES256 => sub ($text) { key('ES256')->sign_message_rfc7518($text, 'SHA256') },
    EdDSA => sub ($text) { key('EdDSA')->sign_message($text) },
);

# signing takes longer than verifying, so keys and tokens are kept for the next run
my $kept = curfile->dirname->dirname->dirname->sibling('build/bench');

sub secret { $secret }

sub key ($alg) {
    state %key;
    return $key{$alg} //= do {
        my $file = $kept->make_path->child("key-$alg");
        $file->spurt(pem($make{$alg}->(), 'private'))->chmod(0600) if !-e $file;
        my $class = ref $make{$alg}->();
        $class->new("$file");
    };
}

sub pem ($key, $kind) {
    return $key->export_key_pem($key->isa('Crypt::PK::ECC') ? "${kind}_short" : $kind);
}

# a file for autoflow_key, of what verifies
sub key_file ($alg, $dir) {
    my $file = path($dir, "key-$alg")->spurt($alg eq 'HS256' ? $secret : pem(key($alg), 'public'));
    $file->chmod(0600);
    return $file;
}

# the n-th, of an account of its own unless the claims say otherwise
sub token ($alg, $n = 1, %claims) { signed($alg, sprintf text(%claims), id($n), $n) }

sub id ($n) { sprintf '00000000-0000-7000-8000-%012x', $n }

# the claims as JSON, a format for sprintf() of an id and a number: to make a million
# texts from it takes as long as to encode a hundred thousand
sub text (%claims) {
    state $start = time;
    my $text = encode_json({
        iss => 'autoflow', sub => 'ID', sid => 'ID', jti => 'ID', epoch => 0,
        email => 'accountNUMBER@example.com', email_verified => Mojo::JSON->true, roles => [],
        is_superuser => Mojo::JSON->false, iat => $start - 5, exp => $start + 1_000_000_000,
        %claims,
    });
    return $text =~ s/%/%%/gr =~ s/"ID"/"%1\$s"/gr =~ s/NUMBER/%2\$d/r;
}

sub signed ($alg, $text) {
    state %head;
    $head{$alg} //= encode_base64url(encode_json({alg => $alg, typ => 'JWT'})) . '.';
    my $signed = $head{$alg} . encode_base64url($text);
    return "$signed." . encode_base64url($sign{$alg}->($signed));
}

# a file of so many, a line each; made by as many processes as there are processors
sub token_file ($alg, $count) {
    my $file = $kept->make_path->child("tokens-$alg-$count");
    return $file if -e $file;
    key($alg) if $make{$alg};
    my $text  = text();
    my $parts = $count < 1000 ? 1 : Bench::Machine::cpus();
    my @parts = map { "$file.$_" } 1 .. $parts;
    my @pids  = map { my $part = $_; in_process(sub {
        open my $out, '>', $parts[$part - 1] or die "$parts[$part - 1]: $!";
        for my $n (1 + int($count * ($part - 1) / $parts) .. int($count * $part / $parts)) {
            print {$out} signed($alg, sprintf $text, id($n), $n), "\n";
        }
        close $out or die "$parts[$part - 1]: $!";
    }) } 1 .. $parts;
    waitpid($_, 0) == $_ && $? == 0 or die "no tokens of $alg\n" for @pids;
    system('sh', '-c', 'out=$1; shift; cat "$@" >"$out.new" && rm "$@" && mv "$out.new" "$out"',
        'sh', $file, @parts) == 0 or die "no file $file\n";
    return $file;
}

sub in_process ($do) {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    POSIX::_exit(!eval { $do->(); 1 });
}

1;
