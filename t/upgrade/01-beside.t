# The previous version keeps working on the new schema, beside this version: nodes
# are upgraded one by one.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Load;
use Test::Autoflow::Maildir;
use Test::More;

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';

# one cluster, one mail folder; cookies with the attributes of production
my %common = (
    workers => 2,
    server  => 'autoflow_cookies on; location /app/ { autoflow_auth on; proxy_pass http://echo; }',
);
my %testing = (autoflow_environment => 'testing', autoflow_require_https => 'off',
    autoflow_refresh_grace => '1m');
my $previous = Test::Autoflow->new(%common, tree => $ENV{AUTOFLOW_PREVIOUS},
    module => $ENV{AUTOFLOW_PREVIOUS_MODULE}, lanes => 0);
$previous->postgresql->template($ENV{AUTOFLOW_PREVIOUS_TEMPLATE});
my $mails = Test::Autoflow::Maildir->new(t => $previous);
# it would not start with a parameter that it doesn't know
$mails->configure(%testing, autoflow_attempts => 'account=off account_total=off address=off');
$previous->start;

my $new = Test::Autoflow->new(%common, beside => $previous);
Test::Autoflow::Maildir->new(t => $new, dir => $mails->dir)->configure(%testing);

my %name = ($previous => 'the previous version', $new => 'this version');
my @pairs = ([$previous, $new], [$new, $previous]);

# the response's status, document and object
sub ask ($node, $method, $path, @rest) {
    my $res = $node->ua->start($node->ua->build_tx($method => $node->url($path), @rest))->res;
    return ($res->code, $res->json, $res);
}

sub status (@request) { (ask(@request))[0] }

sub login ($node, $email, $password = $good) {
    my ($status, $pair) = ask($node, POST => '/auth/login',
        json => {email => $email, password => $password});
    $status == 200 or die "login: $status";
    return $pair;
}

# a session with as many rotations, and each of its refresh tokens
sub session ($node, $email, $rotations = 0) {
    my $pair = login($node, $email);
    my @tokens = $pair->{refresh_token};
    for (1 .. $rotations) {
        $pair = rotate($node, $pair);
        push @tokens, $pair->{refresh_token};
    }
    return {%$pair, tokens => \@tokens};
}

sub rotate ($node, $pair) {
    my ($status, $next) = refresh($node, $pair);
    $status == 200 or die "refresh: $status";
    return {%$pair, %$next};
}

sub refresh ($node, $pair) {
    return ask($node, POST => '/auth/refresh', json => {refresh_token => $pair->{refresh_token}});
}

# how a node responds to an access token
sub app ($node, $pair) {
    my ($status, undef, $res) = ask($node, GET => '/app/x', $node->bearer($pair));
    return $status . ' '
        . ($res->headers->www_authenticate // '') =~ s/.*error_description="(\w+)".*/$1/r;
}

sub good ($pair, $name) {
    is app($_, $pair), '200 ', "$name, at $name{$_}" for $previous, $new;
}

# at the node that revoked it on the next request, at the other after the notification
sub refused ($actor, $other, $pair, $name) {
    is app($actor, $pair), '401 token_revoked', "$name: refused at the same node";
    ok eval { $other->wait_for(sub { app($other, $pair) eq '401 token_revoked' }) },
        'and by the other node'
        or diag app($other, $pair);
}

# uses a mail's token: the status, the node that was used, and the other one; the
# previous version doesn't know this version's tokens
sub mailed ($node, $path, %json) {
    if ($node == $previous && length $json{token} != 64) {
        is status($node, POST => $path, json => \%json), 400,
            'a token with a key id, at the previous version';
        $node = $new;
    }
    return status($node, POST => $path, json => \%json), $node, $node == $new ? $previous : $new;
}

my $n = 0;
sub account ($node, %fields) {
    return $node->register(email => 'user' . ++$n . '@example.com', %fields);
}

sub superuser ($node) {
    my $who = account($node);
    $previous->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', undef,
        $who->{user}{id});
    return {%$who, %{login($node, $who->{user}{email})}};
}

sub cookies_of ($res) {
    return join '; ',
        map { /^([^=]+=[^;]+)/ ? $1 : () } @{$res->headers->every_header('Set-Cookie')};
}


# Created before the upgrade, and checked after it
my %before;
$before{plain}   = account($previous, email => 'plain@example.com', username => 'plain',
    full_name => 'Pläin');
$before{session} = session($previous, 'plain@example.com');
$before{rotated} = session($previous, 'plain@example.com', 3);
$before{stolen}  = session($previous, 'plain@example.com', 2);
$before{ended}   = session($previous, 'plain@example.com');
is status($previous, POST => '/auth/logout', $previous->bearer($before{ended})), 204;

