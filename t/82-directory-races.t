# The directory with many concurrent writers.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true false);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(workers => 2,
    server => 'location / { client_max_body_size 0; autoflow_api; }')->start;
my ($ada, $bob) = map { $t->bearer($t->register) } 1 .. 2;
my ($eve) = $t->bearer($t->register);

sub get ($path, $as) { $t->ua->get($path => $as)->res->json }

# the number of responses by status
sub statuses (@txs) {
    my %count;
    $count{$_->res->code}++ for @txs;
    return \%count;
}

subtest 'primary contacts' => sub {
    my %contact = (type => 'email', is_primary => true);
    is_deeply statuses($t->at_once(map { [POST => '/contacts' => $ada => json =>
        {%contact, value => "$_\@example.com"}] } 1 .. 32)), {201 => 32}, '32 new ones: no error';
    my @all  = @{get('/contacts?size=100', $ada)->{data}};
    is scalar(grep { $_->{is_primary} } @all), 1, 'one is it';
    is_deeply statuses($t->at_once(map {
        [PATCH => "/contacts/$all[$_]{id}" => $ada => json => {is_primary => true}],
        [PUT => "/contacts/$all[31 - $_]{id}" => $ada => json => {%contact, value => 'x',
            type => 'phone'}]
    } 0 .. 15)), {200 => 32}, '32 changes of others, and to another type';
    is_deeply $t->db->selectall_arrayref(q{SELECT type, count(*) FROM autoflow.contacts
        WHERE is_primary GROUP BY 1 ORDER BY 1}), [['email', 1], ['phone', 1]],
            'one of each type is it';
};

subtest 'maximum numbers' => sub {
    $t->db->do(q{INSERT INTO autoflow.employments (profile_id, user_id, title, company)
        SELECT id, user_id, 'T', 'C' FROM autoflow.profiles, generate_series(1, 95) WHERE id = ?},
            {},
        get('/profiles/me', $bob)->{id});
    is_deeply statuses($t->at_once(map { [POST => '/jobs' => $bob => json =>
        {title => 'T', company => 'C'}] } 1 .. 16)), {201 => 5, 409 => 11}, 'and no more';
};

subtest 'a location is visible while it is used' => sub {
    my @places = map { $t->ua->post('/locations' => $ada => json => {country => "C$_"})
        ->res->json->{id} } 1 .. 2;
    my @organizations = map { $t->ua->post('/organizations' => $ada => json => {name => "O$_"})
        ->res->json->{id} } 1 .. 2;
    for my $round (1 .. 6) {
        my @to = map { $places[($round + $_) % 2] } 0, 1;
        my $got = statuses($t->at_once(
            (map { my $who = $_; map { [PATCH => '/profiles/me' => $who => json =>
                {location_id => $_, is_public => $round % 3 ? true : false}] } @places,
                    undef } $bob, $eve),
            (map {
                my ($one, $other) = map { "/organizations/$_" } @organizations[$_, 1 - $_];
                [PATCH => $one => $ada => json => {location_id => $to[$_]}],
                    [PATCH => $other => $ada => json => {location_id => undef}]
            } 0, 1),
        ));

        # a non-owner may use a location while it is shown
        is_deeply [grep { !/200|422/ } keys %$got], [], 'no error';
        is_deeply $t->db->selectcol_arrayref(q{SELECT country FROM autoflow.locations l
            WHERE (visibility = 2) <> (EXISTS (SELECT FROM autoflow.profiles
                        WHERE location_id = l.id AND is_public AND is_active)
                    OR EXISTS (SELECT FROM autoflow.organizations
                        WHERE location_id = l.id AND is_active))}),
            [], "round $round: as it is used";
    }
};

subtest 'a profile becomes public while it gets a job' => sub {
    for my $round (1 .. 6) {
        $t->at_once(
            (map { [PATCH => '/profiles/me' => $eve => json => {is_public => $_ % 2
                ? true : false}] } 1 .. 5),
            map { [POST => '/jobs' => $eve => json => {title => "T$_", company => 'C'}] } 1 .. 5);
        is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.employments e
            JOIN autoflow.profiles p ON p.id = profile_id
            WHERE e.is_active AND e.visibility <> p.visibility}), 0,
            'each job is as its profile';
    }
};

# each doesn't see what the other one deactivates: so that one more may remain,
# until the next time
subtest 'many delete at once, with as many deactivated as are kept' => sub {
    my ($id, $profile) = @{get('/profiles/me', $ada)}{qw(user_id id)};
    my %add = (contacts => {type => 'other', value => 'x'}, jobs => {title => 'T', company => 'C'},
        locations => {country => 'C'}, organizations => {});
    my %of = (
        contacts      => [contacts => 100, 'profile_id, user_id, type, value',
            q{$1::uuid, $1, 'other', n}],
        jobs          => [employments => 100, 'profile_id, user_id, title, company',
            q{$1::uuid, $1, 'T', n}],
        locations     => [locations => 1000, 'created_by, country', q{$1::uuid, n}],
        organizations => [organizations => 1000, 'created_by, name', q{$1::uuid, 'Old ' || n}],
    );
    for my $name (sort keys %of) {
        my ($table, $most, $columns, $values) = @{$of{$name}};
        my ($owner) = $columns =~ /(\w+)/;
        my $its = $owner eq 'profile_id' ? $profile : $id;
        my @made = map { $t->ua->post("/$name" => $ada => json =>
            {%{$add{$name}}, name => "One of $name $_"})->res->json->{id} } 1 .. 9;
        $t->db->do("ALTER TABLE autoflow.$table DISABLE TRIGGER USER");
        $t->db->do("INSERT INTO autoflow.$table ($columns, is_active, visibility, deactivated_at)
            SELECT $values, false, 0, now() FROM generate_series(1, $most) AS n", undef, $its);
        $t->db->do("ALTER TABLE autoflow.$table ENABLE TRIGGER USER");
        my $kept = sub { $t->db->selectrow_array("SELECT count(*) FROM autoflow.$table
            WHERE $owner = ? AND NOT is_active", undef, $its) };
        is_deeply statuses($t->at_once(map { [DELETE => "/$name/$_" => $ada] } @made[0 .. 7])),
            {204 => 8}, "$name: no error";
        cmp_ok $kept->(), '<=', $most + 8, 'a few may be too many';
        is_deeply statuses($t->at_once([DELETE => "/$name/$made[8]" => $ada])), {204 => 1};
        is $kept->(), $most, 'until the next';
    }
};

unlike $t->error_log, qr/deadlock/, 'nobody waited for each other';

$t->finish;
done_testing;
