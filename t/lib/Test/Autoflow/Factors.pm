package Test::Autoflow::Factors;

# Accounts with second factors, and the codes of their apps:
#
#     use Test::Autoflow::Factors;
#     factors_at($t);                          # whose clock stands still: hold()
#     my $ada = guarded('ada');                # tokens, secret, codes
#     verify(asked('ada'), code => code($ada->{secret}))->status_is(200);

use Mojo::Base -strict, -signatures;
use Exporter qw(import);
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(b64_decode);
use Test::Autoflow::Totp qw(totp totp_wrong);

our @EXPORT = qw(factors_at code wrong account login asked verify add confirm guarded unused
    pause_over session claims prove refresh age meanwhile);

my $t;
my $good = 'correct horse battery staple';

sub factors_at ($test) { $t = $test }

# of the server's time, or some steps later; and none of those that are right
sub code ($secret, $steps = 0) { totp($secret, $t->now + 30 * $steps) }
sub wrong ($secret) { totp_wrong($secret, $t->now) }

sub account ($name) { $t->register(email => "$name\@example.com", username => $name) }

sub login ($name, $password = $good, %headers) {
    return $t->post_ok('/auth/login' => \%headers => json =>
        {username => $name, password => $password});
}

# a right password, and the token for the factor
sub asked ($name) {
    login($name)->problem_is(401, 'mfa_required');
    return $t->tx->res->json->{mfa_token};
}

sub verify ($token, %proof) {
    return $t->post_ok('/auth/mfa/verify' => json => {mfa_token => $token, %proof});
}

sub add ($tokens, $name = 'phone') {
    $t->post_ok('/auth/mfa/factors' => $t->bearer($tokens) => json =>
        {name => $name})->status_is(201);
    return $t->tx->res->json;
}

# these have the new access token then
sub confirm ($tokens, $added, $code = code($added->{secret})) {
    $t->post_ok("/auth/mfa/factors/$added->{factor}{id}/confirm" => $t->bearer($tokens)
        => json => {code => $code});
    my $json = $t->tx->res->json;
    $tokens->{access_token} = $json->{access_token} if $json->{access_token};
    return $t;
}

# an account with a factor: its tokens, the secret, the recovery codes
sub guarded ($name) {
    my $tokens = account($name);
    my $added  = add($tokens);
    confirm($tokens, $added)->status_is(200);
    unused($name);
    return {%$tokens, %$added, codes => $t->tx->res->json->{recovery_codes}};
}

# the same code may be used again
sub unused ($name) {
    $t->db->do(q{UPDATE autoflow.factors SET last_step = NULL WHERE user_id =
        (SELECT id FROM autoflow.users WHERE username = ?)}, {}, $name);
}

sub pause_over ($user) {
    $t->db->do(q{UPDATE autoflow.failed_attempts SET ends_at = ends_at - interval '1 day'
        WHERE kind = 'code' AND account = ?}, {}, $user->{user}{id});
}

# the latest
sub session ($tokens) {
    return $t->db->selectrow_hashref(q{SELECT aal,
        jsonb_path_query_array(amr, '$[*].method') #>> '{}' AS amr
        FROM autoflow.sessions WHERE user_id = ? AND ended_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1}, {}, $tokens->{user}{id});
}

# another proof in a session
sub prove ($pair, %proof) { $t->post_ok('/auth/reauth' => $t->bearer($pair) => json => \%proof) }

sub refresh ($pair) {
    return $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(200)->tx->res->json;
}

# all proofs were given so many seconds earlier
sub age ($seconds) {
    $t->db->do(q{UPDATE autoflow.sessions SET
        authenticated_at = authenticated_at - interval '%1',
        amr = (SELECT jsonb_agg(jsonb_set(m, '{at}', to_jsonb(autoflow.rfc3339(
                   (m ->> 'at')::timestamptz - interval '%1'))))
                 FROM jsonb_array_elements(amr) AS m)} =~ s/%1/$seconds s/gr);
}

# Responses to requests that go on after these statements about the account, whose id
# is ?: until then it is locked, and so is the row that counts its wrong codes, and
# the requests (functions with promises) are as far as that, up to two of them.
sub meanwhile ($name, $requests, @statements) {
    my $held = $t->postgresql->connect;
    $held->begin_work;
    my ($id) = $held->selectrow_array('SELECT id FROM autoflow.users WHERE username = ?
        FOR UPDATE', {}, $name);
    $held->do('SELECT FROM autoflow.failed_attempts WHERE account = ? FOR UPDATE', {}, $id);
    my (@sent, @answers);
    for my $request (@$requests) {
        my $n = @sent;
        push @sent, $request->()->then(sub ($tx) { $answers[$n] = $tx->res });
        $t->wait_for(sub {
            Mojo::IOLoop->timer(0.02 => sub { });
            Mojo::IOLoop->one_tick;
            $t->blocked == @sent;
        });
    }
    $held->do($_, {}, $id) for @statements;
    $held->commit;
    $_->wait for @sent;
    return @answers;
}

# of an access token
sub claims ($pair) {
    return decode_json(b64_decode((split /\./, $pair->{access_token})[1] =~ tr{-_}{+/}r));
}

1;
