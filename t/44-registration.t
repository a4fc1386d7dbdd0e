# autoflow_registration: who may register an account, and with which addresses.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true false);
use Mojo::Util qw(encode);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;
use utf8;

my $good  = 'correct horse battery staple';
my $t     = Test::Autoflow->new;
my $mails = Test::Autoflow::Maildir->new(t => $t);

sub registration ($how, %settings) {
    $mails->configure(autoflow_registration => $how, %settings);
    $t->reload->ready;
}

sub try ($email, %fields) {
    return $t->post_ok('/auth/register' => json => {email => $email, password => $good, %fields});
}

sub login ($email) {
    return $t->post_ok('/auth/login' => json => {email => $email, password => $good});
}

sub verify ($email) {
    $t->post_ok('/api/user/verify-email' => json =>
        {token => $mails->token($email, 'verify-email')})->status_is(204);
}

$mails->configure;
$t->start;
my $root = $t->superuser($t->register(email => 'root@example.com'));

# by a superuser
sub created ($email) {
    $t->post_ok('/auth/users' => $t->bearer($root) => json =>
        {email => $email, password => $good})->status_is(201);
}

subtest "$_: nobody registers" => sub {
    registration($_);
    try('new@example.com')->problem_is(403, 'registration_closed');
    $t->post_ok('/auth/signup' => json => {email => 'root@example.com', password => $good})
        ->problem_is(403, 'registration_closed', 'nor learns who has an account');
    $t->post_ok('/auth/register' => json => {email => 'x'})->problem_is(422, 'validation_failed');
    login('root@example.com')->status_is(200, 'who has one logs in');
    created("made-$_\@example.com");
    login("made-$_\@example.com")->status_is(200, "a superuser's is one");
} for 'closed', 'invite';

subtest 'verified' => sub {
    registration('verified');
    try('ada@example.com')->status_is(201);
    is_deeply [sort keys %{$t->tx->res->json}], [qw(message user)], 'gives no tokens';
    login('ada@example.com')->problem_is(403, 'email_not_verified');
    $t->post_ok('/auth/login' => json => {email => 'ada@example.com', password => 'wrong'})
        ->problem_is(401, 'invalid_credentials', 'nobody learns it who does not know the password');
    try('ada@example.com')->problem_is(409, 'email_taken');

    created('made@example.com');
    login('made@example.com')->status_is(200, "a superuser's account need not be verified");

    try('late@example.com')->status_is(201);
    registration('open');
    login('late@example.com')->problem_is(403, 'email_not_verified', 'whatever the door is later');
    try('open@example.com')->status_is(201)->json_has('/access_token');
    login('open@example.com')->status_is(200);

    verify('ada@example.com');
    login('ada@example.com')->status_is(200);
    my $pair = $t->tx->res->json;
    $t->patch_ok("/auth/users/$pair->{user}{id}" => $t->bearer($root) => json =>
        {email_verified => false})->status_is(200);
    login('ada@example.com')->status_is(200, 'once is enough');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}})
        ->status_is(200);
};

subtest 'domains' => sub {
    registration(encode 'UTF-8', 'verified domains=example.com,*.example.org,BÜCHER.example');
    try($_)->status_is(201, $_) for 'Ann@Example.COM', 'a@x.example.org', 'a@y.x.example.org',
        'a@bücher.example', 'b@xn--bcher-kva.example';
    for my $email ('a@example.net', 'a@example.org', 'a@badexample.org', 'a@sub.example.com',
        'a@example.com.example.net', 'a@bucher.example', 'a@notexample.com') {
        try($email)->problem_is(422, 'validation_failed', $email)->errors_are({email => 'domain'});
    }
    like $t->tx->res->json('/errors/0/message'), qr/address of example\.com,\*\.example\.org/,
        'which says of which';

    verify('Ann@Example.COM');
    my $ann = login('ann@example.com')->status_is(200)->tx->res->json;
    my $change = sub ($email) {
        $t->patch_ok('/auth/me' => $t->bearer($ann) => json =>
            {email => $email, current_password => $good});
    };
    $change->('ann@example.net')->problem_is(422, 'validation_failed')
        ->errors_are({email => 'domain'});
    $t->patch_ok('/auth/me' => $t->bearer($ann) => json =>
        {email => 'ann@example.net', current_password => 'wrong'})
        ->problem_is(403, 'wrong_password');
    $change->('ann2@example.com')->status_is(200)->json_is('/pending_email' => 'ann2@example.com');

    created('guest@example.net');
    $ann = login('guest@example.net')->status_is(200)->tx->res->json;
    $change->('guest@example.net')->status_is(200, 'what an account has is no change');
    $change->('guest2@example.net')->problem_is(422, 'validation_failed');
    $change->('guest@example.com')->status_is(200);
};

subtest 'domains of accounts that are all verified' => sub {
    registration('open domains=example.com', autoflow_require_verified_email => 'on');
    try('a@example.net')->problem_is(422, 'validation_failed');
    try('all@example.com')->status_is(201)->json_hasnt('/access_token');
};

subtest 'by default' => sub {
    registration(undef);
    try('default@example.com')->status_is(201, 'an API is open');
    for ('location /app/ { autoflow_auth on; autoflow_login /account/; }',
        'location /account/ { autoflow_pages; }')
    {
        $t->server($_);
        registration(undef, autoflow_pages_dir => "$Test::Autoflow::root/pages");
        try('other@example.com')
            ->problem_is(403, 'registration_closed', 'what people sign in to is not');
    }
    registration('open', autoflow_pages_dir => "$Test::Autoflow::root/pages");
    try('other@example.com')->status_is(201, 'unless it says so');
};

$t->finish;
done_testing;
