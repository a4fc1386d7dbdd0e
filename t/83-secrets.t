# Secrets are only where they are needed: passwords, refresh and mail tokens of
# bodies are in no log, not even nginx's debug log or PostgreSQL's, never get to
# the database, are wiped before their memory is freed, and are not in a core
# dump; the keys and passwords of the configuration are in no log.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(encode_json);
use Test::Autoflow;
use Test::Autoflow::Mail;
use Test::Autoflow::Maildir;
use Test::More;

# of another user a process may only read memory as a real superuser
my $t = Test::Autoflow->new(freed => 1, $> == 0 ? (user => 'root') : ());
my $dir  = $t->dir;
my $mail = Test::Autoflow::Mail->new(dir => $dir)->with_tls->start;
my %configured = (
    'the secret'              => 'a secret for purposes, as long as it must be',
    'the key'                 => 'the key of the tokens, 32 octets',
    'the password of the database'    => 'xylophone-81-database',
    'the password of the mail server' => $mail->password,
);

# from files, as in production: nginx itself reads its configuration
sub file ($name, $text) {
    return 'file:' . path($dir, $name)->spurt($text)->chmod(0600);
}

my $database = $t->postgresql->url('autoflow_app');
Test::Autoflow::Maildir->new(t => $t)->configure(
    autoflow_database => file(database =>
        "$database&password=$configured{'the password of the database'}") . ' timeout=60s',
    autoflow_secret   => file(secret => $configured{'the secret'}),
    autoflow_key      => file(key => $configured{'the key'}),
    autoflow_audit_log => 'audit.json',
    autoflow_mail     => join(' ', $mail->url, 'from=auth@example.com', 'ca=' . $mail->ca,
        'user=' . $mail->user, 'password=' . file(mail => $mail->password), 'starttls=required'),
);
# libpq copies the connection string, and has no way to wipe it
$t->secret($configured{$_}) for grep { !/database/ } sort keys %configured;

# a response's header, with its cookies, is nginx's
$t->http(q{log_format bodies '$request_uri "$request_body"';});
$t->server(qq{
    access_log $dir/access.log;
    access_log $dir/bodies.log bodies;
    location /cookies/ { autoflow_cookies on; autoflow_api; }
});
$t->main("error_log $dir/debug.log debug;");
$t->start;

my $admin = $t->postgresql->connect('postgres');
$admin->do(q{ALTER SYSTEM SET log_statement = 'all'});
$admin->do(q{SELECT pg_reload_conf()});
$admin->disconnect;
$t->wait_for(sub { $t->db->selectrow_array('SHOW log_statement') eq 'all' });

# those of bodies, in requests and in mails, by what they are
my %secrets;
sub hidden ($name, $text) { $t->secret($secrets{$name} = $text) }

# and those of headers and responses
my %tokens;

my $n = 0;
sub password ($name) { hidden($name, 'zebra Qx' . $n++ . ' umbrella ' . 'grape' x 3) }

sub post ($path, $json, $headers = {}) {
    return $t->ua->post($path => $headers => json => $json)->res;
}

# the token of the latest mail to an address
sub mailed ($address, $about) {
    my $token;
    $t->wait_for(sub {
        ($token) = map { $_->{text} =~ /$about\?token=([\w-]+)/ ? $1 : () }
            reverse $mail->mails_to($address);
    });
    return hidden($about, $token);
}

