# 100,000 accounts: the number of rows read for a page of the list.  With page
# numbers and filters it is at most what is counted or found; with a cursor it
# is the page, wherever that is.
# Not under the sanitizers: it is about PostgreSQL's plans.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Plans;
use Test::More;
use Time::HiRes qw(time);

# times 100,000 events: with 16 they are as many as were once slow
my $rounds = $ENV{AUTOFLOW_EVENTS} // 1;

my $t = Test::Autoflow->new(database => 'pool=1')->start;
$t->register(email => 'root@example.com');
$t->db->do('UPDATE autoflow.users SET is_superuser = true');
my $root = $t->bearer($t->ua->post($t->url('/auth/login') => json =>
    {email => 'root@example.com', password => 'correct horse battery staple'})->res->json);

my $start = time;
$t->db->do(q{
    INSERT INTO autoflow.users (email, username, full_name, password_hash, last_login_at,
    created_at, is_active, deleted_at)
    SELECT lower(first) || '.' || lower(last) || n || '@' || (ARRAY['example.com', 'example.net',
    'mail.example'])[1 + n % 3],
           CASE WHEN n % 2 = 0 THEN 'user' || n END, first || ' ' || last, 'x',
           CASE WHEN n % 5 > 0 THEN now() - n * interval '13 minutes' END,
           now() - n * interval '17 minutes',
           n % 500 > 0 AND n % 100 <> 7, CASE WHEN n % 100 = 7 THEN now() END
      FROM generate_series(1, 100000) AS n,
           initcap(left(translate(md5((n % 300)::text), '0123456789', 'ghijklmnop'), 6)) AS first,
           initcap(left(translate(md5((n % 499)::text), '0123456789', 'qrstuvwxyz'), 7)) AS last});
$t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('few'), ('many')});
$t->db->do(q{ALTER TABLE autoflow.user_roles DISABLE TRIGGER USER});
$t->db->do(q{INSERT INTO autoflow.user_roles (user_id, role_id)
    SELECT u.id, r.id FROM autoflow.roles r JOIN autoflow.users u ON r.name = 'many'
    AND username IS NOT NULL OR email LIKE '%777@%'});
$t->db->do(q{ALTER TABLE autoflow.user_roles ENABLE TRIGGER USER});
$t->db->do('VACUUM ANALYZE autoflow.users, autoflow.user_names, autoflow.user_roles');
note sprintf 'made in %.1f s', time - $start;

my $plans = Test::Autoflow::Plans->new(test => $t, as => $root)->start;

sub looks_at ($max, $query, $path = '/auth/users') {
    return $plans->reads_at_most($max, "$path?$query");
}

# after these PostgreSQL prefers a generic plan
looks_at(undef, 'q=example&sort=email&page=900') for 1 .. 8;

# Counting reads what is counted, a search sorts what it finds.
for (['', 22_000], ['page=500', 27_000],
    map({ ["sort=$_", 22_000], ["sort=-$_", 22_000] } qw(created_at email username last_login_at)),
    ['sort=email&page=500', 27_000], ['include_inactive=true&sort=-username', 22_000],
    ['is_active=true', 22_000], ['is_active=false', 3000],
    ['include_inactive=true&is_active=false', 3000], ['role=few', 800], ['role=many', 45_000],
    ['role=many&sort=email', 45_000], ['role=none', 0],
    ['q=abc', 10_000], ['q=user777', 3000], ['q=%25user7', 25_000], ['q=example', 45_000],
    ['q=Nobody', 0],
    ['q=user1&sort=-last_login_at', 120_000], ['q=example&sort=email&page=100', 45_000],
    ['q=user1&is_active=false&role=few', 800])
{
    looks_at(@$_[1, 0]);
}

subtest 'a page with a cursor' => sub {
    for my $sort (map { ($_, "-$_") } qw(created_at email username last_login_at)) {
        for my $filter ('', '&is_active=true', '&include_inactive=true', '&role=many', '&q=example',
            '&role=many&q=user&is_active=true') {
            my $next = looks_at(undef, "sort=$sort$filter&page=900");
            looks_at(250, "sort=$sort$filter&cursor=$next");
        }
        for my $filter ('&is_active=false', '&role=few', '&q=user77', '&role=few&q=example') {
            my $next = looks_at(undef, "sort=$sort$filter&page=3");
            looks_at(4500, "sort=$sort$filter&cursor=$next");
        }
    }
    $t->db->do(q{UPDATE autoflow.users SET last_login_at = NULL
        WHERE last_login_at < now() - interval '500 days'});
    $t->db->do('VACUUM ANALYZE autoflow.users');
    looks_at(250, "sort=$_&cursor=" . looks_at(undef, "sort=$_&page=900"))
        for qw(last_login_at -last_login_at username -username);
};

subtest 'the audit log' => sub {
    # of last month: what a new month has so far would be read as a whole
    $t->db->do(q{INSERT INTO autoflow.audit_events (at, action, actor_id, target_id)
        SELECT date_trunc('month', now()) - interval '2 days' - n * interval '20 seconds'
                   - k * interval '23 days',
               CASE WHEN n % 20000 = 1 THEN 'promoted' ELSE 'logged_in' END, id, id
          FROM (SELECT row_number() OVER () AS n, id FROM autoflow.users) AS u, generate_series(0,
          ?::int) AS k}, {}, $rounds - 1);
    $t->db->do('SELECT autoflow.audit_maintain(NULL)');
    $t->db->do('VACUUM ANALYZE autoflow.audit_events');
    my $id = $t->db->selectrow_array(q{SELECT id FROM autoflow.users WHERE username = 'user7778'});
    for my $query ('', '&action=logged_in') {
        my $next = looks_at(30_000, "page=900$query", '/auth/audit');
        looks_at(100, "cursor=$next$query", '/auth/audit');
    }
    looks_at(12_000, '', '/auth/audit');
    looks_at(100 * $rounds, $_, '/auth/audit') for 'action=promoted', "actor_id=$id",
        "target_id=$id", "target_id=$id&action=logged_in";
    looks_at(50 * $rounds, "$_&size=2&cursor="
        . looks_at(100 * $rounds, "$_&size=2", '/auth/audit'), '/auth/audit')
        for 'action=promoted', $rounds > 2 ? "actor_id=$id&action=logged_in" : ();
};

$t->finish;
done_testing;
