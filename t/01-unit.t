# Runs the unit tests of t/unit, C programs that need no nginx.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(curfile);
use Test::More;

my $unit  = curfile->sibling('unit');
my $build = curfile->dirname->sibling('build');
my @make  = ('make', '-s', '-j', 2, '-C', $unit);
my @within = (curfile->sibling('lib', 'within'), 120);

if ($ENV{AUTOFLOW_ASAN}) {
    my $flags = '-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover';
    push @make, "CFLAGS=$flags", 'OUT=' . ($build = $build->child('unit-asan'));
}
elsif ($ENV{AUTOFLOW_COVERAGE}) {
    push @make, 'CFLAGS=-O0 -g --coverage', 'OUT=' . ($build = $build->child('unit-coverage'));
}
else {
    push @make, 'OUT=' . ($build = $build->child('unit'));
}

# a command's output on both streams, and its exit status
sub output (@command) {
    my $pid = open my $out, '-|' // die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec @command or die "$command[0]: $!";
    }
    my $text = join '', <$out>;
    close $out;
    return ($text, $?);
}

my ($text, $status) = output(@make);
is $status, 0, 'make' or BAIL_OUT($text);

$ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';

for my $name ($unit->list->grep(qr/\.c$/)->map(basename => '.c')->sort->each) {
    subtest $name => sub {
        my ($text, $status) = output(@within, $build->child($name));

        my ($planned) = $text =~ /^1\.\.(\d+)/m;
        my @results = $text =~ /^(?:not )?ok \d+ - .*/mg;
        ok !/^not/, s/.* - (?:test_)?//r =~ tr/_/ /r for @results;

        my @skipped = $text =~ /^(?:not )?ok \d+ # SKIP (.*)/mg;
        note "$_ can't run here" for @skipped;

        is @results + @skipped, $planned // -1, 'every test ran';
        is $status, 0, 'the program succeeds' or diag $text;
    };
}

done_testing;
