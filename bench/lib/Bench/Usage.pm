package Bench::Usage;

# What processes have used: processor time and memory.

use Mojo::Base -strict, -signatures;
use Exporter qw(import);
use List::Util qw(sum0);
use Mojo::File qw(path);
use POSIX qw(_SC_CLK_TCK sysconf);
use Test::Autoflow::Process;
use Test::Autoflow::Wait qw(wait_until);

our @EXPORT_OK = qw(cpu_seconds family_seconds measured pss);

# seconds of processor time that these have used in all their threads
sub cpu_seconds (@pids) {
    return sum0 map { sum0 map { run_time($_) } glob "/proc/$_/task/*/schedstat" } @pids;
}

# a thread's, of its scheduler's statistics, which are exact
sub run_time ($file) {
    open my $in, '<', $file or return 0;
    my ($nanoseconds) = split / /, <$in> // 0;
    return $nanoseconds / 1e9;
}

# the number of a process's children, also of those that it has not waited for
sub children ($pid) {
    return scalar split / /, path("/proc/$pid/task/$pid/children")->slurp;
}

# those of a process and all its children, also of those that have ended
sub family_seconds ($pid) {
    my @ended = split / /, path("/proc/$pid/stat")->slurp =~ s/.*\) //sr;
    return cpu_seconds($pid, Test::Autoflow::Process::children_of($pid))
        + ($ended[13] + $ended[14]) / sysconf(_SC_CLK_TCK);
}

# runs something, whose result gets the microseconds per request of an nginx's
# workers, and of a PostgreSQL
sub measured ($do, $nginx, $postgresql) {
    my @workers = $nginx ? $nginx->worker_pids : ();
    my $server  = $postgresql ? $postgresql->process->pid : undef;
    my @before  = (cpu_seconds(@workers), $server ? family_seconds($server) : 0);
    my $before  = $server ? children($server) : 0;
    my $got     = $do->();
    # what a client's processes have used is known when they have ended
    wait_until(sub { children($server) <= $before }) if $server;
    my $each    = 1e6 / ($got->{requests} || 1);
    $got->{us} = $each * (cpu_seconds(@workers) - $before[0]) if @workers;
    $got->{pg} = $each * (family_seconds($server) - $before[1]) if $server;
    return $got;
}

# octets of memory, of which those that n processes share count for 1/n in each
sub pss (@pids) {
    return sum0 map { path("/proc/$_/smaps_rollup")->slurp =~ /^Pss:\s+(\d+)/m ? 1024 * $1 : 0 }
        @pids;
}

1;
