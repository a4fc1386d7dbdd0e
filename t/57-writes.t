# What writes may wait for locks and for the disk: reads do not wait behind it,
# and neither do many writes behind one.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 1, database => 'pool=2 timeout=30s')->start;
my ($ada, $eve, $bob) = map { $t->register } 1 .. 3;
my $client = $t->client_h2;

sub get ($path, $pair) { $client->headers(GET => $path, $t->bearer($pair), 1) }
sub change ($pair) {
    my $stream = $client->headers(PATCH => '/auth/me',
        {%{$t->bearer($pair)}, 'Content-Type' => 'application/json'});
    $client->data($stream, '{"bio":"x"}', 1);
    return $stream;
}

my $db = $t->postgresql->connect;
$db->begin_work;
$db->do('SELECT FROM autoflow.users WHERE id = ? FOR UPDATE', {}, $ada->{user}{id});

my $blocked = change($ada);
$t->wait_for(sub { $t->blocked });

# these don't share a transaction
is_deeply [map { $client->status($_) } map { get('/api/v1/profiles/me', $eve) } 1 .. 20],
    [(200) x 20], 'reads are answered meanwhile';

my $behind = change($eve);
is $client->status(change($bob)), 200, 'and so is the third write';
is_deeply [map { $client->status($_) } map { get('/api/v1/profiles/me', $_) } ($eve, $bob) x 10],
    [(200) x 20], 'and further reads';
ok !grep({ $client->answers->{$_}{ended} } $blocked, $behind), 'while two writes wait';

$db->rollback;
is $client->status($blocked), 200, 'the first is done';
is $client->status($behind), 200, 'the second is done';

$t->finish;
done_testing;
