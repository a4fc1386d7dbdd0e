package Test::Autoflow::Soak::Truth;

# What the database has of an account, in the form of what the answers have
# promised (Test::Autoflow::Soak::Account).

use Mojo::Base -base, -signatures;

use Test::Autoflow::Process;
use Test::Autoflow::Wait qw(wait_until);
use Time::HiRes qw(sleep time);

has 't';
has db => undef;

# each gives keys and values; $1 is the account's id; what a deleted one has goes
# in time
my $kept  = '(SELECT deleted_at IS NULL FROM autoflow.users WHERE id = $1)';
my @parts = (
    q{SELECT 'password', password_hash FROM autoflow.users WHERE id = $1},
    q{SELECT 'epoch', token_epoch::text FROM autoflow.users WHERE id = $1},
    map({ "SELECT '$_', $_\::text FROM autoflow.users WHERE id = \$1" }
        qw(email full_name bio is_active is_superuser email_verified)),
    q{SELECT 'deleted', (deleted_at IS NOT NULL)::text FROM autoflow.users WHERE id = $1},
    q{SELECT 'roles', string_agg(r.name, ' ' ORDER BY r.name COLLATE "C")
        FROM autoflow.user_roles m JOIN autoflow.roles r ON r.id = m.role_id WHERE user_id = $1},
    q{SELECT 'session ' || device_info, 'lives' FROM autoflow.sessions s
       WHERE user_id = $1 AND autoflow.session_lives(s)},
    map({ "$_ AND $kept" }
    q{SELECT 'profile', concat_ws(' ', first_name, is_public::text) FROM autoflow.profiles
       WHERE user_id = $1},
    q{SELECT 'contact ' || value, concat_ws(' ', type, CASE WHEN is_primary THEN 'primary' END)
        FROM autoflow.contacts WHERE user_id = $1 AND is_active},
    q{SELECT 'job ' || title, company FROM autoflow.employments
       WHERE user_id = $1 AND is_active},
    q{SELECT 'organization ' || name, description FROM autoflow.organizations
       WHERE created_by = $1 AND is_active},
    q{SELECT 'message ' || content, CASE WHEN read_at IS NULL THEN 'unread' ELSE 'read' END
        FROM autoflow.messages m WHERE sender_id = $1
         AND EXISTS (SELECT FROM autoflow.message_entries e
                      WHERE e.message_id = m.id AND e.user_id = $1)}),
);

# Does something with the database, perhaps again: it may be restarted meanwhile.
sub with_db ($self, $work) {
    my $end = time + 120;
    while (1) {
        my @got = eval {
            $self->db($self->t->postgresql->connect) if !$self->db;
            $work->($self->db);
        };
        return wantarray ? @got : $got[0] if !$@;
        $self->db(undef);
        die $@ if time > $end || $@ !~ /terminat|connect|server closed|starting up|shutting down|
            no connection|recovery/x;
        sleep 0.05;
    }
}

# the state; flags are 1 or 0, what is null or '' is left out
sub of ($self, $account) {
    my $rows = $self->with_db(sub ($db) {
        $db->selectall_arrayref(join(' UNION ALL ', @parts), {}, $account->id);
    });
    my %flags = (true => 1, false => 0);
    return {map { ($_->[0] => $flags{$_->[1]} // $_->[1]) }
        grep { ($_->[1] // '') ne '' } @$rows};
}

# how often a session's refresh token was exchanged; null: it isn't there
sub number ($self, $id) {
    return $self->with_db(sub ($db) {
        $db->selectrow_array('SELECT number FROM autoflow.sessions WHERE id = ?', {}, $id);
    });
}

# the names of its living sessions, the one that was used last first
sub sessions_by_use ($self, $account) {
    return @{$self->with_db(sub ($db) {
        $db->selectcol_arrayref(q{SELECT device_info FROM autoflow.sessions s
            WHERE user_id = ? AND autoflow.session_lives(s)
            ORDER BY last_used_at DESC, id DESC}, {}, $account->id);
    })};
}

# null: there is none
sub id_of ($self, $email) {
    return $self->with_db(sub ($db) {
        $db->selectrow_array('SELECT id FROM autoflow.users WHERE email = ? AND deleted_at IS NULL',
            {}, $email);
    });
}

# what an account has that is active: by the keys of its state
my %tables = (
    contact      => ['contacts', 'user_id', 'value'],
    job          => ['employments', 'user_id', 'title'],
    organization => ['organizations', 'created_by', 'name'],
    message      => ['messages', 'sender_id', 'content'],
);

sub id_of_item ($self, $account, $key) {
    my ($kind, $name) = split / /, $key, 2;
    my ($table, $owner, $column) = @{$tables{$kind}};
    return $self->with_db(sub ($db) {
        $db->selectrow_array("SELECT id FROM autoflow.$table WHERE $owner = ? AND $column = ?",
            {}, $account->id, $name);
    });
}

# whether a mail's token is good
sub is_usable ($self, $mail) {
    return $self->with_db(sub ($db) {
        $db->selectrow_array('SELECT used_at IS NULL AND expires_at > now() FROM autoflow.outbox
            WHERE id = ?', {}, $mail->{id});
    });
}

# makes it a superuser's: the new epoch
sub promote ($self, $account) {
    return $self->with_db(sub ($db) {
        $db->selectrow_array('UPDATE autoflow.users SET is_superuser = true WHERE id = ?
            RETURNING token_epoch', {}, $account->id);
    });
}

# Waits until the fate is decided of all that nginx has asked for by now: each of
# its connections has nothing more to read, or is gone.  One to which something
# was sent is runnable, or active, or has done it.
sub settle ($self) {
    my $left = $self->backends('');
    return wait_until(sub {
        my @asleep = grep { (Test::Autoflow::Process::stat_of($_))[0] eq 'S' } @$left;
        my %idle   = map { $_ => 1 } @{$self->backends(q{AND state = 'idle'
            AND wait_event = 'ClientRead'})};
        my %there  = map { $_ => 1 } @{$self->backends('')};
        my %rests  = map { $_ => $idle{$_} } @asleep;
        $left = [grep { $there{$_} && !$rests{$_} } @$left];
        return !@$left;
    }, 120) || die 'the database does not come to rest';
}

sub backends ($self, $and) {
    return $self->with_db(sub ($db) {
        $db->selectcol_arrayref(qq{SELECT pid FROM pg_stat_activity WHERE usename = 'autoflow_app'
            AND application_name IN ('autoflow', 'autoflow wide') $and});
    });
}

1;
