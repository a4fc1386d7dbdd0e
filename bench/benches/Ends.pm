package Bench::Ends;

# Requests that end much at once: the sessions of an account that has too many of
# them, and a role of many accounts.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Accounts qw(account_id add_accounts);
use Bench::Server;
use Time::HiRes qw(time);

has title   => 'Ending much at once';
has heading => 'request';
has note    => 'One request each. Rows were made by SQL; the memberships of a deleted role go
later, in batches, which is not counted here.';
has columns => sub { [[p50 => 'median, ms']] };
has server  => undef;

sub rounds ($self) { $self->by_scale(full => 3, quick => 1, smoke => 1) }
sub limit ($self)  { $self->by_scale(full => 60, quick => 10, smoke => 10) }

sub setup ($self) {
    my $server = Bench::Server->new(workers => 2)->start;
    $self->server($server);
    my $root = $server->superuser($server->register(email => 'root@example.com'));
    $self->{root} = $server->bearer($root);
    add_accounts($server->db, 1, $self->by_scale(full => 100_000, quick => 1000, smoke => 10));
}

sub cases ($self) {
    my $sessions = $self->by_scale(full => 100_000, quick => 1000, smoke => 10);
    my %body = (current_password => 'correct horse battery staple',
        new_password => 'a better horse, a newer battery');
    my %ends = (
        'a new password'       => ['PUT', '/auth/me/password', json => \%body],
        'logout?scope=others' => ['POST', '/auth/logout?scope=others'],
    );
    return (
        map({ my ($what, $request) = ($_, $ends{$_});
            {name => $what, label => "$what, $sessions sessions", run => sub ($s) {
                my ($method, $path, @body) = @$request;
                return $self->timed($method, $path, $self->crowded($sessions), @body);
            }} } sort keys %ends),
        map({ my $members = $_;
            {name => "role $members", label => "`DELETE /auth/roles/{id}`, $members accounts",
            run => sub ($s) { $self->timed(DELETE => $self->role($members), $self->{root}) }} }
            $self->by_scale(full => [1, 1000, 100_000], quick => [1, 1000], smoke => [1])->@*),
    );
}

sub timed ($self, $method, $path, $as, @body) {
    my $start = time;
    my $code  = $self->server->ua->start(
        $self->server->ua->build_tx($method => $self->server->url($path) => $as, @body))->res->code;
    $code == 204 or die "$method $path: $code\n";
    return {p50 => 1000 * (time - $start)};
}

# what a new account with so many sessions is known by
sub crowded ($self, $count) {
    my $account = $self->server->register(email => sprintf 'crowd%d@example.com', ++$self->{n});
    $self->server->db->do(q{INSERT INTO autoflow.sessions (user_id, expires_at, access_expires_at)
        SELECT ?, now() + interval '7 days', now() + interval '30 minutes'
          FROM generate_series(1, ?::bigint)}, {}, $account->{user}{id}, $count);
    $self->server->db->do('ANALYZE autoflow.sessions');
    return $self->server->bearer($account);
}

# the path of a new role that so many accounts have
sub role ($self, $members) {
    my $db = $self->server->db;
    my $id = $db->selectrow_array('INSERT INTO autoflow.roles (name) VALUES (?) RETURNING id', {},
        sprintf 'role-%d', ++$self->{roles});
    $db->do('ALTER TABLE autoflow.user_roles DISABLE TRIGGER USER');
    $db->do('INSERT INTO autoflow.user_roles (user_id, role_id)
        SELECT id, ? FROM autoflow.users WHERE id <= ?', {}, $id, account_id($members));
    $db->do('ALTER TABLE autoflow.user_roles ENABLE TRIGGER USER');
    $db->do('ANALYZE autoflow.user_roles');
    return "/auth/roles/$id";
}

sub end ($self) { $self->server->end if $self->server }

1;
