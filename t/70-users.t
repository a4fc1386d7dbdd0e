# Administration of accounts: /auth/users and below.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(false true);
use Mojo::Util qw(url_escape);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 2,
    server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }');
my $mails = $t->dir . '/mail';
$t->settings({autoflow_mail => "maildir:$mails", autoflow_link_base => 'https://example.com',
    autoflow_mail_templates => "$Test::Autoflow::root/conf/mail"})->start;
my $good = 'correct horse battery staple';
my $n = 0;

sub account (%fields) {
    $n++;
    return $t->register(email => "user$n\@example.com", username => "user$n", %fields);
}

sub login ($email) {
    $t->post_ok('/auth/login' => json => {email => $email, password => $good})->status_is(200);
    return $t->tx->res->json;
}

sub me ($pair) { $t->get_ok('/auth/me' => $t->bearer($pair)) }

# manually, as by `./build.sh grant-superuser`
sub superuser (%fields) {
    my $pair = account(%fields);
    $t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $pair->{user}{id});
    return {%{login($pair->{user}{email})}, id => $pair->{user}{id}};
}

sub users ($account, $rest = '') { "/auth/users/$account->{user}{id}$rest" }

# an account's audit events, the earliest first
sub history ($account) {
    return $t->db->selectcol_arrayref('SELECT action FROM autoflow.audit_events
        WHERE target_id = ? ORDER BY at, action DESC', {}, ref $account ? $account->{user}{id}
        : $account);
}

my $root = superuser(email => 'root@example.com');
my $as_root = $t->bearer($root);


