# The fuzz targets of t/fuzz, two at a time: each runs over its corpus, then for
# AUTOFLOW_FUZZ_SECONDS (10; 0: not at all) over what libFuzzer makes of it.  These
# are seconds of the processor's, and those that nobody else needs: how much is
# tried doesn't depend on what else runs meanwhile.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(curfile tempdir);
use POSIX ();
use Test::More;

my $fuzz  = curfile->sibling('fuzz');
my $build = curfile->dirname->sibling('build', 'fuzz');
my $dir   = tempdir;

# the instrumentation is the same, so with --asan the corpus is enough
my $seconds = $ENV{AUTOFLOW_FUZZ_SECONDS} // ($ENV{AUTOFLOW_ASAN} ? 0 : 10);

sub command_of ($name, @arguments) {
    return ('setpriv', '--pdeathsig', 'TERM', 'nice', '-n', 19,
        $build->child($name), @arguments);
}

# who waits for the processor longer than this is on a machine that has no time
my $patience = 6 * $seconds;

# runs a command, both outputs of which go to a file; returns its pid
sub start ($log, @command) {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', $log or POSIX::_exit(126);
    open STDERR, '>&', \*STDOUT;
    exec @command or POSIX::_exit(127);
}

sub run ($log, @command) {
    waitpid start($log, @command), 0;
    return $?;
}

# why nothing can be built, or undef
sub missing {
    my $log = $dir->child('clang.log');
    my $c   = $dir->child('nothing.c');
    $c->open('>')->print("int LLVMFuzzerTestOneInput(void) { return 0; }\n");
    return 'there is no clang' if run($log, 'clang', '--version') != 0;
    return 'clang has no libFuzzer: libclang-rt-dev is missing'
        if run($log, 'clang', '-fsanitize=fuzzer,address,undefined', '-o', "$c.out", $c) != 0;
    return undef;
}

# what a log says, without libFuzzer's progress
sub report ($log) {
    my @lines = grep { !/^#\d|^INFO:|^Executed |^Running: / } split /^/, $log->slurp;
    splice @lines, 60;
    return join '', @lines;
}

# octets as xxd shows them
sub hex_of ($octets) {
    my $text = length($octets) . " octets:\n";
    for my $at (map { 16 * $_ } 0 .. (length($octets) - 1) / 16) {
        my $row = substr $octets, $at, 16;
        $text .= sprintf "%06x  %-32s  %s\n", $at, unpack('H*', $row), $row =~ tr/ -~/./cr;
    }
    return $text;
}

# over the files of the corpus, of which the last one begun is the wrong one
sub corpus_passes ($name) {
    my $log    = $dir->child("$name.corpus");
    my @corpus = $fuzz->child('corpus', $name)->list->sort->each;

    ok @corpus, 'there is a corpus' or return 0;
    return 1 if ok run($log, command_of($name, '-timeout=60', @corpus)) == 0, 'the corpus';

    my ($file) = reverse grep { -f } $log->slurp =~ /^Running: (.+)$/mg;
    diag report($log);
    diag "$file, ", hex_of(Mojo::File->new($file)->slurp) if $file;
    return 0;
}

sub start_fuzzing ($name) {
    my $found = $dir->child($name)->make_path;
    my $dict  = $fuzz->child("$name.dict");
    return start($dir->child("$name.log"), 'prlimit', "--cpu=$seconds:", '--core=0', command_of(
        $name, "-max_total_time=$patience", '-max_len=10000', '-timeout=60',
        "-artifact_prefix=$dir/$name-", -f $dict ? "-dict=$dict" : (),
        $found, $fuzz->child('corpus', $name)
    ));
}

sub fuzzing_ended ($name, $status) {
    my $log = $dir->child("$name.log");
    my ($runs) = reverse $log->slurp =~ /^#(\d+)\t/mg;

    my $well = $status == 0 || ($status & 127) == POSIX::SIGXCPU;
    return if ok $well && $runs, $runs ? "$runs new inputs, or more" : 'new inputs';

    diag report($log);
    diag $_->basename, ', ', hex_of($_->slurp)
        for $dir->list->grep(qr{/\Q$name\E-(?:crash|leak|oom|slow|timeout)})->each;
}

if (my $missing = missing()) {
    fail $missing;
    done_testing;
    exit 1;
}

my $log = $dir->child('make.log');
is run($log, 'make', '-s', '-C', $fuzz, "OUT=$build"), 0, 'make' or BAIL_OUT($log->slurp);

my @waiting = $fuzz->list->grep(qr/\.c$/)->map(basename => '.c')->sort->each;
my %running;

if (!$seconds) {
    subtest $_ => sub { corpus_passes($_) }
        for splice @waiting;
}

# a target that fails over its corpus finds the same again at once
while (@waiting || %running) {
    while (@waiting && keys %running < 2) {
        my $name = shift @waiting;
        $running{start_fuzzing($name)} = $name;
    }

    my $name = delete $running{waitpid -1, 0};
    my $status = $?;
    subtest $name => sub {
        fuzzing_ended($name, $status) if corpus_passes($name);
    };
}

done_testing;
