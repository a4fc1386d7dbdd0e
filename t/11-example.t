# The example of docs/development.md, put where it says, makes a module that
# serves it.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Mojo::File qw(curfile path);
use Test::More;

plan skip_all => 'under the sanitizers it is the same' if $ENV{AUTOFLOW_ASAN};

my $root = curfile->dirname->dirname->to_abs;
my $copy = File::Temp->newdir;
chmod 0755, $copy;
system('cp', '-r', map({ "$root/$_" } qw(build.sh config sql src)), "$copy") == 0 or die;

my ($section) = path($root, 'docs/development.md')->slurp
    =~ /^## A new endpoint\n(.*?)^## /ms;
my @blocks = $section =~ /^```(?:sql|c)\n(.*?)^```/gms;
my ($statement, $route, $schema) = @blocks;
is scalar @blocks, 3, 'a statement, a route and a schema';

path($copy, 'sql/queries/auth/whoami.sql')->spurt($statement);
my $table = 'const af_route_t  af_account_routes[] = {';
my $file  = path($copy, 'src/api/account.c');
$file->spurt($file->slurp =~ s/\Q$table\E/$schema\n\n$table\n\n$route/r);

delete local @ENV{qw(NGINX_SRC CC)};
is system("$copy/build.sh build >$copy/log 2>&1"), 0, 'it compiles' or diag path($copy, 'log')->slurp;

# the harness takes the module that it finds here when it is loaded
local $ENV{AUTOFLOW_MODULE} = "$copy/build/ngx_http_autoflow_module.so";
require Test::Autoflow;

my $t   = Test::Autoflow->new->start;
my $ada = $t->register;
$t->get_ok('/auth/whoami')->problem_is(401, 'token_required');
$t->post_ok('/auth/whoami')->problem_is(405, 'method_not_allowed');
$t->get_ok('/api/v1/auth/whoami' => $t->bearer($ada))->status_is(200)->json_is('/id' => $ada->{user}{id})
    ->json_like('/session' => qr/^[0-9a-f-]{36}$/);
$t->finish;

done_testing;
