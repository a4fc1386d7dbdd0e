package Bench::Usage;

# What processes have used: processor time and memory.

use Mojo::Base -strict, -signatures;
use Exporter qw(import);
use List::Util qw(sum0);
use Mojo::File qw(path);
use Test::Autoflow::Process;

our @EXPORT_OK = qw(cpu_seconds family pss);

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

# a process and its children
sub family ($pid) { ($pid, Test::Autoflow::Process::children_of($pid)) }

# octets of memory, of which those that n processes share count for 1/n in each
sub pss (@pids) {
    return sum0 map { path("/proc/$_/smaps_rollup")->slurp =~ /^Pss:\s+(\d+)/m ? 1024 * $1 : 0 }
        @pids;
}

1;
