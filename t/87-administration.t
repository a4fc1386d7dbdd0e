# tools/autoflow, the administrator's command: versions, superusers, and what is
# to be done when something has gone wrong.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my $root = $Test::Autoflow::root;

my $t     = Test::Autoflow->new(server => 'location /app/ {
    autoflow_auth on;
    proxy_pass http://echo;
}');
my $mails = Test::Autoflow::Maildir->new(t => $t);
my $dir   = path($t->dir, 'autoflow')->make_path;

# the keys are files, as after `autoflow setup`
my %file = (autoflow_secret => 'secret', autoflow_key => 'signing.pem');
system("$root/tools/autoflow", 'make-key', $file{$_} =~ /pem/ ? 'signing' : 'secret',
    "$dir/$file{$_}") == 0 or die for keys %file;
$mails->configure(map { $_ => "file:$dir/$file{$_}" } keys %file);

# the harness gives what starts nginx
my $command = join ' ', grep { !/^(?:-g|daemon off;)$/ } $t->command;
path($t->dir, 'autoflow.conf')->spurt(<<~"END");
    # a comment

    database @{[$t->postgresql->url('autoflow')]}
    folder   $dir
    nginx    $command
    END

# its output and status
sub autoflow (@command) {
    open my $out, '-|', 'sh', '-c', '"$@" 2>&1', 'sh', "$root/tools/autoflow", '--config',
        $t->dir . '/autoflow.conf', @command or die $!;
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

sub autoflow_ok ($command, $like, $name) {
    my ($status, $text) = autoflow(@$command);
    is $status, 0, "autoflow $command->[0]: $name" or diag $text;
    like $text, $like, 'says so';
}

sub autoflow_fails ($command, $like, $name) {
    my ($status, $text) = autoflow(@$command);
    ok $status, "autoflow @$command: $name";
    like $text, $like, 'says why';
}

sub login ($email, $password = $good) {
    return $t->post_ok('/auth/login' => json => {email => $email, password => $password});
}

sub refresh ($pair) {
    return $t->post_ok('/auth/refresh' => json => {refresh_token => $pair->{refresh_token}});
}

# what reloads nginx, which finishes the reload later
sub reloaded_by ($command) {
    my @old = $t->worker_pids;
    $command->();
    $t->wait_for(sub { $t->workers_are(@old) });
    $t->ready;
}

# on this node, too, as soon as it is notified
sub revoked ($pair) {
    $t->wait_for(sub {
        ($t->ua->get('/auth/me' => $t->bearer($pair))->res->json('/code') // '')
            eq 'token_revoked';
    });
    me($pair)->problem_is(401, 'token_revoked');
}

sub me ($pair) { $t->get_ok('/auth/me' => $t->bearer($pair)) }

$t->start;


subtest 'usage' => sub {
    autoflow_ok(['help'], qr/^Usage: autoflow/, 'lists commands');
    my ($version) = path($root, 'src/conf/conf.h')->slurp =~ /AUTOFLOW_VERSION\s+"(.*?)"/;
    autoflow_ok(['version'], qr/^autoflow \Q$version\E$/, "is the module's");
    autoflow_fails($_, qr/^Usage:/, 'is not a command') for [], ['unlock'];
    autoflow_fails($_, qr/^autoflow: usage: autoflow $_->[0]/, 'arguments')
        for ['lock'], ['grant-superuser', 1, 2], ['renew'], ['after-restore', 'now'];
    autoflow_fails(['lock', 'nobody@example.com'], qr/no account with the address nobody/,
        'no one');
    autoflow_fails(['--config', '/nowhere', 'status'], qr/there is no \/nowhere/, 'settings');
};

subtest 'status' => sub {
    $t->jobs_due;
    $t->wait_for(sub { $t->db->selectrow_array(
        q{SELECT ran_at IS NOT NULL FROM autoflow.jobs WHERE name = 'purge'}) });
    autoflow_ok(['status'], qr/^module \s+ 0[.\d]+\ installed, \s 0[.\d]+ \s running\n
        schema \s+ (\d+), \s the\ module\ requires\ \1\n .* ^\s*purge\ /xsm,
        'all is as it should be');

    my $definition = $t->db->selectrow_array(
        q{SELECT pg_get_functiondef('autoflow.schema_version'::regproc)});
    $t->db->do('CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
        LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 3');
    autoflow_fails(['status'], qr/Run: autoflow deploy/, 'an old schema');
    $t->db->do($definition);
};

subtest 'the last superuser is lost' => sub {
    my $ada = $t->register(email => 'Ada@example.com');
    me($ada)->json_is('/is_superuser' => Mojo::JSON::false);
    autoflow_ok(['grant-superuser', 'ada@EXAMPLE.com'],
        qr/^Ada\@example\.com is a superuser from the next login/, 'in any spelling');
    revoked($ada);
    login('ada@example.com')->status_is(200);
    $t->get_ok('/auth/users' => $t->bearer($t->tx->res->json))->status_is(200);
    autoflow_ok(['grant-superuser', 'ada@example.com'], qr/is a superuser/, 'again');
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
        WHERE action = 'promoted'}), 1, 'and is in the audit once';
};

subtest 'an account is taken over' => sub {
    my $root = login('ada@example.com')->tx->res->json;
    my $bob = $t->register(email => 'bob@example.com');
    my $id  = $bob->{user}{id};

    # the thief requests a link to set another password
    $t->post_ok('/auth/forgot-password' => json => {email => 'bob@example.com'});
    my $link = $mails->token('bob@example.com', 'reset-password');
    $t->put_ok('/auth/me' => $t->bearer($bob) => json => {email => 'thief@example.com',
        current_password => $good});

    # and adds a passkey that logs in alone
    $t->db->do(q{SELECT autoflow.add_passkey(?, 'x', '{"credential_id": "01",
        "public_key": "02", "user_handle": "03", "algorithm": -7, "counter": 0}')}, {}, $id);
    $t->db->do(q{INSERT INTO autoflow.recovery_codes (user_id, hash) VALUES (?, '\\x01')}, {}, $id);

    autoflow_ok(['lock', 'bob@example.com'], qr/^bob\@example.com is disabled/, 'locks it');
    revoked($bob);
    refresh($bob)->problem_is(401, 'invalid_token');
    is login('bob@example.com')->tx->res->code, 401, 'no login';
    my $new = 'another horse battery staple';
    my $reset = sub ($token) { $t->post_ok('/auth/reset-password' =>
        json => {token => $token, new_password => $new}) };
    $reset->($link)->problem_is(400, 'invalid_token');
    is_deeply $t->db->selectrow_arrayref('SELECT is_active, pending_email, password_hash,
        (SELECT count(*) FROM autoflow.user_addresses WHERE user_id = u.id),
        (SELECT count(*) FROM autoflow.factors WHERE user_id = u.id),
        (SELECT count(*) FROM autoflow.recovery_codes WHERE user_id = u.id)
        FROM autoflow.users u WHERE id = ?', {}, $id), [0, undef, undef, 0, 0, 0],
        'nothing is left';
    is $t->db->selectrow_array(q{SELECT details->>'count' FROM autoflow.audit_events
        WHERE action = 'disabled' AND target_id = ?}, {}, $id), 1, 'in the audit';
    is $t->db->selectrow_array(q{SELECT details->>'count' FROM autoflow.audit_events
        WHERE action = 'factors_removed' AND target_id = ?}, {}, $id), 1, 'the passkey, too';
    autoflow_ok(['lock', 'bob@example.com'], qr/disabled/, 'again');

    # its owner gets it back
    $t->put_ok("/auth/users/$id/enable" => $t->bearer($root))->status_is(200);
    is login('bob@example.com')->tx->res->code, 401, 'the known password opens nothing';
    $t->db->do(q{UPDATE autoflow.outbox SET created_at = created_at - interval '2 minutes'});
    $t->post_ok('/auth/forgot-password' => json => {email => 'bob@example.com'});
    $reset->($mails->link('bob@example.com', 'reset-password', 2) =~ s/.*token=//r)
        ->status_is(204);
    login('bob@example.com', $new)->status_is(200);
};

subtest 'a secret has leaked' => sub {
    my $eve = $t->register(email => 'eve@example.com');
    reloaded_by(sub {
        autoflow_ok(['renew', 'secret'], qr/nginx on this machine is reloading/, 'replaces it');
    });
    refresh($eve)->problem_is(401, 'invalid_token');
    me($eve)->status_is(200, 'access tokens are not made with it');
    login('eve@example.com')->status_is(200);
    is path("$dir/secret")->stat->mode & 0777, 0600, 'nobody else may read it';
    is path("$dir/secret.former")->stat->mode & 0777, 0600, 'nor the former one';
};

subtest 'a signing key has leaked' => sub {
    my $eve = login('eve@example.com')->tx->res->json;
    my $kid = sub { $t->get_ok('/.well-known/jwks.json')->tx->res->json('/keys/0/kid') };
    my $before = $kid->();
    reloaded_by(sub {
        autoflow_ok(['renew', 'signing'], qr/Copy what is new to all other nodes/, 'replaces it');
    });
    isnt $kid->(), $before, 'another key is published';
    me($eve)->problem_is(401, 'invalid_token');
    $t->get_ok('/app/' => $t->bearer($eve))->status_is(401);
    refresh($eve)->status_is(200, 'sessions go on');
    me($t->tx->res->json)->status_is(200);
    autoflow_fails(['renew', 'seal'], qr/step by step/, 'not a seal');
    autoflow_fails(['renew', 'everything'], qr/nothing called "everything"/, 'nor anything else');
};

# what happened after the backup: a logout, a disabling, a mail that was used
subtest 'a backup is restored' => sub {
    my $mallory = $t->register(email => 'mallory@example.com');
    my $carol   = $t->register(email => 'carol@example.com');
    my $verify  = $mails->token('carol@example.com', 'verify-email');
    my %id = (mallory => $mallory->{user}{id}, carol => $carol->{user}{id});
    my $epoch = sub { $t->db->selectrow_array(
        q{SELECT min(token_epoch) FROM autoflow.users}) };
    my $before = $epoch->();
    $t->db->do(q{INSERT INTO autoflow.devices (user_id, hash, expires_at)
        VALUES (?, sha256('x'), now() + interval '1 day')}, {}, $id{mallory});

    reloaded_by(sub {
        autoflow_ok(['after-restore'], qr/everybody logs in again.*signing\.pem is new/s,
            'ends sessions');
    });
    me($_)->status_is(401) for $mallory, $carol;
    refresh($_)->problem_is(401, 'invalid_token') for $mallory, $carol;
    $t->post_ok('/api/v1/user/verify-email' => json => {token => $verify})
        ->problem_is(400, 'invalid_token');
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE ended_at IS NULL'),
        0, 'no session is left';
    is $t->db->selectrow_array('SELECT count(*) FROM autoflow.devices'), 0, 'nor a browser';
    cmp_ok $epoch->(), '>', 1e9, 'epochs are greater than any that a node has seen';

    my $new = login('carol@example.com')->status_is(200)->tx->res->json;
    me($new)->status_is(200, 'a new login works');
    refresh($new)->status_is(200);
    my $last = $epoch->();
    reloaded_by(sub { autoflow_ok(['after-restore'], qr/logs in again/, 'again') });
    cmp_ok $epoch->(), '>', $last, 'raises them again';
    refresh($new)->problem_is(401, 'invalid_token');
};

$t->finish;
done_testing;
