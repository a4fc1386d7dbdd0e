package Bench::Callgrind;

# The server under valgrind's callgrind, which counts the instructions of its one
# worker: a number without noise.  What libraries choose by the processor is
# pinned as far as they let it be: OpenSSL and glibc to what every x86-64 has.
# valgrind's processor is its own; libsodium and jansson have nothing to choose
# on these paths.

use Mojo::Base 'Bench::Server', -signatures;
use List::Util qw(min);
use Mojo::File qw(path);

has user    => 'root';                # so that valgrind's files are accessible
has patient => 1;
has clock   => 1;                     # to be stopped: nginx's work would depend on time

my @without = map { "-$_" } qw(AVX512F AVX2 AVX AVX_Fast_Unaligned_Load BMI1 BMI2 ERMS FSRM LZCNT
    MOVBE POPCNT SSE4_2 SSE4_1 SSSE3);
my %pinned = (
    OPENSSL_ia32cap => '0x078bffff:0x0',
    GLIBC_TUNABLES  => 'glibc.cpu.hwcaps=' . join(',', @without),
);

sub command ($self) {
    my $dir = $self->dir;
    return ('setarch', '-R', 'env', map({ "$_=$pinned{$_}" } sort keys %pinned),
        qw(valgrind -q --tool=callgrind --trace-children=yes), "--vgdb-prefix=$dir/vgdb",
        "--callgrind-out-file=$dir/out.%p", $self->SUPER::command);
}

# a worker's title is not seen outside of valgrind
sub workers_are_of ($self, $master, @not) { scalar $master->children }

# a command for callgrind in the worker
sub control ($self, $command) {
    my ($pid) = $self->worker_pids;
    my $prefix = '--vgdb-prefix=' . $self->dir . '/vgdb';
    system('sh', '-c', '"$@" >/dev/null 2>&1', 'sh', 'vgdb', "--pid=$pid", $prefix, $command) == 0
        or die "vgdb $command failed\n";
    return $pid;
}

# the number of instructions of the worker while it does this
sub instructions ($self, $do) {
    $self->control('zero');
    $do->();
    my $pid = $self->control('dump');
    my $n   = ++$self->{dumps};
    my $dump = path($self->dir, "out.$pid.$n")->slurp;
    return counted($dump);
}

# What a dump says of all functions but these: the clock's, which looks every few
# milliseconds whether it was moved, so that it counts how long the worker waits; and
# those within malloc() and free(), whose work depends on what else is in the heap,
# such as longer paths.  How often these are called still counts.
my %without = map { $_ => 1 } qw(in_steps epoll_step poll_step monotonic moved_clock system_clock
    clock_gettime gettimeofday _int_malloc _int_free unlink_chunk malloc_consolidate sysmalloc);

sub counted ($dump) {
    my (%name, $ignored, $called, $count);
    for (split /\n/, $dump) {
        if (my ($is_called, $id, $named) = /^(c?)fn=(\(\d+\))(?: ([^'.]+))?/) {
            $name{$id} = $named if defined $named;
            $ignored = $without{$name{$id}} if !$is_called;
        } elsif (/^calls=/) {
            $called = 1;                        # the next line is what that took
        } elsif (/^[-+*\d]\S* (\d+)/) {
            $count += $1 if !$called && !$ignored;
            $called = 0;
        }
    }
    return $count // die "callgrind counted nothing\n";
}

# those of a request: the fewest of some batches of as many, since now and then
# something else is to be done, too
sub each_of ($self, $requests, $size = 100, $batches = 5) {
    my %status;
    my $client = $self->client;
    my $next   = sub { $client->send($requests->())->answer // die "no response\n" };
    my $fewest = min map {
        $self->instructions(sub { $status{$next->()->{status}}++ for 1 .. $size });
    } 1 .. $batches;
    my @wrong = grep { $_ >= 300 } keys %status;
    die "responses were @wrong\n" if @wrong;
    return $fewest / $size;
}

1;
