# Requests generated from the OpenAPI document, valid and invalid ones: each
# operation without a token, as an account and as a superuser gives a response
# that the document has, and never a server error.  AUTOFLOW_SEED repeats a run.

use Mojo::Base -strict, -signatures;
use List::Util qw(shuffle);
use Test::Autoflow;
use Test::Autoflow::Generator qw(any chance);
use Test::More;

my $seed = $ENV{AUTOFLOW_SEED} // int rand 1e9;
srand $seed;
note "AUTOFLOW_SEED=$seed";

my $t = Test::Autoflow->new->start;
my $document = $t->get_ok('/api/v1/openapi.json')->tx->res->json;
my $routes = Test::Autoflow::Routes->new(module => $t->module, document => $document,
    table => $t->routes->table);
my $make = Test::Autoflow::Generator->new(routes => $routes);
my @operations = $make->operations;

my %pairs;

# a token pair of the account that this kind of requests is sent by
sub pair ($who) {
    return $pairs{$who} //= do {
        my $made = $t->register(email => $make->address);
        $who eq 'superuser' ? $t->superuser($made) : $made;
    };
}

my (%succeeded, @wrong, @failed, @accepted, $sent);

sub ask ($method, $path, $op, $who) {
    my $url = $make->path_of($path) . $make->query_of($op);
    my ($body, $type, $mistyped) = $make->body_of($op);
    my %headers = $who eq 'nobody' ? () : %{$t->bearer(pair($who))};
    $headers{'Content-Type'} = $type if defined $type;
    $headers{'X-Request-ID'} = any('abc.1', 'x y', 'x' x 200) if chance(0.1);
    my $tx = $t->ua->build_tx(uc $method => "/api/v1$url" => \%headers, $body // ());
    my $res = $t->ua->start($tx)->res;
    my $code = $res->code // 'no response';
    my $said = "$who: \U$method\E $url " . substr($body // '', 0, 300) . ": $code";
    $sent++;
    push @wrong, map { "$said: $_" } $routes->wrong(uc $method, "/api/v1$path", $res);
    push @failed, "$said " . $res->body if $code !~ /^[234]/;
    push @accepted, $said if $mistyped && $code =~ /^2/;
    $succeeded{"$method $path"}++ if $code =~ /^2/;
    $make->learn($path, $res->json) if $code =~ /^2/;

    # logged out, disabled, deleted, or no longer a superuser
    delete $pairs{$who} if $code == 401 || $method ne 'get' && $path =~ m{^/auth/[lm]|/user};
    return;
}

# first as the document says, what makes others before what may end them or the
# sessions; then anything in any order
sub place ($op) {
    return $op->[0] eq 'delete' || $op->[0] ne 'get' && $op->[1] =~ m{logout|/me|users/\{} ? 2
        : $op->[0] ne 'post';
}
for my $op (sort { place($a) <=> place($b) } shuffle @operations) {
    ask(@$op, $_) for qw(user superuser);
}
$make->wild(1);
ask(@{$_->[0]}, $_->[1]) for shuffle
    map { my $op = $_; map { [$op, $_] } qw(nobody user superuser superuser) } @operations;

is_deeply \@wrong, [], "$sent responses are as the document says, with the seed $seed";
is_deeply \@failed, [], 'none is a server error';
is_deeply \@accepted, [], 'no member of a wrong type is accepted';
cmp_ok keys %succeeded, '>', @operations / 2, 'many requests succeed';
note 'never: ', join ', ', grep { !$succeeded{$_} } map { "$_->[0] $_->[1]" } @operations;

$t->finish;
done_testing;
