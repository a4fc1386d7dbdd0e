# What writes may wait for locks and for the disk: others do not wait behind it
# while another connection is free.

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

is $client->status(change($_)), 200, 'and so is a write' for ($eve, $bob) x 5;
is_deeply [map { $client->status($_) } map { get('/api/v1/profiles/me', $_) } ($eve, $bob) x 10],
    [(200) x 20], 'and further reads';
ok !$client->answers->{$blocked}{ended}, 'while the first write waits';

$db->rollback;
is $client->status($blocked), 200, 'and is done in the end';

$t->finish;
done_testing;
