# `autoflow seal`: the hashes of accounts that don't log in are sealed, too, and
# those that a former key has sealed.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Import;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my @key  = map { 'hex:' . $_ x 32 } qw(a1 b2);

my $t = Test::Autoflow->new;
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure;
$t->start;
my $import = Test::Autoflow::Import->new(t => $t);
# nodes do the same with what a former key has sealed, see t/88-seals.t
$t->job_off('seals');
my @file = map { $import->file('key', "$_\n") } @key;

sub keys_are (@keys) {
    $mails->configure(autoflow_seal_key => join '; autoflow_seal_key ', @keys);
    $t->reload->ready;
}

sub seal (@files) {
    return $import->run('seal', map { /^--/ ? $_ : ('--seal-key', $_) } @files);
}

sub account ($name) {
    return $t->db->selectrow_hashref('SELECT * FROM autoflow.users WHERE username = ?', {}, $name);
}

sub login_ok ($name, $what) {
    $t->post_ok('/auth/login' => json => {username => $name, password => $good})
        ->status_is(200, "$name: $what");
}

# without what sealing changes
sub rest ($name) {
    my $row = account($name);
    delete @$row{qw(password_hash last_login_at)};
    return $row;
}


# of this module, of another system, none, too long, and one that has gone
my $ada = $t->register(email => 'ada@example.com', username => 'ada');
$t->register(email => "$_\@example.com", username => $_) for qw(bob nobody long gone);
my $db = $t->db;
$db->do('UPDATE autoflow.users SET password_hash = ? WHERE username = ?', {}, @$_)
    for ['$2b$04$abcdefghijklmnopqrstuuPK4uGO0nDWDuNNZ4kqMNKBSr/zQQ5Ua', 'bob'],
    [undef, 'nobody'], ['x' x 256, 'long'];

$t->patch_ok('/auth/me' => $t->bearer($ada) => json => {email => 'new@example.com',
    current_password => $good})->status_is(200);
$t->post_ok('/auth/forgot-password' => json => {email => 'ada@example.com'})->status_is(202);
my $reset = $mails->token('ada@example.com', 'reset-password');

subtest 'all that there are' => sub {
    keys_are($key[0]);
    my %before = map { $_ => rest($_) } qw(ada bob nobody long);
    my $bob = account('bob')->{password_hash};
    my ($exit, $said) = seal($file[0]);
    is $exit, 1, 'not with a key that nothing was sealed with before';
    like $said, qr/no hash has been sealed.*--first/, 'it might be a wrong one';
    ($exit, $said) = seal('--first', $file[0]);
    is $exit, 1, 'one is left';
    is $said, "3 sealed, 1 too long\n", 'as is said';
    like account($_)->{password_hash}, qr/^\$sealed\$/, $_ for qw(ada bob gone);
    is account('nobody')->{password_hash}, undef, 'no password';
    is account('long')->{password_hash}, 'x' x 256, 'what no module would open';
    is_deeply rest($_), $before{$_}, "$_: nothing else has changed" for sort keys %before;
    is account('ada')->{pending_email}, 'new@example.com', 'an address goes on waiting';

    ($exit, $said) = seal($file[0]);
    is $said, "1 too long\n", 'again: there are no more';
    $db->do(q{UPDATE autoflow.users SET password_hash = NULL WHERE username = 'long'});
    is_deeply [seal($file[0])], [0, "nothing to do\n"], 'nor any that are left';
    ok $bob ne account('bob')->{password_hash};
};

subtest 'the module opens them' => sub {
    my $hash = account('ada')->{password_hash};
    login_ok('ada', 'logs in');
    is account('ada')->{password_hash}, $hash, 'with the hash that the command has sealed';
    $t->post_ok('/auth/reset-password' => json => {token => $reset, new_password => 'short'})
        ->status_is(422, 'a link from before is still good')
        ->errors_are({new_password => 'length'});
};

subtest 'a key is replaced' => sub {
    is_deeply [seal('--first', $file[1])], [1, "3 of another key\n"],
        'without the former one, nothing is';
    keys_are(reverse @key);
    login_ok('ada', 'with either key');
    my $ada = account('ada')->{password_hash};
    is_deeply [seal(reverse @file)], [0, "2 sealed\n"], 'with both, all that are left';
    is account('ada')->{password_hash}, $ada, 'but not what the new one has sealed';
    keys_are($key[1]);
    login_ok('ada', 'without the former key');
};

subtest 'many, while they log in' => sub {
    $db->do(q{INSERT INTO autoflow.users (email, username, password_hash)
        SELECT 'many' || n || '@example.com', 'many' || n, ? FROM generate_series(1, 2500) AS n},
        {}, plain());
    my @done;
    my $process = $import->start('seal', '--seal-key', $file[1]);
    for (1 .. 40) {
        my $n = 1 + int rand 2500;
        push @done, $t->ua->post($t->url('/auth/login') => json =>
            {username => "many$n", password => $good})->res->code;
    }
    is_deeply [grep { $_ != 200 } @done], [], 'all of them can';
    $t->wait_for(sub { !$process->running });
    is $db->selectrow_array(q{SELECT count(*) FROM autoflow.users
        WHERE password_hash NOT LIKE '$sealed$%'}), 0, 'and all are sealed';
};

# a hash as without a key
sub plain {
    keys_are("$key[1] use=open");
    $t->register(email => 'plain@example.com', username => 'plain');
    my $hash = account('plain')->{password_hash};
    keys_are($key[1]);
    return $hash;
}

subtest 'its arguments' => sub {
    is((seal())[0], 1, 'no key');
    is(($import->run('seal', '--seal-key', $file[0], 'file'))[0], 1, 'a file');
    is((seal('/nowhere'))[0], 1, 'no such key');
    for my $text ('', 'too short', 'hex:' . 'a1' x 31, 'hex:' . 'xy' x 32, 'hex:' . 'a' x 65,
        'base64url:' . 'A' x 42, 'base64url:' . '!' x 43, 'base64url:' . 'A' x 42 . 'B')
    {
        my ($exit, $said) = seal('--first', $import->file('key', "$text\n"));
        is $exit, 1, "no key: '$text'";
        like $said, qr/decoded|less than 32/, 'as is said';
    }
};

$t->finish;
done_testing;
