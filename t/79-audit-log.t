# autoflow_audit_log: audit events as lines of JSON, each in one node's file,
# whatever happens to the nodes and their disks.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::More;

# the file is in the folder of the node
package Node {
    use Mojo::Base 'Test::Autoflow', -signatures;
    has log => 'audit.json';
    sub settings_text ($self) {
        $self->settings->{autoflow_audit_log} = $self->log;
        return $self->SUPER::settings_text;
    }
}

my $t = Node->new(settings => {}, server => 'location = /metrics { autoflow_metrics; }');
my $other = Node->new(settings => {}, beside => $t);

sub event ($action) {
    return $t->db->selectrow_array(
        'INSERT INTO autoflow.audit_events (action) VALUES (?) RETURNING id', {}, $action);
}

sub lines ($node, $name = $node->log) {
    my $file = path($node->dir, $name);
    return map { decode_json($_) } split /\n/, -e $file ? $file->slurp : '';
}

# the actions in a node's file
sub actions ($node, @name) { join ' ', map { $_->{action} } lines($node, @name) }

# waits for the last of these
sub has_lines ($node, $expected, $name, @file) {
    my ($last) = $expected =~ /(\S+)\z/;
    $t->wait_for(sub { actions($node, @file) =~ /\b$last\z/ });
    is actions($node, @file), $expected, $name;
}

sub position { $t->db->selectrow_array(
    q{SELECT position FROM autoflow.jobs WHERE name = 'audit_log'}) }

