# docs/production.md, on a machine of its own, where the packages are installed
# already; `./build.sh packages test` begins with an empty one.

use Mojo::Base -strict;
use Mojo::File qw(curfile);
use Test::More;

plan skip_all => 'only root can make another machine'        if $> != 0;
plan skip_all => 'under the sanitizers, t/87-setup.t does it' if $ENV{AUTOFLOW_ASAN};
plan skip_all => 'this is not a Debian with PostgreSQL'      if !-x '/usr/bin/pg_createcluster';

my $root    = curfile->dirname->sibling('.')->to_abs;
my $machine = "$root/t/lib/machine";
plan skip_all => 'no other machine can be made here, as in a chroot'
    if system("$machine --try 2>/dev/null") != 0;

exec $machine, "$root/t/packages/guides", '--installed';
