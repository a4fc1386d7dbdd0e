# The version is the same wherever it is written: docs/development.md says how a
# release is made.
# Not under the sanitizers: it reads files.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow::Guide;
use Test::More;
use Time::Piece;

my $root = $Test::Autoflow::Guide::root;

sub text ($file) { path($root, $file)->slurp }

my ($version) = text('src/conf/conf.h') =~ /AUTOFLOW_VERSION +"(.*?)"/;
like $version, qr/\A(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}\z/, "$version is a semantic version";

my @sections = map { [/^Changes with ngx_http_autoflow_module (\d+\.\d+\.\d+) {2,}(.*)$/] }
    grep { /^Changes with/ } split /\n/, text('CHANGES');
is_deeply [map { scalar @$_ } @sections], [(2) x @sections],
    'each version has a section in CHANGES, with a date';
is $sections[0][0], $version, 'this one has the first';

sub number ($version) { sprintf '%03d' x 3, split /\./, $version }
sub date ($text) { Time::Piece->strptime($text, '%d %b %Y')->epoch }

for (1 .. $#sections) {
    my ($later, $earlier) = @sections[$_ - 1, $_];
    cmp_ok number($later->[0]), '>', number($earlier->[0]), "$later->[0] follows $earlier->[0]";
    cmp_ok date($later->[1]), '>=', date($earlier->[1]), 'not before it';
}

like text('tools/autoflow'), qr/^version=\Q$version\E$/m, 'the command has this version';
my ($package, $date) = text('debian/changelog') =~ /\A\S+ \((.*?)\).*?^ -- .*>  \w+, (.*?) \d\d:/ms;
is $package, $version, 'the packages, too';
is $date, $sections[0][1], 'of this day';
is_deeply [text('compose.yaml') =~ /image: autoflow:(.*)/g], [($version) x 3], 'and the image';
my ($minor) = $version =~ /^(\d+\.\d+)/;
like text('README.md'), qr/\bversion \Q$minor\E\b/, "the README speaks of $minor";

# the tree that `test-upgrade` begins with
my ($previous) = text('build.sh') =~ /^previous=(\S+)$/m;
my $conf = qx(git -C "$root" grep -h 'define AUTOFLOW_VERSION' $previous -- src 2>/dev/null);
SKIP: {
    skip 'a whole clone has the previous version', 1 if $conf eq '';
    like $conf, qr/"\Q$sections[1][0]\E"/, 'the previous version is the one before';
}

done_testing;
