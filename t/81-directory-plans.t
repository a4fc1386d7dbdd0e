# Many rows of the directory, of which few are public: an index finds them in
# the order of each list, for every user, and nothing is read that isn't
# returned or counted.
# Not under the sanitizers: it is about PostgreSQL's plans.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::Autoflow::Plans;
use Test::More;

my $n = $ENV{AUTOFLOW_ROWS} // 20_000;

my $t = Test::Autoflow->new(database => 'pool=1',
    server => 'location / { client_max_body_size 0; autoflow_api; }')->start;
my ($user, $root) = map { $t->register } 1 .. 2;
$t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $root->{user}{id});
$root = $t->ua->post('/auth/login' => json =>
    {email => $root->{user}{email}, password => $root->{password}})->res->json;

# one profile in 200 is public, with its resources; columns of triggers are set
# manually
for my $table (qw(users profiles contacts employments locations organizations)) {
    $t->db->do("ALTER TABLE autoflow.$table DISABLE TRIGGER USER");
}
$t->db->do($_) for
    qq{INSERT INTO autoflow.users (email, email_key, password_hash)
        SELECT n || '\@many.example', n || '\@many.example', 'x' FROM generate_series(1, $n) AS n},
    q{INSERT INTO autoflow.profiles (user_id, last_name, is_public, visibility, created_at)
        SELECT id, 'Name' || n % 1000, n % 200 = 0, CASE WHEN n % 200 = 0 THEN 2 ELSE 1 END,
               now() - n * interval '1 minute'
          FROM (SELECT id, row_number() OVER () AS n FROM autoflow.users
                 WHERE email LIKE '%@many.example') AS u},
    q{INSERT INTO autoflow.contacts (profile_id, user_id, type, value, visibility, created_at)
        SELECT id, user_id, CASE WHEN n % 50 = 0 THEN 'social' ELSE 'phone' END, n, visibility,
               now() - n * interval '1 minute'
          FROM (SELECT *, row_number() OVER () AS n FROM autoflow.profiles
                 WHERE last_name LIKE 'Name%') AS p},
    q{INSERT INTO autoflow.employments (profile_id, user_id, title, company, industry, start_date,
                                        end_date, visibility, created_at)
        SELECT id, user_id, 'T', 'Company ' || n % 97, 'Industry ' || n % 11,
               date '2000-01-01' + (n % 5000)::int,
               CASE WHEN n % 3 = 0 THEN date '2020-01-01' END, visibility,
               now() - n * interval '1 minute'
          FROM (SELECT *, row_number() OVER () AS n FROM autoflow.profiles
                 WHERE last_name LIKE 'Name%') AS p},
    q{INSERT INTO autoflow.locations (created_by, country, city, visibility, created_at)
        SELECT user_id, 'Country ' || n % 150, 'City ' || n % 3000, visibility,
               now() - n * interval '1 minute'
          FROM (SELECT *, row_number() OVER () AS n FROM autoflow.profiles
                 WHERE last_name LIKE 'Name%') AS p},
    qq{INSERT INTO autoflow.organizations (name, industry, created_at)
        SELECT 'Organization ' || md5(n::text), 'Industry ' || n % 700,
               now() - n * interval '1 minute' FROM generate_series(1, $n) AS n};
for my $table (qw(users profiles contacts employments locations organizations)) {
    $t->db->do("ALTER TABLE autoflow.$table ENABLE TRIGGER USER");
    $t->db->do("VACUUM ANALYZE autoflow.$table");
}

# one in so many is public; what a list is sorted and filtered by
my %lists = (
    '/profiles'  => [200, ['created_at', 'last_name'], ['']],
    '/contacts'  => [200, ['created_at'], ['', 'type=phone', 'type=social', 'type=other']],
    '/jobs'      => [200, ['created_at', 'start_date'], ['', 'current=true', 'current=false',
        'company=company+3', 'industry=INDUSTRY+3', 'company=none']],
    '/locations' => [200, ['created_at'], ['', 'city=city+8', 'country=country+3']],
    '/organizations' => [1, ['created_at', 'name'], ['', 'industry=industry+3', 'q=abc12']],
);

for my $who (['anyone', $user], ['a superuser', $root]) {
    my $plans = Test::Autoflow::Plans->new(test => $t, as => $t->bearer($who->[1]));
    $plans->start if $who->[0] eq 'anyone';

    subtest "as $who->[0]" => sub {
        for my $list (sort keys %lists) {
            my ($hidden, $sorts, $filters) = @{$lists{$list}};
            my $most = $who->[0] eq 'anyone' ? $n / $hidden : $n;
            $most = 10_001 if $most > 10_001;

            for my $filter (@$filters) {
                for my $sort (map { ($_, "-$_") } @$sorts) {
                    # each is found, and counted, of each visibility; a few more
                    # are read to see where an index begins
                    my $url  = "$list?size=5&sort=$sort" . ($filter && "&$filter");
                    my $next = $plans->reads_at_most(2 * $most + 100, $url);
                    unlike $plans->plan($url), qr/Seq Scan on/, 'by an index';
                    # what is searched for is sorted
                    $plans->reads_at_most($filter =~ /q=/ ? 100 : 30, "$url&cursor=$next")
                        if $next;
                }
            }
        }
    };
}

$t->finish;
done_testing;
