package Test::Autoflow::Totp;

# The codes of an authenticator app (RFC 6238), at a time of the test's choosing.
#
#     totp($secret, $t->now)

use Mojo::Base -strict, -signatures;

use Digest::SHA qw(hmac_sha1);
use Exporter qw(import);

our @EXPORT_OK = qw(totp totp_wrong);

sub totp ($secret, $time) {
    my $bits = join '', map { sprintf '%05b', index 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $_ }
        split //, $secret;
    my $mac = hmac_sha1(pack('Q>', int($time / 30)), pack 'B*', $bits);
    my $at  = ord(substr $mac, -1) & 15;
    return sprintf '%06d', (unpack('N', substr $mac, $at, 4) & 0x7fffffff) % 1_000_000;
}

# none of those that are right about then
sub totp_wrong ($secret, $time) {
    my %right = map { totp($secret, $time + 30 * $_) => 1 } -2 .. 2;
    my ($wrong) = grep { !$right{$_} } map { sprintf '%06d', $_ } 0 .. 5;
    return $wrong;
}

1;
