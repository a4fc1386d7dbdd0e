# autoflow_seal_key: hashes of passwords that are useless to whoever has the
# database, and nothing else.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;

my $good   = 'correct horse battery staple';
my @key    = map { 'hex:' . $_ x 32 } qw(a1 b2);
my $sealed = qr/^\$sealed\$[\w-]{150,}$/;

my $t = Test::Autoflow->new(settings => {autoflow_seal_key => $key[0]})->start;

# what seals anew, too
$t->job_off('seals');

sub keys_are (@keys) {
    $t->settings->{autoflow_seal_key} = @keys ? join('; autoflow_seal_key ', @keys) : undef;
    $t->reload->ready;
}

sub hash ($name) {
    return $t->db->selectrow_array('SELECT password_hash FROM autoflow.users
        WHERE username = ?', {}, $name);
}

sub login ($name, $password = $good) {
    return $t->post_ok('/auth/login' => json => {username => $name, password => $password});
}

sub account ($name) { $t->register(email => "$name\@example.com", username => $name) }


subtest 'what sets a password seals its hash' => sub {
    my $ada = account('ada');
    my $first = hash('ada');
    like $first, $sealed, 'at registration';
    login('ada')->status_is(200);
    login('ada', 'wrong')->problem_is(401, 'invalid_credentials');
    is hash('ada'), $first, 'a login leaves it alone';

    account('bob');
    isnt hash('bob'), $first, 'the same password looks different';

    $t->put_ok('/auth/me/password' => $t->bearer($ada) => json => {
        current_password => $good, new_password => "$good!"})->status_is(204);
    like hash('ada'), $sealed, 'a new password';
    isnt hash('ada'), $first;
    login('ada', "$good!")->status_is(200);
    login('ada')->status_is(401);
};

subtest 'a sealed hash that was changed' => sub {
    account('carol');
    my $hash = hash('carol');
    my $set = sub ($hash) { $t->db->do(q{UPDATE autoflow.users SET password_hash = ?
        WHERE username = 'carol'}, {}, $hash) };
    $set->($hash =~ s/(?<=.{60})(.)/$1 eq 'A' ? 'B' : 'A'/er);
    login('carol')->problem_is(401, 'invalid_credentials');
    like $t->error_log, qr/\[error\].*no "autoflow_seal_key" opens/, 'the log says why';
    $set->($hash);
    login('carol')->status_is(200);
};

subtest 'hashes from before' => sub {
    keys_are();
    account('dora');
    like hash('dora'), qr/^\$argon2id\$/, 'without a key';
    login('ada', "$good!")->problem_is(401, 'invalid_credentials');

    keys_are("$key[0] use=open");
    login('bob')->status_is(200);
    like hash('bob'), qr/^\$argon2id\$/, 'a key that only opens: a login writes what all can read';
    account('emma');
    like hash('emma'), qr/^\$argon2id\$/, 'as does a new account';

    keys_are($key[0]);
    login('dora', 'wrong')->status_is(401);
    like hash('dora'), qr/^\$argon2id\$/, 'a wrong password seals nothing';
    login($_)->status_is(200) for qw(dora emma bob);
    like hash($_), $sealed, "$_: sealed by a login" for qw(dora emma bob);
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.users
        WHERE password_hash NOT LIKE '$sealed$%'}), 0, 'none is left';
};

subtest 'a key is replaced' => sub {
    my $before = hash('dora');
    keys_are(@key);
    login('dora')->status_is(200);
    is hash('dora'), $before, 'listed second, it is not used yet';
    keys_are(reverse @key);
    login('dora')->status_is(200);
    my $after = hash('dora');
    isnt substr($after, 8, 5), substr($before, 8, 5), 'a login seals with the first one';
    keys_are($key[1]);
    login('dora')->status_is(200);
    is hash('dora'), $after;
    login('emma')->problem_is(401, 'invalid_credentials');
    keys_are(reverse @key);
};

subtest 'many logins at once, each of which would seal' => sub {
    keys_are();
    account('frank');
    keys_are($key[1]);
    my @codes = map { $_->res->code } $t->at_once(map { [POST => $t->url('/auth/login'),
        json => {username => 'frank', password => $good}] } 1 .. 8);
    is_deeply \@codes, [(200) x 8], 'all of them log in';
    like hash('frank'), $sealed;
};

$t->finish;
done_testing;