$before{superuser} = superuser($previous);
my $as_superuser = $previous->bearer($before{superuser});
is status($previous, POST => '/auth/roles', $as_superuser, json => {name => $_}), 201
    for 'editor', 'author';
$before{editor} = account($previous, email => 'editor@example.com');
is status($previous, PUT => "/auth/users/$before{editor}{user}{id}/roles", $as_superuser,
    json => {roles => ['editor']}), 200;
$before{editor} = {%{$before{editor}}, %{login($previous, 'editor@example.com')}};
$before{disabled} = account($previous, email => 'disabled@example.com');
is status($previous, PUT => "/auth/users/$before{disabled}{user}{id}/disable", $as_superuser), 200;
$before{deleted} = account($previous, email => 'deleted@example.com');
is status($previous, DELETE => '/auth/me', $previous->bearer($before{deleted})), 204;

# mails whose tokens are used later; one that is still unsent
$before{unverified} = account($previous, email => 'unverified@example.com');
$before{verify} = $mails->token('unverified@example.com', 'verify-email');
$before{forgetful} = account($previous, email => 'forgetful@example.com');
is status($previous, POST => '/auth/forgot-password', json => {email => 'forgetful@example.com'}),
    202;
$before{reset} = $mails->token('forgetful@example.com', 'reset-password');
$before{unsent} = account($previous, email => 'unsent@example.com');
$mails->token('unsent@example.com', 'verify-email');
$previous->wait_for(
    sub { $previous->db->do(q{UPDATE autoflow.outbox
        SET sent_at = NULL, due_at = now() + interval '1 hour'
    WHERE recipient = 'unsent@example.com' AND sent_at IS NOT NULL}) == 1 });

# a pending address
$before{moving} = account($previous, email => 'moving@example.com');
is status($previous, PATCH => '/auth/me', $previous->bearer($before{moving}),
    json => {email => 'moved@example.com', current_password => $good}), 200;
$before{move} = $mails->token('moved@example.com', 'verify-email');

my ($status, undef, $res) = ask($previous, POST => '/auth/login',
    json => {email => 'plain@example.com', password => $good});
$before{cookies} = cookies_of($res);


