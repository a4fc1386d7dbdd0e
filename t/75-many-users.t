# 100,000 accounts: how long the list takes, and by which plans: no table is
# read from end to end, but to count what fits.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Mojo::Util qw(url_escape);
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(time);

my $t = Test::Autoflow->new(database => 'pool=1')->start;
$t->register(email => 'root@example.com');
$t->db->do('UPDATE autoflow.users SET is_superuser = true');
my $root = $t->bearer($t->ua->post($t->url('/auth/login') => json =>
    {email => 'root@example.com', password => 'correct horse battery staple'})->res->json);

my $start = time;
$t->db->do(q{
    INSERT INTO autoflow.users (email, username, full_name, password_hash, last_login_at, created_at, is_active, deleted_at)
    SELECT lower(first) || '.' || lower(last) || n || '@' || (ARRAY['example.com', 'example.net', 'mail.example'])[1 + n % 3],
           CASE WHEN n % 2 = 0 THEN 'user' || n END, first || ' ' || last, 'x',
           CASE WHEN n % 5 > 0 THEN now() - n * interval '13 minutes' END, now() - n * interval '17 minutes',
           n % 500 > 0 AND n % 100 <> 7, CASE WHEN n % 100 = 7 THEN now() END
      FROM generate_series(1, 100000) AS n,
           initcap(left(translate(md5((n % 300)::text), '0123456789', 'ghijklmnop'), 6)) AS first,
           initcap(left(translate(md5((n % 499)::text), '0123456789', 'qrstuvwxyz'), 7)) AS last});
$t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('few'), ('many')});
$t->db->do(q{ALTER TABLE autoflow.user_roles DISABLE TRIGGER USER});
$t->db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id)
    SELECT u.id, r.id FROM autoflow.roles r JOIN autoflow.users u ON r.name = 'many' AND username IS NOT NULL OR email LIKE '%777@%'});
$t->db->do(q{ALTER TABLE autoflow.user_roles ENABLE TRIGGER USER});
$t->db->do('VACUUM ANALYZE autoflow.users, autoflow.user_names, autoflow.user_roles');
note sprintf 'made in %.1f s', time - $start;

# the server tells what it did, with new connections
my $admin = $t->postgresql->connect('postgres');
$admin->do("ALTER ROLE autoflow_app SET $_") for q{session_preload_libraries = 'auto_explain'},
    q{auto_explain.log_min_duration = 0}, q{auto_explain.log_analyze = on};
$t->reload;
$t->ready;

my $log = path($t->postgresql->log);

sub plan_of ($query, $path = '/auth/users') {
    my $before = length $log->slurp;
    $t->get_ok("$path?$query" => $root)->status_is(200);
    my $plan;
    $t->wait_for(sub { ($plan) = substr($log->slurp, $before) =~ /(duration: .*?list_json.*?)(?=^\d{4}-|\z)/ms });
    return $plan;
}

# the first of each pair of scans is the page's, the second counts
sub read_whole ($plan) {
    return [$plan =~ /Seq Scan on ((?:users u|user_names n|user_roles)) /g];
}

# one plan for all values looks good to PostgreSQL after these
plan_of('q=example&sort=email&page=9000') for 1 .. 8;

for my $query ('', 'page=500', map({ ("sort=$_", "sort=-$_") } qw(created_at email username last_login_at)),
    'sort=email&page=500', 'include_inactive=true&sort=-username', 'is_active=true', 'is_active=false',
    'include_inactive=true&is_active=false', 'role=few', 'role=many', 'role=many&sort=email', 'role=none',
    map({ 'q=' . url_escape($_) } qw(abc user777 %user7 example a.b Nobody)), 'q=user1&sort=-last_login_at',
    'q=example&sort=email&page=100', 'q=user1&is_active=false&role=few')
{
    my $plan = plan_of($query);
    is_deeply read_whole($plan), [], "?$query" or diag $plan;
    note sprintf '%6.1f ms, %6d found: ?%s', $plan =~ /duration: ([\d.]+) ms/, $t->tx->res->json('/total'), $query;
    note $plan if $ENV{AUTOFLOW_PLANS};
}

subtest 'the audit' => sub {
    $t->db->do(q{INSERT INTO autoflow.audit_events (at, action, actor_id, target_id)
        SELECT now() - n * interval '20 seconds', CASE WHEN n % 20000 = 1 THEN 'promoted' ELSE 'logged_in' END, id, id
          FROM (SELECT row_number() OVER () AS n, id FROM autoflow.users) AS u});
    $t->db->do('SELECT autoflow.audit_maintain(NULL)');
    $t->db->do('VACUUM ANALYZE autoflow.audit_events');
    my $id = $t->db->selectrow_array(q{SELECT id FROM autoflow.users WHERE username = 'user7778'});
    for my $query ('', 'page=500', 'action=promoted', "actor_id=$id", "target_id=$id", "target_id=$id&action=logged_in") {
        my $plan = plan_of($query, '/auth/audit');
        my ($page) = $plan =~ /(->  Limit.*?)(?=^\s*InitPlan)/ms;
        unlike $page, qr/Seq Scan on .*actual time=\S+ rows=[1-9]/, "?$query" or diag $plan;
        note sprintf '%6.1f ms, %6d found: ?%s', $plan =~ /duration: ([\d.]+) ms/, $t->tx->res->json('/total'), $query;
        note $plan if $ENV{AUTOFLOW_PLANS};
    }
};

$t->finish;
done_testing;
