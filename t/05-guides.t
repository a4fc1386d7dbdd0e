# The documents: each block of sh, nginx or SQL is run by a test, or says why
# not; and every link leads somewhere.
# Not under the sanitizers: it reads documents.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::Util qw(decode);
use Test::Autoflow::Guide;
use Test::More;

my $root = path($Test::Autoflow::Guide::root);
my %needed = map { $_ => 1 } @Test::Autoflow::Guide::languages;
my @files = map { $_->to_rel($root)->to_string }
    (map { $root->child($_) } 'README.md', 'SECURITY.md'), $root->child('docs')->list->grep(
    qr/\.md$/)->each;

# whether a test takes blocks of this file
sub takes ($test, $file) {
    my $code = eval { $root->child($test)->slurp } // return 0;
    my $name = $file =~ s{^docs/}{}r;
    return $code =~ /\bGuide->new\('\Q$name\E'\)/ || $code =~ m{\bguide \S*\Q$name\E\b};
}

my @not_run;
for my $file (@files) {
    for my $block (grep { $needed{$_->{language}} } Test::Autoflow::Guide::parse("$root/$file")) {
        my $where = "$file:$block->{line}";
        if (defined $block->{reason}) {
            like $block->{reason}, qr/\w+ \w+/, "$where is not run, and says why";
            push @not_run, "$where ($block->{language}): $block->{reason}";
            next;
        }
        ok defined $block->{by} && takes($block->{by}, $file), "$where is run by a test"
            or diag $block->{by} ? "not by $block->{by}" : 'none is named above it';
    }
}
note scalar(@not_run), " blocks are not run:\n", map { "  $_\n" } @not_run;


# Links

# the anchors of a file's headings, as GitHub makes them
sub anchors ($file) {
    my $text = decode('UTF-8', $root->child($file)->slurp) =~ s/^```.*?^```//gmsr;
    my %seen;
    return map { $_ => 1 } map {
        my $anchor = lc s/[^\w\s-]//gr =~ s/\s/-/gr;
        $seen{$anchor}++ ? "$anchor-" . ($seen{$anchor} - 1) : $anchor;
    } map { s/\[([^\]]*)\]\([^)]*\)/$1/gr } $text =~ /^#+ (.*?)\s*$/gm;
}

my %anchors = map { $_ => {anchors($_)} } @files;
for my $file (@files) {
    my $text = $root->child($file)->slurp =~ s/^```.*?^```//gmsr =~ s/`[^`\n]*`//gr;
    for my $link ($text =~ /\]\(([^)\s]+)\)/g) {
        next if $link =~ /^\w+:/;
        my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
        my $to = length $path ? $root->child($file)->sibling($path) : $root->child($file);
        my $name = path($to)->realpath->to_rel($root->realpath)->to_string if -e $to;
        ok $name && (!defined $anchor || $anchors{$name}{$anchor}), "$file: $link";
    }
}

done_testing;
