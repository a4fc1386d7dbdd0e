# A client made from the OpenAPI document: its types are right, and it works.
# Not under the sanitizers: it is about a client.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json true);
use Test::Autoflow;
use Test::More;

my $npm = Test::Autoflow::npm() // plan skip_all => 'npm was not reached';
my $t   = Test::Autoflow->new->start;
my $dir = path($t->dir, 'client')->make_path;

sub run_ok (@command) {
    my $output = `cd $dir && @command 2>&1`;
    return is($?, 0, path($command[0])->basename) || diag $output;
}

symlink $npm, "$dir/node_modules" or die $!;
path("$Test::Autoflow::root/t/npm/client.ts")->copy_to($dir);
$dir->child('package.json')->spurt('{"type": "module"}');
$dir->child('openapi.json')->spurt($t->get_ok('/api/v1/openapi.json')->tx->res->body);

run_ok("$npm/.bin/openapi-typescript", 'openapi.json', '-o', 'api.d.ts');
run_ok("$npm/.bin/tsc", '--lib es2022,dom', qw(--strict --noUncheckedIndexedAccess
    --target es2022 --module nodenext --skipLibCheck client.ts));

my $said = `cd $dir && node client.js @{[$t->url('/api/v1')]} 2>&1`;
is $?, 0, 'it works' or diag $said;
is_deeply decode_json($said), {
    same => true, sessions => 2, current => true,
    bio => 'Notes', full_name => undef, name => 'Ada',
}, 'and gets what it asks for';

$t->finish;
done_testing;
