# docs/security.md: the tests that it names exist, and its tables are complete.
# Not under the sanitizers: it reads a document.

use Mojo::Base -strict, -signatures;
use List::Util qw(uniq);
use Mojo::File qw(curfile path);
use Test::More;

my $root = curfile->dirname->sibling('.')->to_abs;
my $text = path($root, 'docs', 'security.md')->slurp;
utf8::decode($text);

# a section's rows: number => [requirement, verdict, what shows it]
sub rows ($from) {
    my ($section) = $text =~ /^#+ $from$(.*?)(?:^#|\z)/ms or die "no section $from";
    return {map { my ($number, @cells) = split /\s*\|\s*/, s/^\|\s*//r; ($number => \@cells) }
        $section =~ /^(\| \d.*)$/mg};
}

# requirements of levels 1 and 2, those that were deleted left out
my %asvs = (
    'V2 Authentication' => [
        map({ "2.1.$_" } 1 .. 12), map({ "2.2.$_" } 1 .. 3), map({ "2.3.$_" } 1 .. 3),
        map({ "2.4.$_" } 1 .. 5), map({ "2.5.$_" } 1 .. 7), map({ "2.6.$_" } 1 .. 3),
        map({ "2.7.$_" } 1 .. 6), map({ "2.8.$_" } 1 .. 7), map({ "2.9.$_" } 1 .. 3),
        map({ "2.10.$_" } 1 .. 4),
    ],
    'V3 Sessions' => [
        '3.1.1', map({ "3.2.$_" } 1 .. 4), map({ "3.3.$_" } 1 .. 4), map({ "3.4.$_" } 1 .. 5),
        map({ "3.5.$_" } 1 .. 3), '3.7.1',
    ],
    'V4 Access control' => [
        map({ "4.1.$_" } 1, 2, 3, 5), map({ "4.2.$_" } 1, 2), map({ "4.3.$_" } 1 .. 3),
    ],
    'V7 Errors and logs' => [
        map({ "7.1.$_" } 1 .. 4), map({ "7.2.$_" } 1, 2), map({ "7.3.$_" } 1, 3, 4),
        map({ "7.4.$_" } 1 .. 3),
    ],
    'V13 APIs' => [
        map({ "13.1.$_" } 1, 3, 4, 5), map({ "13.2.$_" } 1, 2, 3, 5, 6),
        map({ "13.3.$_" } 1, 2), map({ "13.4.$_" } 1, 2),
    ],
);

my %level2 = map { $_ => 1 } qw(
    2.3.2 2.3.3 2.4.1 2.4.2 2.4.3 2.4.4 2.4.5 2.5.7 2.6.1 2.6.2 2.6.3 2.7.5 2.7.6 2.8.2 2.8.3
    2.8.4 2.8.5 2.8.6 2.8.7 2.9.1 2.9.2 2.9.3 2.10.1 2.10.2 2.10.3 2.10.4 3.2.4 3.3.3 3.3.4 3.5.1
    3.5.2 3.5.3 4.3.3 7.1.3 7.1.4 7.2.1 7.2.2 7.3.1 7.3.3 7.3.4 7.4.2 7.4.3 13.1.4 13.1.5 13.2.5
    13.2.6 13.3.2 13.4.1 13.4.2
);

sub in_order (@numbers) {
    my %key = map { $_ => join '', map { sprintf '%03d', $_ } split /\./ } @numbers;
    return sort { $key{$a} cmp $key{$b} } @numbers;
}

my %all;
for my $chapter (sort keys %asvs) {
    my $rows = rows($chapter);
    is_deeply [in_order(keys %$rows)], $asvs{$chapter}, $chapter;
    is_deeply [grep { $rows->{$_}[0] =~ /^²/ } in_order(keys %$rows)],
        [grep { $level2{$_} } @{$asvs{$chapter}}], 'those of level 2';
    %all = (%all, %$rows);
}
my $bcp = rows('RFC 9700');
cmp_ok scalar keys %$bcp, '>', 15, 'RFC 9700';
%all = (%all, %$bcp);

# the named tests: {"t/22-login.t" => ["refused", …]}
my (%named, %subtests);
push @{$named{$1}}, $2 // () while $text =~ m{`(t/[\w-]+\.t)(?:: ([^`]+))?`}g;

for my $file (sort keys %named) {
    my $code = eval { path($root, $file)->slurp } // '';
    ok length $code, $file;
    utf8::decode($code);
    my %there = map { s/\\'/'/gr => 1 } $code =~ /^\s*subtest ['"](.+?)['"] => sub/mg;
    ok $there{$_}, "$file: $_" for uniq @{$named{$file}};
}

for my $number (sort keys %all) {
    my (undef, $verdict, $shown) = @{$all{$number}};
    like $verdict, qr/^(?:yes|set|partly|no|—)$/, "$number: a verdict";
    next if $verdict !~ /^(?:yes|set|partly)$/;
    like $shown, qr{`t/|\bas \d|there (?:is|are) (?:none|no)\b|only the application},
        'and what shows it';
}

for my $link ($text =~ /\]\(([^)#:]+)(?:#[^)]*)?\)/g) {
    ok -e path($root, 'docs', $link), "a link to $link";
}

done_testing;