subtest 'access' => sub {
    my ($ada, $eve) = (account(), account());
    for my $path ('/auth/users', '/api/v1/users', '/api/users') {
        $t->get_ok($path)->problem_is(401, 'token_required');
        $t->get_ok($path => $t->bearer($ada))->problem_is(403, 'forbidden');
        $t->get_ok($path => $as_root)->status_is(200);
    }
    for my $path (users($ada), "/api/v1/users/$ada->{user}{id}/",
        users({user => {id => uc $ada->{user}{id}}})) {
        $t->get_ok($path => $t->bearer($ada))->status_is(200, 'oneself')
            ->json_is('' => me($ada)->tx->res->json);
        $t->get_ok($path => $as_root)->status_is(200)->json_is('/id' => $ada->{user}{id});
        $t->get_ok($path => $t->bearer($eve))->problem_is(403, 'forbidden', 'another');
        $t->get_ok($path)->problem_is(401, 'token_required');
    }
    $t->put_ok(users($ada) => $t->bearer($ada) => json => {bio => 'x'})
        ->problem_is(403, 'forbidden', 'to change oneself there are other paths');
    $t->get_ok(users({user => {id => '00000000-0000-7000-8000-000000000000'}}) => $t->bearer($ada))
        ->problem_is(403, 'forbidden', 'nobody learns whether there is such an account');
    $t->get_ok(users({user => {id => '00000000-0000-7000-8000-000000000000'}}) => $as_root)
        ->problem_is(404, 'not_found');
    $t->get_ok('/auth/users/1' => $as_root)->problem_is(404, 'not_found');
    $t->options_ok('/api/v1/users/' . $ada->{user}{id})
        ->header_is(Allow => 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS');
};

subtest 'an account is created' => sub {
    $t->post_ok('/auth/roles' => $as_root => json => {name => 'editor'})->status_is(201);
    $t->post_ok('/auth/users' => $as_root => json => {email => 'Made@example.com',
        password => $good, username => 'made',
        first_name => 'Ma', last_name => 'De', is_superuser => true, email_verified => true,
        roles => [qw(editor editor)]})
        ->status_is(201)->json_is('/email' => 'Made@example.com')->json_is('/username' => 'made')
        ->json_is('/full_name' => 'Ma De')->json_is('/is_superuser' => true)
        ->json_is('/email_verified' => true)
        ->json_is('/roles' => ['editor'])->json_is('/is_active' => true)
        ->json_is('/last_login_at' => undef)
        ->json_hasnt('/access_token')->json_hasnt('/password_hash');
    my $user = $t->tx->res->json;
    is_deeply [sort keys %$user], [sort keys %{me($root)->tx->res->json}],
        'the same fields as ever';
    $t->get_ok("/auth/users/$user->{id}" => $as_root)->json_is('' => $user);
    is_deeply [$t->db->selectrow_array('SELECT first_name, last_name FROM autoflow.profiles
        WHERE user_id = ?', {}, $user->{id})],
        [qw(Ma De)], 'with its profile';
    is_deeply [
        $t->db->selectrow_array(q{SELECT actor_id, details->>'is_superuser', details->>'roles'
        FROM autoflow.audit_events WHERE action = 'created' AND target_id = ?}, {}, $user->{id})],
        [$root->{id}, 'true', '["editor"]'], 'audited';

    my $made = login('made@example.com');
    $t->get_ok('/auth/users' => $t->bearer($made))->status_is(200, 'a superuser indeed');
    $t->delete_ok("/auth/users/$user->{id}" => $as_root)->status_is(204);

    $t->post_ok('/auth/users' => $as_root => json => {email => 'plain@example.com',
        password => $good})->status_is(201)
        ->json_is('/is_superuser' => false)->json_is('/email_verified' => false)
        ->json_is('/roles' => []);
    $t->wait_for(sub { -d "$mails/new" && path("$mails/new")->list->size });
    is_deeply $t->db->selectall_arrayref(q{SELECT kind, recipient FROM autoflow.outbox
        WHERE recipient IN ('Made@example.com', 'plain@example.com')}),
        [['verify_email', 'plain@example.com']],
        'an address that is not verified is mailed to, and no other';

    my $made_with = sub (%fields) {
        return $t->post_ok('/auth/users' => $as_root => json => {email => 'x@example.com',
            password => $good, %fields});
    };
    $made_with->(email => 'PLAIN@example.com')->problem_is(409, 'email_taken');
    $made_with->(username => 'ROOT1')->status_is(201);
    $made_with->(email => 'y@example.com', username => 'root1')->problem_is(409, 'username_taken');
    $made_with->(email => 'y@example.com', password => 'password1')
        ->errors_are({password => 'password_too_weak'});
    $made_with->(email => 'y@example.com', password => 'y@example.com')
        ->errors_are({password => 'password_too_similar'});
    $made_with->(email => 'y', is_superuser => 1, roles => 'editor')
        ->errors_are({email => 'format', is_superuser => 'type', roles => 'type'});
    $made_with->(email => 'y@example.com', roles => ['editor', 'x', 'y'])
        ->problem_is(422, 'validation_failed')
        ->errors_are({roles => 'reference'})->json_like('/errors/0/message' => qr/: x, y$/);
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.users
        WHERE email = 'y@example.com'}), 0, 'none was made';
};

subtest 'an account is changed' => sub {
    my $ada = account();
    account(email => 'taken@example.com', username => 'taken');
    $t->patch_ok(users($ada) => $as_root => json => {full_name => 'Ada', bio => "a\nb"})
        ->status_is(200)
        ->json_is('/full_name' => 'Ada')->json_is('/bio' => "a\nb")
        ->json_is('/username' => $ada->{user}{username});
    cmp_ok $t->tx->res->json('/updated_at'), 'gt', $ada->{user}{updated_at}, 'updated_at';
    me($ada)->status_is(200, 'its tokens say nothing of that')->json_is('/full_name' => 'Ada');
    $t->put_ok(users($ada) => $as_root => json => {email_verified => true})
        ->json_is('/email_verified' => true)
        ->json_is('/full_name' => 'Ada', 'PUT is no different');
    me($ada)->status_is(200);

    $t->put_ok(users($ada) => $as_root => json => {email => 'new@example.com',
        username => 'newname'})->status_is(200)
        ->json_is('/email' => 'new@example.com')->json_is('/username' => 'newname')
        ->json_is('/email_verified' => false, 'a new address is not a verified one');
    me($ada)->problem_is(401, 'token_revoked', 'tokens tell the old address');
    my $new = login('newname');
    me($new)->json_is('/email' => 'new@example.com');
    $t->patch_ok(users($ada) => $as_root => json => {email => 'NEW@example.com',
        email_verified => true})
        ->json_is('/email' => 'NEW@example.com')->json_is('/email_verified' => true);
    $t->patch_ok(users($ada) => $as_root => json => {email => 'New@example.com'})
        ->json_is('/email_verified' => true, 'the same one, spelled otherwise');
    $t->patch_ok(users($ada) => $as_root => json => {email_verified => false})
        ->json_is('/email_verified' => false);
    me($new)->problem_is(401, 'token_revoked');

    $t->patch_ok(users($ada) => $as_root => json => $_->[0])->problem_is(@$_[1, 2]) for
        [{email => 'Taken@example.com'}, 409, 'email_taken'],
        [{username => 'TAKEN'}, 409, 'username_taken'],
        [{email => 'x', username => 'a?b', full_name => ''}, 422, 'validation_failed'];
    $t->errors_are({email => 'format', username => 'format', full_name => 'length'});
    $t->patch_ok(users($ada) => $as_root => json => {is_superuser => true, is_active => false,
        password_hash => 'x'})
        ->status_is(200, 'what is unknown is ignored')->json_is('/is_superuser' => false)
        ->json_is('/is_active' => true);
    $t->patch_ok(users($ada) => $as_root)->problem_is(415, 'unsupported_media_type');

    is_deeply history($ada),
        [qw(registered updated email_verified updated email_changed logged_in email_changed
        email_changed email_unverified)], 'audited' or diag explain history($ada);
    is $t->db->selectrow_array(q{SELECT string_agg(details::text, ' ' ORDER BY at, id)
        FROM autoflow.audit_events
        WHERE target_id = ? AND action = 'updated'}, {}, $ada->{user}{id}),
        '{"fields": ["full_name", "bio"]} {"fields": ["username"]}', 'with what was changed';

    $t->patch_ok(users($ada) => $as_root => json => {full_name => undef, bio => undef})
        ->status_is(200)
        ->json_is('/full_name' => undef, 'a null clears')->json_is('/bio' => undef);
    $t->put_ok(users($ada) => $as_root => json => {email_verified => undef})
        ->problem_is(422, 'validation_failed')->json_is('/errors/0/field' => 'email_verified');
};

subtest 'disabled, enabled' => sub {
    my $ada = account();
    my @all = ($ada, login($ada->{user}{email}));
    $t->put_ok(users($ada, '/disable') => $as_root)->status_is(200)->json_is('/is_active' => false);
    $t->get_ok($_ => $t->bearer($ada))->status_is(401) for '/app/x', '/auth/me';
    me($_)->problem_is(401, 'token_revoked') for @all;
    $t->post_ok('/auth/refresh' => json => {refresh_token => $_->{refresh_token}})
        ->problem_is(401, 'invalid_token') for @all;
    $t->post_ok('/auth/login' => json => {email => $ada->{user}{email}, password => $good})
        ->problem_is(403, 'account_disabled');
    $t->post_ok('/auth/register' => json => {email => $ada->{user}{email}, password => $good})
        ->problem_is(409, 'email_taken');
    $t->put_ok(users($ada, '/disable') => $as_root)->status_is(200, 'again');

    $t->put_ok(users($ada, '/enable') => $as_root)->status_is(200)->json_is('/is_active' => true)
        for 1 .. 2;
    me($_)->problem_is(401, 'token_revoked', 'what has ended has ended') for @all;
    $t->post_ok('/auth/refresh' => json => {refresh_token => $_->{refresh_token}})
        ->problem_is(401, 'invalid_token') for @all;
    me(login($ada->{user}{email}))->status_is(200);
    is_deeply history($ada), [qw(registered logged_in disabled login_failed enabled logged_in)],
        'audited';
    $t->put_ok("/auth/users/00000000-0000-7000-8000-000000000000/$_" => $as_root)
        ->problem_is(404, 'not_found')
        for qw(disable enable superuser);
};

subtest 'a concurrent login' => sub {
    for my $request ([PUT => '/disable'], [DELETE => '']) {
        my ($method, $rest) = @$request;
        my $ada  = account();
        my $hold = $t->locked;
        my @codes;
        my $both = Mojo::Promise->all(
            $t->ua->post_p('/auth/login' => json => {email => $ada->{user}{email},
                password => $good}),
            Mojo::Promise->new(sub ($resolve, $reject) {
                my $id;
                $id = Mojo::IOLoop->recurring(0.02 => sub {
                    return if $t->blocked < 1;      # the login has the account
                    Mojo::IOLoop->remove($id);
                    $t->ua->start_p($t->ua->build_tx($method => users($ada, $rest) => $as_root))
                        ->then($resolve, $reject);
                });
            }))->then(sub (@got) { @codes = map { $_->[0]->res->code } @got });
        my $release = Mojo::IOLoop->recurring(
            0.02 => sub { $hold->rollback if !$hold->{AutoCommit} && $t->blocked == 2 });
        $both->wait;
        Mojo::IOLoop->remove($release);
        is_deeply \@codes, [200, $method eq 'PUT' ? 200 : 204], 'both are done';
        is $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE user_id = ?
            AND ended_at IS NULL', {}, $ada->{user}{id}),
            0, "$method $rest: no session is left";
    }
};

subtest 'promotion and demotion' => sub {
    my $ada = account();
    $t->put_ok(users($ada, '/superuser') => $as_root => json => {is_superuser => true})
        ->json_is('/is_superuser' => true);
    me($ada)->problem_is(401, 'token_revoked');
    $ada = {%$ada, %{login($ada->{user}{email})}};
    $t->get_ok('/auth/users' => $t->bearer($ada))->status_is(200);
    $t->put_ok(users($ada, '/superuser') => $as_root => json => {is_superuser => true})
        ->json_is('/is_superuser' => true);
    me($ada)->status_is(200, 'nothing has changed');
    $t->put_ok(users($ada, '/superuser') => $as_root)->status_is(200)
        ->json_is('/is_superuser' => false);
    $t->get_ok('/auth/users' => $t->bearer($ada))->problem_is(401, 'token_revoked');
    $t->put_ok(users($ada, '/superuser') => $as_root => json => $_)
        ->errors_are({is_superuser => 'required'})
        for {}, {is_superuser => undef}, {is_supruser => true};
    $t->put_ok(
        users($ada, '/superuser') => {%$as_root, 'Content-Type' => 'application/json'} => 'null')
            ->problem_is(400, 'invalid_json');
    $t->get_ok(users($ada) => $as_root)
        ->json_is('/is_superuser' => false, 'only no body at all toggles');
    $t->put_ok(users($ada, '/superuser') => $as_root)->json_is('/is_superuser' => true);
    $t->put_ok(users($ada, '/superuser') => $as_root => json => {is_superuser => 'yes'})
        ->errors_are({is_superuser => 'type'});
    $t->put_ok(users($ada, '/superuser') => $as_root => json => {is_superuser => false})
        ->json_is('/is_superuser' => false);
    is_deeply history($ada), [qw(registered promoted logged_in demoted promoted demoted)],
        'audited';
};

subtest 'an account is deleted' => sub {
    my $ada = account();
    $t->delete_ok(users($ada) => $as_root)->status_is(204)->content_is('');
    me($ada)->problem_is(401, 'token_revoked');
    $t->post_ok('/auth/refresh' => json => {refresh_token => $ada->{refresh_token}})
        ->problem_is(401, 'invalid_token');
    $t->post_ok('/auth/login' => json => {email => $ada->{user}{email}, password => $good})
        ->problem_is(401, 'invalid_credentials');
    $t->get_ok(users($ada) => $as_root)->status_is(200, 'superusers see it still')
        ->json_is('/is_active' => false);
    $t->delete_ok(users($ada) => $as_root)->problem_is(404, 'not_found');
    $t->put_ok(users($ada, $_) => $as_root)->problem_is(404, 'not_found', $_)
        for qw(/disable /enable /superuser);
    $t->put_ok(users($ada) => $as_root => json => {bio => 'x'})->problem_is(404, 'not_found');
    $t->put_ok(users($ada, '/roles') => $as_root => json => {roles => []})
        ->problem_is(404, 'not_found');
    my $again = account(email => $ada->{user}{email}, username => $ada->{user}{username});
    isnt $again->{user}{id}, $ada->{user}{id}, 'its address and name are free';
    is_deeply history($ada), [qw(registered deleted)], 'audited';
};

subtest 'the list' => sub {
    $t->db->do(q{UPDATE autoflow.users SET deleted_at = now() WHERE NOT is_superuser});
    my %ids;
    for (['b', 'Bob', 'Bernard % Shaw', 3], ['A', undef, 'Zoë_Ünder', undef],
        ['c', 'al.ice', undef, 1], ['d', 'Dan', 'back\slash', 2]) {
        my ($email, $username, $name, $login) = @$_;
        $ids{lc $email} = $t->db->selectrow_array(q{INSERT INTO autoflow.users (email, username,
            full_name, password_hash, last_login_at, created_at)
            VALUES (?, ?, ?, '', now() + ? * interval '1 day', now() + interval '1 hour' * ?)
            RETURNING id}, {},
            "$email\@list.example", $username, $name, $login, scalar keys %ids);
    }
    my %name = reverse %ids;
    my $list = sub ($query) {
        $t->get_ok("/auth/users?size=100&$query" => $as_root)->status_is(200);
        return join '', map { $name{$_->{id}} // () } @{$t->tx->res->json('/data')};
    };
    is $list->(''), 'bacd', 'by creation';
    is $list->("sort=$_->[0]"), $_->[1], $_->[0] for [qw(created_at bacd)], [qw(-created_at dcab)],
        [qw(email abcd)],
        [qw(-email dcba)], [qw(username acbd)], [qw(-username dbca)], [qw(last_login_at acdb)],
        [qw(-last_login_at bdca)];

    is $list->('q=' . url_escape($_->[0])), $_->[1], "q=$_->[0]" for ['list.example', 'bacd'],
        ['LIST.EX', 'bacd'],
        ['b@li', 'b'], ['ice', 'c'], ['al.i', 'c'], ['bob', 'b'], ['rd %', 'b'], ['% Sh', 'b'],
        ['%%sh', ''], ['__sh', ''], ['%ob', ''],
        ['_ob', ''], ["o\xc3\xab_\xc3\xbc", 'a'], ['ck\s', 'd'], ['\\\\\\ba', ''],
        ['a@list.exampleZo', ''], ["'; DROP --", ''];
    $t->get_ok("/auth/users?$_->[0]" => $as_root)->problem_is(422, 'validation_failed', $_->[0])
        ->errors_are($_->[1]) for
        ['sort=password_hash', {sort => 'format'}],
        ['sort=--email', {sort => 'format'}], ['sort=', {sort => 'format'}],
        ['is_active=yes&size=0', {is_active => 'type', size => 'range'}],
        ['q=a-b-c', {q => 'format'}], ['q=%25%25%25', {q => 'format'}],
        ['is_superuser=1', {is_superuser => 'type'}], ['role=A', {role => 'format'}],
        ['include_inactive=1', {include_inactive => 'type'}];

    $t->get_ok('/auth/users?q=list.example&sort=email&size=3&page=2' => $as_root)
        ->json_is('/total' => 4)->json_is('/pages' => 2)
        ->json_is('/page' => 2)->json_is('/size' => 3)->json_is('/data/0/id' => $ids{d})
        ->json_hasnt('/data/1');
    $t->get_ok('/auth/users?q=nobody' => $as_root)
        ->json_is('' => {data => [], total => 0, page => 1, size => 10, pages => 0, next => undef});

    $t->put_ok("/auth/users/$ids{a}/disable" => $as_root)->status_is(200);
    $t->put_ok("/auth/users/$ids{$_}/roles" => $as_root => json => {roles => ['editor']})
        ->status_is(200) for qw(b d);
    is $list->('is_active=false'), 'a', 'the disabled ones';
    is $list->('is_active=true'), 'bcd';
    is $list->('role=editor'), 'bd', 'those with a role';
    is $list->('role=editor&q=bob&is_active=true'), 'b';
    is $list->('role=nothing'), '';
    $t->put_ok("/auth/users/$ids{c}/superuser" => $as_root => json => {is_superuser => true})
        ->status_is(200);
    is $list->('q=list.example&is_superuser=true'), 'c', 'superusers';
    is $list->('q=list.example&is_superuser=false&sort=email'), 'abd', 'and others';
    $t->db->do(q{INSERT INTO autoflow.factors (user_id, kind, name, sealed_seed, confirmed_at)
        VALUES (?, 'totp', 'n', 'x', now()), (?, 'totp', 'n', 'x', now()),
            (?, 'totp', 'n', 'x', NULL)}, {}, @ids{qw(a a b)});
    is $list->('q=list.example&has_factors=true'), 'a', 'a factor that counts';
    is $list->('q=list.example&has_factors=false&sort=email'), 'bcd', 'and none';

    $t->delete_ok("/auth/users/$ids{b}" => $as_root)->status_is(204);
    is $list->(''), 'acd', 'without the deleted one';
    is $list->('include_inactive=true&sort=-email'), 'dcba', 'unless it is asked for';
    is $list->('include_inactive=true&role=editor'), 'bd';
    is $list->('include_inactive=false&is_active=false'), 'a';
    is $list->('include_inactive=true&is_active=false&sort=email&q=list.example'), 'ab';
};

$t->finish;
done_testing;
