package Bench::Api;

# The API beside what limits it: PostgreSQL with the same statements, or the
# password hash.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Accounts qw(account_id add_accounts add_sessions);
use Bench::Argon2;
use Bench::Peer;
use Bench::Pgbench;
use Bench::Server;
use Bench::Tokens qw(token);
use Bench::Wrk;
use Mojo::File qw(path);

has title => 'The API';
has note  => 'Two workers, PostgreSQL and the client share all processors. The base of a ratio
is pgbench with the same statement of `sql/queries` and 8 clients, or as many
threads as there are processors that only verify passwords by Argon2id at the
default cost. The processor time of all
workers, with their threads, and of PostgreSQL per request is last. Lists have one
client each: two of ours might share the wide connection of one worker.';
has columns => sub { [[rate => 'requests/s'], [ratio => 'of its base'],
    [p50 => 'median, ms'], [p99 => '99 %, ms'],
    [us => 'nginx, µs each'], [pg => 'PostgreSQL, µs each']] };
has chart => sub {
    {kind => 'bars', key => 'ratio', title => 'Requests per second, of those of the base'}
};
has [qw(server peer account root)];
has accounts => sub ($self) { $self->by_scale(full => 100_000, quick => 10_000, smoke => 100) };

sub setup ($self) {
    my $server = Bench::Server->protecting(workers => 2, settings => {autoflow_password => undef});
    $self->server($server->start);
    $self->root($server->superuser($server->register(email => 'root@example.com')));
    my $account = $server->register(email => 'ada@example.com');
    my $hash = $server->db->selectrow_array(
        'SELECT password_hash FROM autoflow.users WHERE id = ?', {}, $account->{user}{id});
    add_accounts($server->db, 1, $self->accounts, $hash);
    $self->account($account);
    $self->peer(Bench::Peer->new(postgresql => $server->postgresql, dir => $self->dir)->start)
        if $self->scale ne 'smoke';
}

sub wrk ($self, $path, %options) {
    return Bench::Wrk->new(url => $self->server->url($path), connections => 32,
        nginx => $self->server, postgresql => $self->server->postgresql, %options);
}

sub pgbench ($self, $statement, %options) {
    return Bench::Pgbench->new(postgresql => $self->server->postgresql, statement => $statement,
        %options);
}

sub cases ($self) {
    return ($self->reads, $self->refreshes, $self->hashes);
}

sub reads ($self) {
    my ($id, $as) = ($self->account->{user}{id}, $self->server->bearer($self->account));
    my $root  = $self->server->bearer($self->root);
    my %me    = (user_id => $id, dialect => 'autoflow');
    my %whole = (self => 't', id => undef, include => 'location,contacts,jobs', user_id => $id,
        superuser => 'f');
    my %list = ((map { $_ => undef } qw(q is_active role include_inactive position)),
        sort => 'created_at', descending => 't', page => 1, size => 10, dialect => 'autoflow');
    my @cases = (
        $self->case('sql me', 'pgbench: `auth/me`', $self->pgbench('auth/me', values => \%me)),
        $self->case('me', '`GET /auth/me`', $self->wrk('/auth/me', headers => $as),
            base => 'sql me'),
        $self->case('sql profile', 'pgbench: `directory/profile`',
            $self->pgbench('directory/profile', values => \%whole)),
        $self->case('profile', '`GET /profiles/me?include=location,contacts,jobs`',
            $self->wrk('/api/profiles/me?include=location,contacts,jobs', headers => $as),
            base => 'sql profile'),
        $self->case('sql list', 'pgbench: `admin/users`, planned each time, 1 client',
            $self->pgbench('admin/users', values => \%list, mode => 'extended', clients => 1)),
        $self->case('list', "`GET /auth/users?sort=-created_at`, 10 of @{[$self->accounts]}",
            $self->wrk('/auth/users?sort=-created_at', headers => $root, connections => 1),
            base => 'sql list'),
    );
    return @cases if !$self->peer;
    return (@cases, $self->case('fastapi me', 'FastAPI: `GET /auth/me`', Bench::Wrk->new(
        url => $self->peer->url('/auth/me'), headers => $self->server->bearer(token('HS256')),
        connections => 32), base => 'sql me'));
}

# by 8 clients, each with a session
sub refreshes ($self) {
    my $db = $self->server->db;
    add_sessions($db, 1, 8);
    my @none    = qw(token_hash ip_address user_agent request_id trace_id);
    my %values  = ((map { $_ => undef } @none),
        number => 1, require_verified => 'f', refresh_grace => 10, refresh_ttl => 604_800,
        access_ttl => 1800, session_lifetime => 0, dialect => 'autoflow');
    my $ids     = account_id(8);
    my $session = q{('00000000-0000-7000-8000-' || lpad(to_hex(:client_id + 1), 12, '0'))::uuid};
    my $sql     = $self->pgbench('auth/refresh', values => \%values,
        terms => {session_id => $session, successors => q{'{}'}}, after => ' \gset');
    return (
        {name => 'sql refresh', label => 'pgbench: `auth/refresh`', run => sub ($seconds) {
            $db->do('UPDATE autoflow.sessions SET number = 1 WHERE id <= ?', {}, $ids);
            my $got = $sql->run(seconds => $seconds);
            my ($done) = $db->selectrow_array('SELECT sum(number) FROM autoflow.sessions
                WHERE id <= ? AND ended_at IS NULL', {}, $ids);
            $done > $got->{rate} / 2 or die "pgbench's sessions were not refreshed\n";
            return $got;
        }},
        {name => 'refresh', label => '`POST /auth/refresh`', base => 'sql refresh',
            run => sub ($seconds) {
            my @pairs = map { $self->server->register(email => $self->new_address) } 1 .. 8;
            my $file  = path($self->dir, 'refresh')->spurt(map { "$_->{refresh_token}\n" } @pairs);
            return $self->wrk('/auth/refresh', script => 'refresh', arguments => ["$file"],
                threads => 8, connections => 8)->run(seconds => $seconds);
        }},
    );
}

sub new_address ($self) { sprintf 'new%d@example.com', ++$self->{addresses} }

sub hashes ($self) {
    return (
        $self->case('hash', 'Argon2id alone', Bench::Argon2->new),
        $self->case('login', '`POST /auth/login`', $self->wrk('/auth/login', script => 'login',
            arguments => [$self->accounts]), base => 'hash'),
        {name => 'register', label => '`POST /auth/register`', base => 'hash',
            run => sub ($seconds) {
            return $self->wrk('/auth/register', script => 'register',
                arguments => [sprintf 'run%d', ++$self->{runs}])->run(seconds => $seconds);
        }},
    );
}

sub end ($self) {
    $_->end for grep { defined } $self->peer, $self->server;
}

1;
