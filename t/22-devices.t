# autoflow_mfa remember=: browsers at which a login needs no second factor.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(false true);
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my $t    = Test::Autoflow->new(clock => 1, server => q{
    autoflow_cookies on;
    location /site/ {
        autoflow_auth on;
        location /site/aal2/ { autoflow_require aal=2; error_page 404 =200 /fine; }
    }
    location = /fine { return 200 fine; }
    location = /cookies { autoflow_auth off; return 200 "$http_cookie"; }
});
my $mails = Test::Autoflow::Maildir->new(t => $t);
my $key   = 'hex:' . 'a1' x 32;
$mails->configure(autoflow_seal_key => $key, autoflow_mfa => 'optional remember=30d');
$t->start->hold;
factors_at($t);

sub policy ($policy) {
    $t->settings->{autoflow_mfa} = $policy;
    $t->reload->ready;
}

# the cookie that the last response has set, or undef
sub set {
    my ($cookie) = grep { /^af_device=/ } @{$t->tx->res->headers->every_header('Set-Cookie')};
    return $cookie;
}

sub value ($cookie) { ($cookie =~ /^af_device=([^;]+)/)[0] }

# a login from a browser with these cookies
sub from ($name, @devices) {
    return login($name, $good, Cookie => join '; ', map { "af_device=$_" } @devices);
}

# an account that is remembered, by this cookie
sub remembered ($name) {
    my $user = guarded($name);
    verify(asked($name), code => code($user->{secret}), remember => true)->status_is(200);
    unused($name);
    return ($user, value(set()), $t->tx->res->json);
}

sub devices ($pair, @headers) {
    $t->get_ok('/auth/mfa/devices' => {%{$t->bearer($pair)}, @headers})->status_is(200);
    return @{$t->tx->res->json->{devices}};
}


subtest 'a browser is remembered' => sub {
    my $ada = guarded('ada');
    verify(asked('ada'), code => code($ada->{secret}))->status_is(200);
    is set(), undef, 'not without being asked to';
    unused('ada');
    verify(asked('ada'), code => code($ada->{secret}), remember => false)->status_is(200);
    is set(), undef;
    unused('ada');
    verify(asked('ada'), code => wrong($ada->{secret}), remember => true)
        ->problem_is(401, 'invalid_code');
    is set(), undef, 'nor for a wrong code';
    verify(asked('ada'), code => code($ada->{secret}), remember => 'yes')
        ->errors_are({remember => 'type'});

    my $pair = verify(asked('ada'), code => code($ada->{secret}), remember => true)
        ->status_is(200)->tx->res->json;
    like set(), qr/^af_device=[\w-]{43}; Path=\/; Max-Age=2592000; SameSite=Lax; HttpOnly$/,
        'a cookie, for as long';
    my $device = value(set());
    unlike $t->db->selectrow_array('SELECT d::text FROM autoflow.devices d'), qr/\Q$device\E/,
        'which the database does not have';

    my $in = from('ada', $device)->status_is(200, 'a password is enough there')->tx->res->json;
    is_deeply [@{claims($in)}{qw(amr aal mfa_time)}], [[qw(pwd device)], 1, undef],
        'and no more than that is said';
    $t->get_ok('/site/aal2/' => $t->bearer($in))->status_is(401, 'it is no second factor');
    $t->delete_ok('/auth/me' => $t->bearer($in))->problem_is(401, 'reauthentication_required');
    from('ada', 'A' x 43, $device)->status_is(200, 'beside one that was planted');
    from('ada', $_)->problem_is(401, 'mfa_required') for 'A' x 43, "${device}A", 'x', '{}';
    login('ada')->problem_is(401, 'mfa_required', 'elsewhere it is asked for');
    login('ada', 'wrong', Cookie => "af_device=$device")->problem_is(401, 'invalid_credentials');

    guarded('ben');
    from('ben', $device)->problem_is(401, 'mfa_required', 'and for other accounts');
    $t->get_ok('/cookies' => {Cookie => "a=1; af_device=$device; b=2"})
        ->content_is('a=1; b=2', 'an upstream does not get it');

    my ($listed) = devices($pair, Cookie => "af_device=$device");
    is_deeply [sort keys %$listed],
        [qw(created_at device_info expires_at id ip_address is_current last_used_at)], 'listed';
    ok $listed->{is_current}, 'as the current one';
    ok !(devices($pair))[0]{is_current}, 'or not';
    $t->get_ok('/api/v1/user/export' => $t->bearer($pair))->status_is(200)
        ->json_is('/devices/0/expires_at' => $listed->{expires_at});
    $mails->all_sent;
    is scalar(grep { /to be remembered|to\s+be\s+remembered/ } $mails->read('ada@example.com')), 1,
        'the owner is told';
    is_deeply $t->db->selectcol_arrayref(q{SELECT action FROM autoflow.audit_events
        WHERE details ->> 'device' = ? ORDER BY id}, {}, $listed->{id}),
        [qw(device_remembered logged_in logged_in)], 'audited';

    $t->delete_ok("/auth/mfa/devices/$listed->{id}" => $t->bearer(account('carl')))
        ->status_is(404, "not another's");
    $t->delete_ok("/auth/mfa/devices/$listed->{id}" => $t->bearer($in))->status_is(204);
    from('ada', $device)->problem_is(401, 'mfa_required', 'forgotten');
    $t->delete_ok("/auth/mfa/devices/$listed->{id}" => $t->bearer($in))->status_is(404);
};

