# What matters in the API takes a recent proof: of as many factors as the account
# has.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new(clock => 1, server => 'autoflow_cookies on;');
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(autoflow_seal_key => 'hex:' . 'a1' x 32);
$t->start->hold;
factors_at($t);

my %challenge = (1 => qr/reauthentication_required", max_age="600"$/,
    2 => qr/reauthentication_required", acr_values="aal2", max_age="600"$/);

# is refused until there is a proof of this level
sub refused ($level, $method, $path, $pair, @body) {
    my $does = "${method}_ok";
    return $t->$does($path => $t->bearer($pair), @body)
        ->problem_is(401, 'reauthentication_required')
        ->header_like('WWW-Authenticate' => $challenge{$level});
}

sub by_cookie ($pair) {
    return {Cookie => "af_access=$pair->{access_token}", Origin => $t->url};
}


subtest 'an account without factors' => sub {
    my $ada = account('ada');
    age(700);
    $ada = refresh($ada);
    refused(1, delete => $_, $ada) for '/auth/me', '/api/v1/user/account';
    refused(1, post => '/auth/mfa/factors', $ada, json => {name => 'x'});
    refused(1, put => '/auth/me/password', $ada, json => {new_password => "$good!"});
    refused(1, patch => '/auth/me', $ada, json => {email => 'other@example.com'});
    $t->patch_ok('/auth/me' => $t->bearer($ada) => json => {full_name => 'Ada'})->status_is(200);
    $t->put_ok('/auth/me/password' => $t->bearer($ada) => json =>
        {current_password => $good, new_password => "$good!"})
        ->status_is(204, 'the password is a proof');
    $t->patch_ok('/auth/me' => $t->bearer($ada) => json =>
        {email => 'other@example.com', current_password => "$good!"})->status_is(200);
    refused(1, delete => '/auth/me', $ada);
    my $new = prove($ada, current_password => "$good!")->status_is(200)->tx->res->json;
    refused(1, delete => '/auth/me', $ada);
    $t->put_ok('/auth/me/password' => $t->bearer($new) => json => {new_password => $good})
        ->errors_are({current_password => 'required'});
    $t->patch_ok('/auth/me' => $t->bearer($new) => json => {email => 'third@example.com'})
        ->errors_are({current_password => 'required'});
    $t->delete_ok('/auth/me' => $t->bearer($new))->status_is(204);
};

subtest 'an account with a factor' => sub {
    my $bob   = guarded('bob');
    my $other = $bob->{factor}{id};
    age(700);
    my $pair = prove($bob, current_password => $good)->status_is(200)->tx->res->json;
    my %new  = (current_password => $good, new_password => "$good!");
    my %add  = (name => 'x');
    my $all  = sub ($pair) {
        refused(2, delete => '/auth/me', $pair);
        refused(2, put    => '/auth/me/password', $pair, json => \%new);
        refused(2, patch  => '/auth/me', $pair,
            json => {email => 'b@example.com', current_password => $good});
        refused(2, post   => '/auth/mfa/factors', $pair, json => \%add);
        refused(2, post   => "/auth/mfa/factors/$other/confirm", $pair, json => {code => '1'});
        refused(2, delete => "/auth/mfa/factors/$other", $pair);
        refused(2, post   => '/auth/mfa/recovery-codes', $pair);
    };
    $all->($pair);
    $t->put_ok('/auth/me/password' => $t->bearer($pair) => json => {})
        ->problem_is(422, 'validation_failed', 'what is sent is checked before');
    $t->patch_ok('/auth/me' => $t->bearer($pair) => json => {full_name => 'Bob'})
        ->status_is(200);

    # which is older than the factor
    $t->db->do(q{UPDATE autoflow.sessions SET aal = 1, amr = amr - 2 - 1});
    $pair = prove($bob, current_password => $good)->status_is(200)->tx->res->json;
    is claims($pair)->{aal}, 1, 'a session of before';
    $all->($pair);

    $pair = prove($bob, code => code($bob->{secret}))->status_is(200)->tx->res->json;
    $t->post_ok('/auth/mfa/recovery-codes' => $t->bearer($pair))->status_is(200);
    $t->patch_ok('/auth/me' => $t->bearer($pair) => json =>
        {email => 'b@example.com', current_password => $good})->status_is(200);
    $t->put_ok('/auth/me/password' => $t->bearer($pair) => json => \%new)->status_is(204);
    $t->delete_ok("/auth/mfa/factors/$other" => $t->bearer($pair))->status_is(204);
    $t->delete_ok('/auth/me' => $t->bearer($pair))->status_is(204);
};

subtest 'administration by cookie' => sub {
    my $root = account('root');
    $t->db->do(q{UPDATE autoflow.users SET is_superuser = true WHERE username = 'root'});
    my $carl = account('carl');
    age(700);
    $root = refresh($root);
    my $path = "/auth/users/$carl->{user}{id}";
    $t->put_ok("$path/disable" => $t->bearer($root))->status_is(200, 'a program has its own');
    $t->get_ok($path => by_cookie($root))->status_is(200, 'reading changes nothing');
    $t->put_ok("$path/enable" => by_cookie($root))->problem_is(401, 'reauthentication_required')
        ->header_like('WWW-Authenticate' => $challenge{1});
    $t->post_ok('/auth/roles' => by_cookie($root) => json => {name => 'r'})
        ->problem_is(401, 'reauthentication_required');
    my %invited = (email => 'guest@example.com');
    $t->post_ok('/auth/invitations' => by_cookie($root) => json => \%invited)
        ->problem_is(401, 'reauthentication_required');
    $t->post_ok('/auth/invitations' => $t->bearer($root) => json => \%invited)->status_is(201);
    my $id = $t->tx->res->json->{id};
    $t->post_ok("/auth/invitations/$id/resend" => by_cookie($root))
        ->problem_is(401, 'reauthentication_required');
    $t->delete_ok("/auth/invitations/$id" => by_cookie($root))
        ->problem_is(401, 'reauthentication_required');
    my $new = prove($root, current_password => $good)->status_is(200)->tx->res->json;
    $t->put_ok("$path/enable" => by_cookie($new))->status_is(200);
    $t->delete_ok("/auth/invitations/$id" => by_cookie($new))->status_is(204);

    my ($before, $added) = ({%$new}, add($new));
    confirm($new, $added)->status_is(200);
    $t->put_ok("$path/disable" => by_cookie($before))->problem_is(401, 'reauthentication_required')
        ->header_like('WWW-Authenticate' => $challenge{2}, 'a token of before the factor');
};

done_testing;