sub error_lines ($node) { scalar(() = $node->error_log =~ /can't write to "[^"]*": events wait/g) }

$t->postgresql->start;
event('before');
$t->start;
$t->wait_for(\&position);


subtest 'a line' => sub {
    my $root = $t->register(email => 'root@example.com');
    $t->db->do('UPDATE autoflow.users SET is_superuser = true');
    $t->post_ok('/auth/login' => {'User-Agent' => "\xff\"\\\x{7f}"} => json =>
        {email => 'root@example.com', password => $root->{password}})->status_is(200);
    my $as_root = $t->bearer($t->tx->res->json);
    has_lines($t, 'registered logged_in', 'for each event since the log began');
    $t->get_ok('/auth/audit?size=2' => $as_root)->status_is(200);
    is_deeply [reverse lines($t)], $t->tx->res->json('/data'), 'is the event of the API';
};

subtest 'many' => sub {
    $t->db->do(q{INSERT INTO autoflow.audit_events (action)
        SELECT 'n' || n FROM generate_series(1, 1200) n});
    $t->wait_for(sub { 1202 == lines($t) });
    my %times;
    $times{$_->{action}}++ for lines($t);
    is_deeply \%times, {map { $_ => 1 } qw(registered logged_in), map { "n$_" } 1 .. 1200},
        'in batches';
};

subtest 'rotation' => sub {
    path($t->dir, 'audit.json')->move_to(path($t->dir, 'audit.json.1'));
    $t->process->signal('USR1');
    $t->wait_for(sub { -e path($t->dir, 'audit.json') });
    event('rotated');
    has_lines($t, 'rotated', 'is by USR1, as of other logs');
};

subtest 'restarts' => sub {
    my $before = position();
    $t->reload;
    event('reloaded');
    has_lines($t, 'rotated reloaded', 'a reload repeats nothing');
    is $t->stop, 0, 'stopped';
    event('meanwhile');
    $t->start_nginx;
    has_lines($t, 'rotated reloaded meanwhile', 'what happened meanwhile is not lost');
    $t->wait_for(sub { position() ne $before });
};

subtest 'an unconfirmed batch' => sub {
    my $position = position();
    my $id = event('twice');
    has_lines($t, 'rotated reloaded meanwhile twice', 'of a worker that is killed');
    $t->wait_for(sub { position() =~ /\Q$id\E$/ });
    $t->db->do(q{UPDATE autoflow.jobs SET position = ? WHERE name = 'audit_log'}, {}, $position);
    $t->wait_for(sub { 2 == grep { $_->{id} eq $id } lines($t) });
    pass 'is written again, with the same ids';
};

# each batch causes another one
subtest 'events without end' => sub {
    $t->db->do($_) for q{
        CREATE FUNCTION public.busy() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO autoflow.audit_events (action) VALUES ('busy');
            RETURN NULL;
        END $$}, q{
        CREATE TRIGGER busy AFTER UPDATE OF until ON autoflow.jobs FOR EACH ROW
        WHEN (NEW.name = 'audit_log') EXECUTE FUNCTION public.busy()};
    my $ran = sub { $t->db->selectrow_array(
        q{SELECT ran_at FROM autoflow.jobs WHERE name = 'purge'}) };
    my $before = $ran->();
    $t->jobs_due('audit_log');
    $t->wait_for(sub { actions($t) =~ /(?:busy ){3}/ });
    $t->jobs_due;
    $t->wait_for(sub { $ran->() ne $before });
    pass 'leave other jobs their turn';
    my $written = lines($t);
    $t->wait_for(sub { lines($t) > $written });
    $t->reload;
    $t->db->do('DROP TRIGGER busy ON autoflow.jobs; DROP FUNCTION public.busy()');
    my $last = event('enough');
    $t->wait_for(sub { position() =~ /\Q$last\E$/ });
    my %times;
    $times{$_->{id}}++ for grep { $_->{action} eq 'busy' } lines($t);
    is_deeply [grep { $times{$_} > 1 } keys %times], [], 'and each is written once';
    my @all = map { $_->{id} } grep { $_->{action} eq 'busy' } lines($t);
    is scalar @all, $t->db->selectrow_array(
        q{SELECT count(*) FROM autoflow.audit_events WHERE action = 'busy'}), 'all of them';
};

subtest 'a full disk' => sub {
    $t->wait_for(sub { !grep { $_->{action} eq 'full' } lines($t) });
    $t->log('/dev/full')->reload;
    event('full');
    $t->wait_for(sub { error_lines($t) });
    $t->jobs_due('audit_log');
    my $fence = sub { $t->db->selectrow_array(
        q{SELECT fence FROM autoflow.jobs WHERE name = 'audit_log'}) };
    my $tried = $fence->();
    $t->wait_for(sub { $t->jobs_due('audit_log'); $fence->() > $tried + 2 });
    is error_lines($t), 1, 'is logged once';
    $t->get_ok('/metrics')->content_like(
        qr/^autoflow_job_errors_total\{name="audit_log"\} [1-9]/m, 'and counted each time');
    $t->log('audit.json')->reload;
    $t->wait_for(sub { actions($t) =~ /\bfull\z/ });
    pass 'and nothing is lost';
};

subtest 'several nodes' => sub {
    $other->start;
    my @ids;
    for (1 .. 8) {
        push @ids, event("shared$_");
        $t->jobs_due('audit_log');
        $t->wait_for(sub { position() =~ /\Q$ids[-1]\E$/ });
    }
    is $t->stop, 0, 'one goes';
    push @ids, event('left');
    $t->wait_for(sub { position() =~ /\Q$ids[-1]\E$/ });
    my %times;
    $times{$_->{id}}++ for grep { $_->{action} =~ /^(?:shared|left)/ } lines($t), lines($other);
    is_deeply \%times, {map { $_ => 1 } @ids}, 'each event is in one of their files, once';
    like actions($other), qr/left\z/, 'another goes on';
    $t->start_nginx;
    $other->finish;
};

subtest 'off' => sub {
    my $check = Test::Autoflow->new(api => 0, settings => {autoflow_audit_log => 'off',
        autoflow_database => undef});
    is_deeply [$check->check], [0, ''], 'it may be';
    $check->settings->{autoflow_audit_log} = 'audit.json';
    like +($check->check)[1], qr/"autoflow_audit_log" needs an "autoflow_database"/,
        'it needs a database';
    $check->settings->{autoflow_audit_log} = 'syslog:server=localhost';
    like +($check->check)[1], qr/"autoflow_audit_log" directive needs a file, not syslog/,
        'and a file';
};

$t->finish;
done_testing;
