package Test::Autoflow::Soak::Invariants;

# What must be so in the database and the mail server, whatever has happened, when
# all is quiet again.
#
#     is_deeply [$invariants->violated], [], 'all holds';

use Mojo::Base -base, -signatures;

use Mojo::File qw(path);
use Test::Autoflow::Mailboxes;
use Test::Autoflow::Wait qw(wait_until);
use Time::HiRes qw(time);

has [qw(t nodes smtp faults)];
has sessions => 6;

# each gives what violates it
my %rules = (
    'an account has one primary contact of a type at most' => q{
        SELECT user_id FROM autoflow.contacts WHERE is_active AND is_primary
         GROUP BY user_id, type HAVING count(*) > 1},
    'a superuser is left' => q{
        SELECT 'none' WHERE NOT EXISTS (SELECT FROM autoflow.users WHERE is_superuser AND is_active
           AND deleted_at IS NULL)},
    'sessions are bounded' => q{
        SELECT user_id FROM autoflow.sessions s WHERE autoflow.session_lives(s)
         GROUP BY user_id HAVING count(*) > $1},
    'who is disabled or deleted has no session' => q{
        SELECT u.id FROM autoflow.users u JOIN autoflow.sessions s ON s.user_id = u.id
         WHERE NOT (is_active AND deleted_at IS NULL) AND ended_at IS NULL},
    'an account has a profile' => q{
        SELECT id FROM autoflow.users u WHERE (SELECT count(*) FROM autoflow.profiles
         WHERE user_id = u.id) <> 1},
    'a registration has a mail' => q{
        SELECT id FROM autoflow.users u WHERE (SELECT count(*) FROM autoflow.outbox
         WHERE user_id = u.id AND kind = 'verify_email') <> 1},
    'a mail that the audit log has was written' => q{
        SELECT target_id FROM autoflow.audit_events
         WHERE action = 'password_reset_requested' AND details ->> 'mailed' = 'true'
         GROUP BY target_id
        HAVING count(*) <> (SELECT count(*) FROM autoflow.outbox
                             WHERE user_id = target_id AND kind = 'reset_password')},
);

sub violated ($self) {
    my @wrong;
    for my $rule (sort keys %rules) {
        my @values = $rules{$rule} =~ /\$1/ ? $self->sessions : ();
        my @found  = @{$self->t->db->selectcol_arrayref($rules{$rule}, {}, @values)};
        push @wrong, "$rule: @found" if @found;
    }
    return (@wrong, Test::Autoflow::Mailboxes::faults($self->t->db), $self->audit, $self->mails,
        $self->zone);
}

# each response that is to be audited is, once
sub audit ($self) {
    my %audited;
    $audited{join ' ', @$_}++ for @{$self->t->db->selectall_arrayref(
        q{SELECT request_id, action FROM autoflow.audit_events WHERE request_id LIKE 'soak-%'})};
    return map { "$_ is in the audit log " . ($audited{$_} // 0) . ' times' }
        grep { ($audited{$_} // 0) != 1 }
        split /\n/, eval { path($self->t->dir, 'promises')->slurp } // '';
}

# Every mail that nobody has made pointless is sent, and no mail twice, unless
# something died between.
sub mails ($self) {
    my %sent;
    for my $mail ($self->smtp->mails) {
        my ($id) = map { $_->[0] eq 'Message-ID' ? $_->[1] =~ /<([^@]+)/ : () } @{$mail->{headers}};
        push @{$sent{$id}}, $mail->{at};
    }
    my @deaths = @{$self->faults->deaths};
    my $died   = sub ($from, $to) { grep { $_ > $from - 5 && $_ < $to + 5 } @deaths };
    my $rows   = $self->t->db->selectall_arrayref(
        q{SELECT id, sent_at IS NOT NULL, concat_ws(' ', failed_at, last_error)
            FROM autoflow.outbox});
    return (
        map({ "mail $_ was sent at @{$sent{$_}}" }
            grep { @{$sent{$_}} > 1 && !$died->(@{$sent{$_}}[0, -1]) } sort keys %sent),
        map({ "mail $_->[0] is lost: $_->[2]" } grep {
            $_->[1] ? !$sent{$_->[0]} : $_->[2] !~ /nobody needs it any more/ } @$rows),
    );
}

# a node's shared memory has only what the database has, and has lost nothing
sub zone ($self) {
    my $rows = $self->t->db->selectrow_array('SELECT count(*) FROM autoflow.revocations');
    my @wrong;
    for my $node (@{$self->nodes}) {
        my $metrics = $node->ua->get($node->url('/metrics'))->res->body;
        my ($has, $evicted) = map { $metrics =~ /^autoflow_revocations$_ (\d+)$/m ? $1 : 'no' }
            '', '_evictions_total';
        push @wrong, "a node has $has of $rows revocations" if $has eq 'no' || $has > $rows;
        push @wrong, "a node has evicted $evicted revocations" if $evicted ne '0';
    }
    return @wrong;
}

# Waits until all mails are sent: those that wait for another attempt, or for the
# end of the lease of a worker that was killed, are due at once.
sub mails_are_sent ($self) {
    my $n = 0;
    return wait_until(sub {
        $self->t->db->do(q{UPDATE autoflow.outbox SET due_at = now()
            WHERE sent_at IS NULL AND failed_at IS NULL
              AND due_at NOT BETWEEN now() + interval '105 seconds'
                                 AND now() + interval '2 minutes'});
        $self->t->ua->post($self->t->url('/auth/forgot-password') =>
                json => {email => 'nobody' . ++$n . '@example.com'});
        return !$self->t->db->selectrow_array(
            'SELECT count(*) FROM autoflow.outbox WHERE sent_at IS NULL AND failed_at IS NULL');
    }, 120);
}

1;