subtest 'what ends it' => sub {
    my %ends = (
        'a new password' => sub ($user, $pair) {
            $t->put_ok('/auth/me/password' => $t->bearer($pair) => json =>
                {current_password => $good, new_password => "$good!"})->status_is(204);
            $t->db->do(q{UPDATE autoflow.users SET last_login_at = now(), password_hash =
                (SELECT password_hash FROM autoflow.users WHERE username = 'ada')
                WHERE id = ?}, {}, $user->{user}{id});
        },
        'a logout everywhere' => sub ($user, $pair) {
            $t->post_ok('/auth/logout-all' => $t->bearer($pair))->status_is(204);
        },
        'a factor that is removed' => sub ($user, $pair) {
            my $other = add($pair, 'other');
            confirm($pair, $other)->status_is(200);
            $t->delete_ok("/auth/mfa/factors/$user->{factor}{id}" => $t->bearer($pair))
                ->status_is(204);
        },
        'a factor that a superuser resets, and another one' => sub ($user, $pair) {
            my $root = $t->superuser(account('root' . $user->{user}{username}));
            $t->delete_ok("/auth/users/$user->{user}{id}/factors" => $t->bearer($root))
                ->status_is(204);
            my $added = add(login($user->{user}{username})->tx->res->json);
            confirm(login($user->{user}{username})->tx->res->json, $added)->status_is(200);
        },
        'being disabled' => sub ($user, $pair) {
            $t->db->do('UPDATE autoflow.users SET is_active = ? WHERE id = ?', {}, $_,
                $user->{user}{id}) for 'false', 'true';
        },
        'its end' => sub ($user, $pair) {
            $t->db->do('UPDATE autoflow.devices SET expires_at = now() WHERE user_id = ?', {},
                $user->{user}{id});
        },
    );
    my $n = 0;
    for my $end (sort keys %ends) {
        my $name = 'dora' . ++$n;
        my ($user, $device, $pair) = remembered($name);
        from($name, $device)->status_is(200);
        $ends{$end}->($user, $pair);
        from($name, $device)->problem_is(401, 'mfa_required', $end);
    }
};

subtest 'a better hash of the same password ends nothing' => sub {
    my ($emma, $device) = remembered('emma');
    $t->settings->{autoflow_password} = 'time=3';
    $t->reload->ready;
    my $hash = sub { $t->db->selectrow_array('SELECT password_hash FROM autoflow.users
        WHERE id = ?', {}, $emma->{user}{id}) };
    my $before = $hash->();
    from('emma', $device)->status_is(200);
    isnt $hash->(), $before, 'a login has replaced it';
    from('emma', $device)->status_is(200);
};

subtest 'at most twenty' => sub {
    my ($finn, $first, $pair) = remembered('finn');
    $t->db->do(q{INSERT INTO autoflow.devices (user_id, hash, expires_at, last_used_at)
        SELECT ?, sha256(int4send(n)), now() + interval '1 day', now() + n * interval '1 second'
          FROM generate_series(1, 25) AS n}, {}, $finn->{user}{id});
    verify(asked('finn'), code => code($finn->{secret}), remember => true)->status_is(200);
    my $last = value(set());
    is scalar(devices($pair)), 20, 'of an account';
    from('finn', $first)->problem_is(401, 'mfa_required', 'one that was not used goes first');
    from('finn', $last)->status_is(200);
    $t->db->do(q{UPDATE autoflow.devices SET expires_at = now() - interval '1 second'});
    $t->go->jobs_due('purge');
    $t->wait_for(sub { !$t->db->selectrow_array('SELECT count(*) FROM autoflow.devices') });
    $t->hold;
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.devices'), 0, 'are deleted later';
};

subtest "today's policy" => sub {
    my ($gina, $device) = remembered('gina');
    my $renew = sub ($pair) {
        return $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}});
    };
    policy('required remember=30d');
    my $in = from('gina', $device)->status_is(200, 'a device does for a factor')->tx->res->json;
    $in = $renew->($in)->status_is(200)->tx->res->json;
    policy('required');
    from('gina', $device)->problem_is(401, 'mfa_required', 'but not when devices are off');
    $renew->($in)->problem_is(401, 'mfa_enrolment_required');
    verify(asked('gina'), code => code($gina->{secret}), remember => true)->status_is(200);
    is set(), undef, 'no cookie then';
};

done_testing;
