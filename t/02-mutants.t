# The mutants for `./build.sh mutate` can be applied to the current sources.
# Not under the sanitizers: it runs nothing of the module.

use Mojo::Base -strict;
use Mojo::File qw(curfile);
use Test::More;

my $mutate = curfile->sibling('lib', 'mutate');
like scalar `$mutate --check 2>&1`, qr/\A(?:1[5-9]|[2-9]\d)\d mutants\n\z/,
    'at least 150, each in one place';

done_testing;