subtest 'they are used' => sub {
    my $email = 'ada@example.com';
    my $first = password('registered');
    my $pair  = post('/api/v1/auth/register', {email => $email, password => $first})->json;
    is post('/auth/login', {email => $email, password => password('wrong')})->code, 401, 'wrong';
    is post('/auth/login', {email => 'x@example.com', password => password('unknown')})->code, 401,
        'an unknown account';
    is post('/auth/register', {email => 'y@example.com', password =>
        hidden(weak => 'qwertyqwertyqwertyqwertyqwerty')})->code, 422, 'a weak one';
    is post('/auth/login', {email => $email, password => hidden(long => 'grapefruit' x 103)})->code,
        422, 'a long one';
    is post('/auth/login', {email => $email, password => password('large'), x => 'x' x 30_000})
        ->code, 401, 'in a large body';
    is post('/auth/login', {email => $email, passwort => password('misspelt')})->code, 422,
        'in an unknown field';
    is post('/auth/login', [password('in a list')])->code, 400, 'in a list';

    my %json = ('Content-Type' => 'application/json');
    my $broken = '{"email":"a@b.co","password":"' . password('broken') . '"';
    is $t->ua->post('/auth/login' => \%json => $broken)->res->code, 400, 'in broken JSON';
    my $escaped = encode_json({email => $email, password => password('escaped')})
        =~ s/zebra/\\u007aebra/r;
    is $t->ua->post('/auth/login' => \%json => $escaped)->res->code, 401, 'with an escape';
    is $t->ua->post('/auth/login' => form => {username => $email, password => password('form')})
        ->res->code, 401, 'in a form';

    my $client = $t->client;
    $client->send(Test::Autoflow::Client::request(POST => '/auth/login',
        {'Transfer-Encoding' => 'chunked', 'Content-Type' => 'application/json'},
        Test::Autoflow::Client::chunked(unpack '(a9)*',
            encode_json({email => $email, password => password('in chunks')}))));
    is $client->status, 401, 'in chunks';
    $client->close;

    my $again = post('/auth/refresh', {refresh_token => hidden(refreshed =>
        $pair->{refresh_token})})->json;

    # known before it is in a response: a retry gets the same one
    hidden(successor => $again->{refresh_token});
    is post('/auth/refresh', {refresh_token => $pair->{refresh_token}})->json->{refresh_token},
        $again->{refresh_token}, 'in a response';

    my $bearer = $t->bearer($again);
    is $t->ua->patch('/auth/me' => $bearer => json => {email => 'new@example.com', bio => 'x',
        current_password => $first})->res->code, 200, 'another address';
    is $t->ua->put('/auth/me/password' => $bearer => json => {current_password => $first,
        new_password => password('changed')})->res->code, 204, 'changed';

    my $reset;
    post('/auth/forgot-password', {email => $email});
    is post('/auth/reset-password', {token => mailed($email, 'reset-password'),
        new_password => $reset = password('reset')})->code, 204, 'reset';
    is post('/api/user/verify-email', {token => mailed($email, 'verify-email')})->code, 400,
        'of another address by now';

    my $login = post('/auth/login', {email => $email, password => $reset})->json;
    %tokens = (access => $login->{access_token}, again => $again->{access_token});
    is $t->ua->get('/auth/me' => $t->bearer($login))->res->code, 200, 'an access token';
    is post('/auth/logout', {refresh_token => hidden(out => $login->{refresh_token})})->code, 204,
        'logged out';

    $reset = password('of bcrypt');
    $t->db->do('UPDATE autoflow.users SET password_hash = ?', {},
        crypt $reset, '$2b$05$abcdefghijklmnopqrstuu');
    is post('/auth/login', {email => $email, password => $reset})->code, 200, 'of bcrypt';

    $secrets{"pair $_"} = post('/auth/login', {email => $email, password => $reset})
        ->json->{refresh_token} for 1 .. 20;

    $login = post('/cookies/auth/login', {email => $email, password => $reset})->json;
    $tokens{cookie} = $login->{refresh_token};
    is post('/cookies/auth/refresh', {}, {Cookie => "af_refresh=$tokens{cookie}",
        Origin => $t->url})->code, 200, 'a cookie';
};

# the file and the line of each secret that it has, but for lines that nginx
# writes by itself
sub found_in ($file, %secrets) {
    my @found;
    for my $line (split /\n/, path($file)->slurp) {
        push @found, map { "$file: $_: " . substr $line, 0, 200 }
            grep { index($line, $secrets{$_}) >= 0 } sort keys %secrets;
    }
    return @found;
}

my $nginx = qr/http header: "(?:Authorization|Cookie)|Set-Cookie: /i;

subtest 'no log has them' => sub {
    my @logs = ($t->postgresql->log, grep { -f } map { "$dir/$_" } qw(access.log bodies.log
        audit.json error.log debug.log stderr));
    cmp_ok @logs, '>=', 6, 'there are logs';
    like path("$dir/bodies.log")->slurp, qr{^/auth/login "-"$}m, 'one of bodies, which are empty';
    like path("$dir/debug.log")->slurp, qr/\[debug\].*autoflow: /, 'in detail';
    like path($t->postgresql->log)->slurp, qr/parameters: \$1 = /, 'of parameters, too';

    my @found = map { found_in($_, %secrets, %configured, %tokens) } @logs;
    is_deeply [grep { !/$nginx/ } @found], [], 'nothing but what nginx itself logs';
    is_deeply [grep { !/debug\.log: / } @found], [], 'which is in its debug log alone';
};

# the sanitizer has a free() of its own, and more memory than can be read

subtest 'nor has freed memory' => sub {
    my $freed = path("$dir/secrets.freed");
    is $freed->slurp, '', 'all was wiped';

    my $header = $t->secret('a secret in a header, which nginx keeps');
    $t->ua->get('/health/live' => {'X-Secret' => $header}) for 1, 2;
    like $freed->slurp, qr/^freed: \Q$header\E$/m, 'but for what nginx keeps by itself';
} if !$ENV{AUTOFLOW_ASAN};

subtest 'nor has a core dump' => sub {
    my ($pid) = $t->worker_pids;
    my $core = Test::Autoflow::Process::contents_of($pid);
    cmp_ok index($core, $configured{'the secret'}), '>', 0, 'it has what the configuration says';
    is_deeply [grep { index($core, $secrets{$_}) >= 0 } sort keys %secrets], [], 'but no password';
} if !$ENV{AUTOFLOW_ASAN};

$t->finish;
done_testing;
