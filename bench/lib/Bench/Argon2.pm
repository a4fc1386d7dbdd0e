package Bench::Argon2;

# What a processor makes of Argon2id alone: as many processes as there are
# processors verify a password by libsodium, at the module's default cost.

use Mojo::Base -base, -signatures;
use Bench::Machine;
use POSIX ();
use Time::HiRes qw(time);

has processes => sub { scalar Bench::Machine::cpus() };
has memory    => 19 * 1024 * 1024;
has passes    => 2;

my ($make, $verify);

# libsodium's functions
sub load {
    require FFI::Platypus;
    require FFI::Platypus::Buffer;
    my $ffi = FFI::Platypus->new(api => 1, lib => 'libsodium.so.23');
    $ffi->function(sodium_init => [] => 'int')->call;
    $verify = $ffi->function(crypto_pwhash_str_verify => [qw(string string uint64)] => 'int');
    $make = $ffi->function(crypto_pwhash_str => [qw(opaque string uint64 uint64 size_t)] => 'int');
}

sub hash ($self, $password) {
    my $hash = "\0" x 128;
    my ($address) = FFI::Platypus::Buffer::scalar_to_buffer($hash);
    $make->call($address, $password, length $password, $self->passes, $self->memory) == 0 or die;
    return $hash =~ s/\0.*//sr;
}

sub run ($self, %options) {
    load() if !$make;
    my $password = 'correct horse battery staple';
    my $hash     = $self->hash($password);
    my @readers  = map { worker($hash, $password, $options{seconds}) } 1 .. $self->processes;
    my $rate = 0;
    for (@readers) {
        $rate += readline($_) || 0;
        close $_;
    }
    return {rate => $rate};
}

# a process that writes its rate
sub worker ($hash, $password, $seconds) {
    my $pid = open(my $reader, '-|') // die "fork: $!";
    return $reader if $pid;
    my ($start, $count) = (time, 0);
    while (time < $start + $seconds) {
        $verify->call($hash, $password, length $password) == 0 or last;
        $count++;
    }
    print $count / (time - $start), "\n";
    STDOUT->flush;
    POSIX::_exit(0);
}

1;
