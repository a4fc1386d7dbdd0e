# Accounts with password hashes of other systems: which are accepted, and that a
# login replaces them.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new->start;
my $better = 'Tr0ub4dor & 3 more';
my $own = qr/^\$argon2id\$v=19\$m=1024,t=1,p=1\$[^\$]{22}\$[^\$]{43}$/;

# the rows of t/unit/hashes.h: [problem, password, hash]
my $table = path(__FILE__)->sibling('unit', 'hashes.h')->slurp =~ s{/\*.*?\*/}{}gsr;
my @rows;
while ($table =~ /\{((?:\s*"[^"]*"\s*,?)+)\}/g) {
    my @row = ($1 =~ s/"\s+"//gr) =~ /"([^"]*)"/g;
    s/\\x(..)/chr hex $1/ge, utf8::decode($_) for @row;
    push @rows, \@row;
}

subtest 'what is wrong with a hash, as the module judges' => sub {
    cmp_ok scalar @rows, '>', 100, 'there are rows';

    my $problem = $t->db->prepare('SELECT autoflow.password_hash_problem(?)');
    for my $row (@rows) {
        my ($expected, undef, $hash) = @$row;
        is $t->db->selectrow_array($problem, {}, $hash), $expected || undef, $hash;
    }
    is $t->db->selectrow_array($problem, {}, undef), undef, 'an account without a password';
};

# whose password is verified and doesn't need the hash to be cheap
my @matching = grep { $_->[1] } @rows;
my $number = 0;

# an account as an importer leaves it; returns its address
sub imported ($hash) {
    my $email = 'imported' . ++$number . '@example.com';
    $t->db->do('INSERT INTO autoflow.users (email, password_hash) VALUES (?, ?)', {}, $email,
        $hash);
    return $email;
}

sub stored ($email) {
    return $t->db->selectrow_array('SELECT password_hash FROM autoflow.users WHERE email = ?', {},
        $email);
}

sub login ($email, $password) {
    return $t->post_ok('/auth/login' => json => {email => $email, password => $password});
}

subtest 'the first login replaces a hash' => sub {
    for my $row (@matching) {
        my (undef, $password, $hash) = @$row;
        my $email = imported($hash);

        login($email, "$password!")->problem_is(401, 'invalid_credentials');
        is stored($email), $hash, 'a wrong password replaces nothing';

        login($email, $password)->status_is(200, $hash);
        like stored($email), $own, 'by one of the current scheme';

        my $replacement = stored($email);
        login($email, $password)->status_is(200, 'which matches the same password');
        login($email, "$password!")->status_is(401);
        is stored($email), $replacement, 'and remains';
    }
};

subtest 'what can\'t be verified' => sub {
    for my $row (grep { $_->[0] } @rows) {
        my ($problem, undef, $hash) = @$row;
        next if !length $hash;
        my $email = imported($hash);
        login($email, 'correct horse')->problem_is(401, 'invalid_credentials', $hash);
        is stored($email), $hash, 'remains';
    }
    like $t->error_log, qr/\[error\].*an account's stored hash has excessive costs/,
        'excessive costs are logged';
};

subtest 'the password is replaced as a whole' => sub {
    my $password = '0123456789' x 7 . 'ab';
    my $email = imported('$2b$04$4bGFGzZWEd2g9Q7gvMeYVu0qljRTaSWsHdRxQo5rml6TJL.owYnhG');

    login($email, "${password}tail")->status_is(200, 'bcrypt ignores what follows 72 octets');
    login($email, $password)->status_is(401, 'but no longer');
    login($email, "${password}tail")->status_is(200);
};

subtest 'without a login before' => sub {
    my ($bcrypt) = grep { $_->[2] =~ /^\$2b\$04/ } @matching;
    my (undef, $password, $hash) = @$bcrypt;
    my $reauthenticated = sub ($method, $path, %fields) {
        my $email = imported($hash);
        my $pair = login($email, $password)->tx->res->json;
        $t->db->do('UPDATE autoflow.users SET password_hash = ? WHERE email = ?', {}, $hash,
            $email);
        my $request = sub ($current) {
            $t->request_ok($t->ua->build_tx($method => $path => $t->bearer($pair) =>
                json => {%fields, current_password => $current}));
        };
        $request->('wrong')->problem_is(403, 'wrong_password');
        $request->($password);
        return $email;
    };

    my $email = $reauthenticated->(PUT => '/auth/me/password', new_password => $better);
    $t->status_is(204, 'its password is changed');
    login($email, $better)->status_is(200);
    login($email, $password)->status_is(401);

    $reauthenticated->(PATCH => '/auth/me', email => 'another@example.com');
    $t->status_is(200, 'its address is changed');

    $email = imported($hash);
    my $pair = login($email, $password)->tx->res->json;
    $t->db->do('UPDATE autoflow.users SET password_hash = ? WHERE email = ?', {}, $hash, $email);
    $t->delete_ok('/auth/me' => $t->bearer($pair))->status_is(204, 'it is deleted');
    login($email, $password)->status_is(401);
};

subtest 'without verification there is no login, and no new hash' => sub {
    my ($row) = @matching;
    my $email = imported($row->[2]);
    $t->db->do('UPDATE autoflow.users SET is_active = false WHERE email = ?', {}, $email);
    login($email, $row->[1])->problem_is(403, 'account_disabled');
    is stored($email), $row->[2];
};

$t->finish;
done_testing;