subtest 'the schema is deployed while the previous version serves' => sub {
    my $load = Test::Autoflow::Load->start(3, sub ($process, $round) {
        my $ua   = Mojo::UserAgent->new(inactivity_timeout => 60);
        my $who  = {email => "load$process.$round\@example.com", password => $good};
        my $pair = $ua->post($previous->url('/auth/register'), json => $who)->res->json;
        my @statuses = map { $_->res->code // 'no answer' }
            $ua->get($previous->url('/auth/me'), $previous->bearer($pair)),
            $ua->post($previous->url('/auth/login'), json => $who),
            $ua->post($previous->url('/auth/refresh'),
            json => {refresh_token => $pair->{refresh_token}}),
            $ua->post($previous->url('/auth/logout-all'), $previous->bearer($pair));
        return "@statuses";
    });
    my $answers = sub { $previous->db->selectrow_array(q{SELECT count(*) FROM autoflow.users
        WHERE email LIKE 'load%'}) };
    $previous->wait_for(sub { $answers->() > 3 });

    local @ENV{qw(SQITCH_FULLNAME SQITCH_EMAIL)} = ('test', 'test@localhost');
    open my $out, '-|', 'sh', '-c', 'cd "$0/sql" && exec sqitch deploy --verify "$1" 2>&1',
        $Test::Autoflow::root, 'db:' . $previous->postgresql->url('autoflow') or die $!;
    my $text = join '', <$out>;
    close $out;
    is $?, 0, 'deployed to a cluster with data' or diag $text;

    my $after = $answers->();
    $previous->wait_for(sub { $answers->() > $after + 3 });
    my $count = $load->stop;
    is_deeply [keys %$count], ['200 200 200 204'], 'every request succeeded'
        or diag explain $count;
};

# a connection prepares its statements when it opens
subtest 'the previous version restarts on it' => sub {
    $previous->reload->ready;
    pass 'every statement was prepared';
};

subtest 'existing accounts and tokens' => sub {
    $new->start;
    $new->wait_for(sub { status($new, GET => '/health') == 200 });

    good($before{$_}, "an existing access token: $_") for qw(plain session rotated superuser);
    is app($_, $before{ended}), '401 token_revoked', "a revoked one, at $name{$_}"
        for $previous, $new;

    for my $node ($previous, $new) {
        my ($status, $me) = ask($node, GET => '/auth/me', $node->bearer($before{plain}));
        is_deeply [@$me{qw(email username full_name)}], ['plain@example.com', 'plain', 'Pläin'],
            "the account, at $name{$node}";
        my %status = (disabled => 403, deleted => 401);
        is status($node, POST => '/auth/login',
            json => {email => "$_\@example.com", password => $good}), $status{$_}, "no login: $_"
            for sort keys %status;
        ($status, my $sessions) = ask($node, GET => '/auth/sessions?size=100',
        $node->bearer($before{plain}));
        is scalar @{$sessions->{data}}, 5, 'its sessions';
    }

};

subtest 'existing refresh tokens' => sub {
    for my $which (qw(session rotated)) {
        my $pair = $before{$which} = rotate($new, $before{$which});
        good($pair, "exchanged at this version: $which");
    }
    my ($status, $problem) = refresh($new, {refresh_token => $before{stolen}{tokens}[0]});
    is "$status $problem->{code}", '401 token_reused', 'one that was used already is theft';
    refused($new, $previous, $before{stolen}, 'which ends its session');

    refresh($previous, {refresh_token => $before{rotated}{tokens}[-1]});
    good($before{rotated},
        'within the grace an exchanged one is harmless, at the previous version, too');
    $previous->db->do(
        q{UPDATE autoflow.sessions SET rotated_at = rotated_at - interval '1 minute'});
    ($status, $problem) = refresh($previous, {refresh_token => $before{rotated}{tokens}[-1]});
    is "$status $problem->{code}", '401 token_reused', 'and theft afterwards';
    refused($previous, $new, $before{rotated}, 'which ends its session');

    good(rotate($previous, session($previous, 'plain@example.com')),
        'exchanged at the previous version');
};

subtest 'existing cookies' => sub {
    my %cookies = (Cookie => $before{cookies});
    like $before{cookies}, qr/refresh=/, 'set';
    is status($_, GET => '/auth/me', \%cookies), 200, "accepted by $name{$_}"
        for $previous, $new;
    my ($status, undef, $res) = ask($new, POST => '/api/v1/auth/refresh',
        {%cookies, Origin => $new->url});
    is $status, 200, 'refreshed at this version';
    my %now = (Cookie => cookies_of($res));
    is status($new, GET => '/auth/me', \%now), 200, 'which accepts its cookies';
    is status($previous, GET => '/auth/me', \%now), 200, 'as does the previous version';
    is status($previous, POST => '/auth/logout', {%now, Origin => $previous->url}), 204,
        'where they log out';
    $new->wait_for(sub { status($new, GET => '/auth/me', \%now) == 401 });
};

subtest 'existing mails' => sub {
    is status($new, POST => '/auth/reset-password',
        json => {token => $before{reset}, new_password => $fresh}), 204, 'a reset';
    refused($new, $previous, $before{forgetful}, 'which ends its sessions');
    good(login($_, 'forgetful@example.com', $fresh), "the new password, at $name{$_}")
        for $previous, $new;
    is status($new, POST => '/api/user/verify-email', json => {token => $before{verify}}), 204,
        'a confirmation';
    $previous->db->do(q{UPDATE autoflow.outbox SET due_at = now()
        WHERE recipient = 'unsent@example.com'});
    account($previous);
    ok eval { $mails->token('unsent@example.com', 'verify-email', 1) }, 'the unsent one is sent';
};

for (@pairs) {
    my ($here, $there) = @$_;

    subtest "changes at $name{$here} apply at $name{$there}" => sub {
        my $email = 'ada' . ++$n . '@example.com';
        my $ada = account($here, email => $email);
        good($ada, 'registered');
        my ($status, $problem) = ask($there, POST => '/auth/register',
            json => {email => uc $email, password => $good});
        is "$status $problem->{code}", '409 email_taken', 'its address is taken there';
        good(my $pair = session($here, $email, 1), 'refreshed');
        good(login($there, $email), 'logged in there');

        is +(mailed($there, '/api/user/verify-email',
            token => $mails->token($email, 'verify-email')))[0], 204,
            'confirmed at the other node';
        is +(ask($here, GET => '/auth/me', $here->bearer($pair)))[1]{email_verified},
            Mojo::JSON->true, 'and here';
        is status($here, POST => '/auth/logout', $here->bearer($pair)), 204;
        refused($here, $there, $pair, 'logout');
        good($ada, 'not the other sessions');

        my $third = login($there, $email);
        is status($here, POST => '/auth/logout-all', $here->bearer($third)), 204;
        refused($here, $there, $_, 'logout-all') for $ada, $third;

        $pair = login($there, $email);
        my $other = login($here, $email);
        is status($here, PUT => '/auth/me/password', $here->bearer($pair),
            json => {current_password => $good, new_password => $fresh}), 204;
        refused($here, $there, $other, 'a changed password');
        is status($there, POST => '/auth/login', json => {email => $email, password => $good}), 401,
            'the old one is invalid';
        good($pair = login($there, $email, $fresh), 'the new one is valid');

        is status($here, POST => '/auth/forgot-password', json => {email => $email}), 202;
        my $token = $mails->token($email, 'reset-password');
        ($status, my @nodes) = mailed($there, '/auth/reset-password', token => $token,
        new_password => $good);
        is $status, 204, 'a reset at the other node';
        refused(@nodes, $pair, 'which ends its sessions');
        is status($here, POST => '/auth/reset-password',
            json => {token => $token, new_password => $fresh}), 400, 'valid once';

        # the previous version's tokens don't say when a password was given
        $pair = login($there, $email);
        $status = status($here, DELETE => '/auth/me', $here->bearer($pair));
        is $status, $here == $new ? 401 : 204, 'deletion, with a token of the other node';
        is status($here, DELETE => '/auth/me', $here->bearer($pair = login($here, $email))),
            204, 'deletion' if $here == $new;
        refused($here, $there, $pair, 'deletion');
    };

    subtest "a changed address, at $name{$here}" => sub {
        my $email = 'mover' . ++$n . '@example.com';
        my $who = account($here, email => $email);
        is status($here, PATCH => '/auth/me', $here->bearer($who),
            json => {email => "to.$email", current_password => $good}), 200;
        my $token = eval { $mails->token("to.$email", 'verify-email') } or return fail('the mail');
        my ($status, @nodes) = mailed($here, '/api/user/verify-email', token => $token);
        is $status, 204, 'confirmed';
        refused(@nodes, $who, 'tokens with the old one');
        good(login($there, "to.$email"), 'a login there');
    };

    subtest "administration at $name{$here}" => sub {
        my $headers = $here->bearer(login($here, $before{superuser}{user}{email}));
        my $email = 'member' . ++$n . '@example.com';
        my $pair = account($there, email => $email);
        my $path = "/auth/users/$pair->{user}{id}";

        is status($here, PUT => "$path/roles", $headers, json => {roles => ['editor', 'author']}),
            200;
        refused($here, $there, $pair, 'changed roles');
        $pair = login($there, $email);
        is_deeply [sort @{$pair->{user}{roles}}], ['author', 'editor'],
            'which a login there returns';

        is status($here, PUT => "$path/superuser", $headers,
            json => {is_superuser => Mojo::JSON->true}), 200;
        refused($here, $there, $pair, 'a superuser');
        is status($there, GET => '/auth/users?size=1',
            $there->bearer($pair = login($there, $email))), 200, 'is one there';
        is status($here, PUT => "$path/superuser", $headers,
            json => {is_superuser => Mojo::JSON->false}), 200;
        refused($here, $there, $pair, 'and no longer');

        $pair = login($there, $email);
        is status($here, PUT => "$path/disable", $headers), 200;
        refused($here, $there, $pair, 'disabling');
        is status($there, POST => '/auth/login', json => {email => $email, password => $good}), 403,
            'as is a login';
        is status($here, PUT => "$path/enable", $headers), 200;
        good($pair = login($there, $email), 'enabled');

        my ($status, $role) = ask($here, POST => '/auth/roles', $headers,
            json => {name => "brief$n"});
        is $status, 201;
        is status($here, PUT => "$path/roles", $headers, json => {roles => ["brief$n"]}), 200;
        $pair = login($there, $email);
        is status($here, DELETE => "/auth/roles/$role->{id}", $headers), 204;
        refused($here, $there, $pair, 'a deleted role');
        is_deeply login($there, $email)->{user}{roles}, [], 'has no members';
        is status($there, $_ => $path,
            $there->bearer(login($there, $before{superuser}{user}{email}))),
            $_ eq 'GET' ? 200 : 204 for 'GET', 'DELETE';
    };
}

subtest 'an existing pending address' => sub {
    my ($status) = ask($new, POST => '/api/user/verify-email', json => {token => $before{move}});
    is $status, 204, 'confirmed at this version';
    refused($new, $previous, $before{moving}, 'tokens with the old one');
};

# docs/operations.md: when no node of the previous version is left
subtest 'privileges of the previous version are taken away' => sub {
    my $who = account($previous);
    $previous->stop;
    $previous->postgresql->privileges_ok;
    my $pair = login($new, $who->{user}{email});
    is app($new, $pair), '200 ', 'this one needs none of them';
    is((refresh($new, $pair))[0], 200);
    is status($new, POST => '/auth/logout', $new->bearer($pair)), 204;
};

$new->finish;
$previous->finish;
done_testing;
