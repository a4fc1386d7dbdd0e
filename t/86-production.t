# docs/production.md, on a machine of its own, where the packages are installed
# already; `./build.sh packages test` begins with an empty one.

use Mojo::Base -strict;
use Mojo::File qw(curfile);
use Test::More;

plan skip_all => 'only root can make another machine'        if $> != 0;
plan skip_all => 'under the sanitizers, t/87-setup.t does it' if $ENV{AUTOFLOW_ASAN};
plan skip_all => 'this is not a Debian with PostgreSQL'      if !-x '/usr/bin/pg_createcluster';

my $root = curfile->dirname->sibling('.')->to_abs;
exec "$root/t/lib/machine", "$root/t/packages/guides", '--installed';
