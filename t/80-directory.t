# The directory: every resource as its owner, another user, a superuser and
# nobody; what each may read and write, before and after it is shown.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(true false);
use Mojo::URL;
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(
    server => 'location / { client_max_body_size 0; autoflow_api; }')->start;

my %who = map { $_ => $t->register(first_name => ucfirst($_),
    last_name => 'Able') } qw(owner other root);
$t->db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', undef,
    $who{root}{user}{id});
$who{root} = $t->ua->post('/auth/login' => json =>
    {email => $who{root}{user}{email}, password => $who{root}{password}})->res->json;
my %as = (nobody => {}, map { $_ => $t->bearer($who{$_}) } keys %who);

sub ask ($who, $method, $path, @body) {
    $t->$_($path => $as{$who}, @body) for lc($method) . '_ok';
    return $t->tx->res;
}

sub status ($who, $method, $path, @body) { ask($who, $method, $path, @body)->code }

sub make ($path, $body, $who = 'owner') {
    $t->post_ok($path => $as{$who} => json => $body)->status_is(201);
    return $t->tx->res->json;
}

sub ids ($who, $path) {
    my @ids;
    for (my $query = 'size=3'; $query; ) {
        $t->get_ok($path . ($path =~ /\?/ ? '&' : '?') . $query => $as{$who})->status_is(200);
        push @ids, map { $_->{id} } @{$t->tx->res->json->{data}};
        my $next = $t->tx->res->json->{next};
        $query = $next && "size=3&cursor=$next";
    }
    return @ids;
}

# where a profile is in the list of the busy one
sub position ($id) {
    my @all = map { $_->{id} } @{ask('busy', GET => '/profiles')->json->{data}};
    return (grep { $all[$_] eq $id } 0 .. $#all)[0];
}

sub has ($who, $path, $id) { scalar grep { $_ eq $id } ids($who, $path) }

# a response's errors: field code
sub errors () { join ' ', map { "$_->{field} $_->{code}" } @{$t->tx->res->json->{errors} // []} }

my $profile = ask('owner', GET => '/profiles/me')->json;
is_deeply [@$profile{qw(user_id first_name last_name is_public allow_contact is_active)}],
    [$who{owner}{user}{id}, 'Owner', 'Able', false, false, true], 'made with the account';

sub shown ($public, $contact = $public) {
    $t->patch_ok('/profiles/me' => $as{owner} => json => {
        is_public => $public ? true : false, allow_contact => $contact ? true : false
    })->status_is(200);
}

my $place = make('/locations', {country => 'Utopia', city => 'Amaurot'});
my %of = (
    contacts => {
        body => {type => 'phone', value => '+1 555 0100'}, change => {value => '+1 555 0199'},
        bad  => {type => 'fax', value => ''}, errors => 'type format value length',
        full => {type => 'email', value => 'a@b.example', is_primary => true},
            least => {type => 'other', value => 'x'},
        clears => {is_primary => false}, must => 'value', shows => sub { shown(1) },
            hides => sub { shown(0) },
    },
    jobs => {
        body => {title => 'Engineer', company => 'Analytical', industry => 'Engines',
            start_date => '1842-01-01'},
        change => {title => 'Chief'},
        bad => {title => '', company => 'x' x 256, start_date => '1842-13-01', end_date => 'soon',
            organization_id => 'x'},
        errors => 'title length company length organization_id format '
            . 'start_date format end_date format',
        full => {title => 'T', company => 'C', industry => 'I', start_date => '2001-02-03',
            end_date => '2004-05-06'},
        least => {title => 'T', company => 'C'},
        clears => {industry => undef, start_date => undef, end_date => undef,
            organization_id => undef}, must => 'title',
        shows => sub { shown(1, 0) }, hides => sub { shown(0) },
    },
    locations => {
        body => {country => 'Utopia', city => 'Amaurot'}, change => {postal_code => '1516'},
        bad => {city => '', country => 1}, errors => 'country type city length',
        full => {country => 'C', state_province => 'S', city => 'T', postal_code => 'P'},
            least => {country => 'C'},
        clears => {state_province => undef, city => undef, postal_code => undef}, must => 'country',
        shows => sub ($id) {
            $t->patch_ok('/profiles/me' => $as{owner} => json => {location_id => $id})
                ->status_is(200);
            shown(1);
        },
        hides => sub { shown(0) },
    },
    organizations => {
        body => {name => 'Royal Society', industry => 'Science'},
            change => {description => 'of London'},
        bad => {website_url => 'ftp://x', location_id => $place->{id} . '0'},
            errors => 'name required website_url format location_id format',
        full => {name => 'Full', description => '', website_url => 'https://full.example/',
            industry => 'I', location_id => $place->{id}},
        least => {name => 'Full'},
        clears => {description => undef, website_url => undef, industry => undef,
            location_id => undef}, must => 'name',
        shown => 1,
    },
);

my $nothing = '01890000-0000-7000-8000-000000000000';

for my $name (sort keys %of) {
    my $r = $of{$name};
    subtest $name => sub {
        my $made = make("/$name", $r->{body});
        my $one  = "/$name/$made->{id}";
        is_deeply {map { $_ => $made->{$_} } keys %{$r->{body}}}, $r->{body}, 'what was sent';
        is_deeply [@$made{qw(is_active deactivated_at)}], [true, undef], 'active';

        is status('nobody', $_->[0], $_->[1]), 401, "nobody: @$_"
            for [GET => "/$name"], [POST => "/$name"],
                map { [$_ => $one] } qw(GET PUT PATCH DELETE);

        unless ($r->{shown}) {
            is status('other', $_, $one, json => $r->{full}), 404, "another one, hidden: $_"
                for qw(GET PUT PATCH DELETE);
            ok !has('other', "/$name", $made->{id}), 'nor listed';
        }
        is status($_, GET => $one), 200, "$_ reads" for qw(owner root);
        ok has($_, "/$name", $made->{id}), "$_ lists" for qw(owner root);

        $r->{shows}->($made->{id}) if $r->{shows};
        is status('other', GET => $one), 200, 'another one, shown';
        ok has($_, "/$name", $made->{id}), "$_ lists it" for qw(other owner root);
        my @all = ids('other', "/$name");
        is_deeply [ids('other', "/$name?sort=-created_at")], [reverse @all], 'the other way round';
        for (qw(PUT PATCH DELETE)) {
            is ask('other', $_, $one, json => $r->{full})->code, 403, "but may not $_";
            $t->problem_is(403, 'forbidden');
        }
        is_deeply ask('owner', GET => $one)->json->{updated_at}, $made->{updated_at},
            'nothing has changed';

        subtest 'changes' => sub {
            my $changed = ask('owner', PATCH => $one, json => {%{$r->{change}}, id => $nothing,
                is_active => false, junk => 1})->json;
            cmp_ok delete $changed->{updated_at}, 'gt', delete $made->{updated_at}, 'updated_at';
            is_deeply $changed, {%$made, %{$r->{change}}}, 'what was named';
            is status('root', PATCH => $one, json => {}), 200, 'a superuser, nothing';
            my $full = ask('root', PUT => $one, json => $r->{full})->json;
            is_deeply {map { $_ => $full->{$_} } keys %{$r->{full}}}, $r->{full}, 'all of it';
            is status('owner', PATCH => $one, json => {$r->{must} => undef}), 422,
                "no null for $r->{must}";
            is errors(), "$r->{must} required";
            is status('owner', PATCH => $one, json => {%{$r->{clears}}}), 200;
            my $clear = $t->tx->res->json;
            is_deeply {map { $_ => $clear->{$_} } keys %{$r->{clears}}}, $r->{clears},
                'a null clears';
            ask('owner', PUT => $one, json => $r->{full});
            my $least = ask('owner', PUT => $one, json => $r->{least})->json;
            is_deeply {map { $_ => $least->{$_} } keys %{$r->{clears}}}, $r->{clears},
                'PUT replaces';
            is status('owner', PUT => $one, json => {}), 422, 'with what is required';
            like errors(), qr/\b$r->{must} required/;
        };

        is status('owner', POST => "/$name", json => $r->{bad}), 422, 'wrong fields';
        is errors(), $r->{errors}, 'each of them';
        is status('owner', $_->[0], "/$name/$_->[1]", json => $r->{full}), 404, "@$_"
            for map { my $m = $_; map { [$m, $_] } $nothing, 'junk', "$made->{id}0",
                '-' } qw(GET PUT PATCH DELETE);
        is status('owner', GET => "/$name?$_"), 422, "?$_"
            for 'sort=junk', 'page=0', 'size=101', 'cursor=junk', 'include_inactive=1';
        $t->post_ok($one => $as{owner})->status_is(405)
            ->header_is(Allow => 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS');

        $r->{hides}->() if $r->{hides};
        unless ($r->{shown}) {
            is status('other', GET => $one), 404, 'hidden again';
            ok !has('other', "/$name", $made->{id}), 'nor listed';
        }

        is status('owner', DELETE => $one), 204, 'deactivated';
        is status('owner', $_, $one, json => $r->{full}), 404, "for good: $_"
            for qw(GET PUT PATCH DELETE);
        ok !has($_, "/$name", $made->{id}), "$_ doesn't list it" for qw(owner root);
        ok !has('owner', "/$name?include_inactive=true", $made->{id}),
            'nor does its owner with the inactive ones';
        ok has('root', "/$name?include_inactive=true", $made->{id}), 'a superuser does';
        is ask('root', GET => $one)->json->{is_active}, false, 'and reads it';
        like $t->tx->res->json->{deactivated_at}, qr/^\d{4}-.*Z$/;
        is status('root', PATCH => $one, json => {}), 404, 'but not to change it';
    };
}

subtest 'profiles' => sub {
    my $one = "/profiles/$profile->{id}";
    shown(0);
    is status('other', $_, $one, json => {bio => 'x'}), 404, "hidden: $_" for qw(GET PUT PATCH);
    is status('root', GET => $one), 200, 'a superuser reads it';
    shown(1);
    is status('other', GET => $one), 200, 'shown';
    is status('other', $_, $one, json => {bio => 'x'}), 403, "but not to be written: $_"
        for qw(PUT PATCH);
    is status('owner', $_, $one), 405, "no $_" for qw(POST DELETE);
    is status('owner', POST => '/profiles'), 405, 'nor there';
    is ask('root', PATCH => $one, json => {bio => 'seen'})->json->{bio}, 'seen', 'a superuser may';

    my %full = (first_name => 'Ada', last_name => 'Lovelace', date_of_birth => '1815-12-10',
        gender => 'f',
        location_id => $place->{id}, bio => "Lines\nand\ttabs",
            profile_picture_url => 'http://a.example/ada.png',
        is_public => true, allow_contact => true);
    my $put = ask('owner', PUT => '/profiles/me', json => \%full)->json;
    is_deeply {map { $_ => $put->{$_} } keys %full}, \%full, 'PUT';
    is_deeply ask('owner', GET => $one)->json, $put, 'as it is read';
    my $patched = ask('owner', PATCH => $one, json => {gender => undef, user_id => $nothing})->json;
    delete @$_{qw(updated_at)} for $patched, $put;
    is_deeply $patched, {%$put, gender => undef}, 'PATCH';
    my $empty = ask('owner', PUT => $one, json => {})->json;
    is_deeply [@$empty{qw(first_name bio location_id is_public allow_contact)}], [undef, undef,
        undef, false, false], 'PUT of nothing';

    for (['date_of_birth', '1815-02-29'], ['date_of_birth', '1815-12-10T00:00:00Z'], ['first_name',
        ''], ['last_name', 'x' x 256],
        ['bio', 'x' x 10_001], ['profile_picture_url', 'javascript:1'], ['profile_picture_url',
            'https://'],
        ['profile_picture_url', 'https://a b'], ['profile_picture_url', 'https://' . 'x' x 1993],
            ['is_public', 'yes'],
        ['location_id', 'x'], ['bio', "\x01"]) {
        is status('owner', PATCH => $one, json => {$_->[0] => $_->[1]}), 422, "$_->[0]";
        like errors(), qr/^$_->[0] \w+$/;
    }
    for (['date_of_birth', '2000-02-29'], ['last_name', 'x' x 255], ['bio', 'x' x 10_000],
        ['profile_picture_url', 'HTTPS://' . 'x' x 1992]) {
        is ask('owner', PATCH => $one, json => {$_->[0] => $_->[1]})->json->{$_->[0]}, $_->[1],
            "$_->[0]";
    }
    my $events = $t->db->selectcol_arrayref(q{SELECT details::text FROM autoflow.audit_events
        WHERE action = 'profile_visibility_changed' ORDER BY id DESC LIMIT 1});
    is $events->[0], '{"is_public": false, "allow_contact": false}', 'who may see it is audited';
    my $audited = sub { $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events
        WHERE action = 'profile_visibility_changed'}) };
    my $before = $audited->();
    shown(0, 1);
    is $audited->(), $before + 1, 'so is who may see its contacts';
    shown(0, 1);
    is $audited->(), $before + 1, 'but not what stays as it was';
};

subtest 'white space' => sub {
    my $blank = " \x{a0}\x{2003}\x{3000}";
    my $url   = "https://a.example/$blank";
    my %wrong = (
        contacts      => [{type => 'phone', value => $blank}, 'value format'],
        jobs          => [{title => $blank, company => ' ', industry => $blank},
            'title format company format industry format'],
        locations     => [{country => $blank, city => ' '}, 'country format city format'],
        organizations => [{name => $blank, website_url => $url}, 'name format website_url format'],
    );
    for my $name (sort keys %wrong) {
        my ($body, $errors) = @{$wrong{$name}};
        is status('owner', POST => "/$name", json => $body), 422, $name;
        is errors(), $errors, 'alone is refused';
    }
    is status('owner', PATCH => '/profiles/me', json => {first_name => $blank,
        profile_picture_url => $url}), 422, 'of a profile';
    is errors(), 'first_name format profile_picture_url format';
    is make('/locations', {country => "${blank}x$blank"})->{country}, "${blank}x$blank",
        'around a text it stays';
};

subtest 'lists of profiles' => sub {
    my @others = map { $t->register(first_name => $_, last_name => $_) } qw(Dora anna Carl Berta);
    $t->patch_ok('/profiles/me' => $t->bearer($_) => json => {is_public => true})->status_is(200)
        for @others;
    my $names = sub ($query) {
        $t->get_ok("/profiles?$query" => $as{other})->status_is(200);
        join ' ', map { $_->{last_name} // '-' } @{$t->tx->res->json->{data}};
    };
    is $names->('sort=last_name'), 'Able anna Berta Carl Dora',
        'by name: the public ones and its own';
    is $names->('sort=-last_name'), 'Dora Carl Berta anna Able';
    is $names->('sort=-created_at&size=2'), 'Berta Carl';
    my $next = $t->tx->res->json->{next};
    is $names->("sort=-created_at&size=2&cursor=$next"), 'anna Dora', 'by cursor';
    is $t->tx->res->json->{total}, undef;
    $t->get_ok("/profiles?sort=last_name&size=2&cursor=$next" => $as{other})->status_is(422,
        'not in another order');
    $t->get_ok("/profiles?sort=-created_at&size=2&cursor=$next" => $as{owner})->status_is(422,
        "nor another one's");
    $t->get_ok('/profiles' => $as{root})->json_is('/total' => 7, 'superusers list all');
};

subtest 'includes' => sub {
    my $far = make('/locations', {country => 'Far'}, 'other');
    shown(1);
    $t->patch_ok('/profiles/me' => $as{owner} => json => {location_id => $place->{id}})
        ->status_is(200);
    my $job     = make('/jobs', {title => 'T', company => 'C'});
    my $contact = make("/profiles/$profile->{id}/contacts", {type => 'phone', value => '1'});
    my $one     = "/profiles/$profile->{id}?include";
    my $parts   = sub ($who) { my $json = ask($who, GET => "$one=jobs,location,contacts")->json;
        join ' ', $json->{location} ? $json->{location}{city} : '-',
            map { scalar @$_ } @$json{qw(contacts jobs)} };
    is $parts->($_), 'Amaurot 1 1', "$_ sees all" for qw(owner other root);
    ok !exists ask('other', GET => "$one=jobs")->json->{contacts}, 'only what is asked for';
    is_deeply $t->tx->res->json->{jobs}, [ask('other', GET => "/jobs/$job->{id}")->json],
        'as in its own response';
    is ask('other', GET => "$one=location")->json->{location}{created_by}, undef,
        'who made it is not told';
    is ask($_, GET => "$one=location")->json->{location}{created_by}, $who{owner}{user}{id},
        "but to $_" for qw(owner root);
    $t->get_ok('/profiles?include=jobs,contacts,location&sort=created_at' => $as{other})
        ->status_is(200)
        ->json_is('/data/0/jobs/0/id' => $job->{id})->json_is('/data/0/contacts/0/value' => '1')
        ->json_is('/data/1/jobs' => [])->json_is('/data/1/location' => undef);
    shown(1, 0);
    is $parts->('other'), 'Amaurot 0 1', 'contacts are another matter';
    is $parts->('owner'), 'Amaurot 1 1';
    ok has('other', "/profiles/$profile->{id}/jobs", $job->{id}), 'jobs of a profile';
    is_deeply [ids('other', "/profiles/$profile->{id}/contacts")], [], 'none to be read';
    shown(0);
    is status('other', GET => "/profiles/$profile->{id}/$_"), 404, "nobody's $_"
        for qw(contacts jobs);
    is status('other', POST => "/profiles/$profile->{id}/jobs", json => {title => 'T',
        company => 'C'}), 404;
    is status('other', POST => '/jobs', json => {title => 'T', company => 'C',
        profile_id => $profile->{id}}), 422;
    is errors(), 'profile_id reference';
    shown(1);
    is status('other', POST => "/profiles/$profile->{id}/jobs", json => {title => 'T',
        company => 'C'}), 403;
    is status('other', POST => '/jobs', json => {title => 'T', company => 'C',
        profile_id => $profile->{id}}), 403;
    is make('/contacts', {type => 'other', value => 'by root', profile_id => $profile->{id}},
        'root')->{profile_id}, $profile->{id},
        'a superuser may';
    is status('owner', GET => "$one=$_"), 422, "?include=$_" for 'junk', 'jobs,', ',jobs',
        'jobs, contacts', '';
    is status('owner', PATCH => '/profiles/me', json => {location_id => $far->{id}}), 422,
        'a location that one may not read';
    is errors(), 'location_id reference';
    is status('owner', PATCH => '/profiles/me', json => {location_id => $nothing}), 422,
        'or that there is not';
    is status('owner', POST => '/jobs', json => {title => 'T', company => 'C',
        organization_id => $nothing}), 422;
    is errors(), 'organization_id reference';
    is status('owner', POST => '/jobs', json => {title => 'T', company => 'C',
        start_date => '2001-01-02', end_date => '2001-01-01'}), 422;
    is errors(), 'end_date format', 'the end comes later';
    is status('owner', POST => '/organizations', json => {name => 'Far away',
        location_id => $far->{id}}), 422;
    is errors(), 'location_id reference';
    my $near = make('/organizations', {name => 'Nearby'});
    is status('owner', PATCH => "/organizations/$near->{id}",
        json => {location_id => $far->{id}}), 422;
    is errors(), 'location_id reference';
    is status('other', PATCH => "/jobs/$job->{id}", json => {organization_id => $nothing}), 403;
    is errors(), '', 'whoever may not write is told no more';
    $t->delete_ok("/locations/$far->{id}" => $as{other})->status_is(204);
    is status('root', PATCH => '/profiles/me', json => {location_id => $far->{id}}), 422,
        'nor one that is no more, though superusers read it';
};

subtest 'filters' => sub {
    my %job = (title => 'T', company => 'Acme', industry => 'Anvils');
    my @jobs = map { make('/jobs', {%job, %$_}, 'other')->{id} } {}, {company => 'ACME',
        end_date => '2001-01-01'}, {industry => 'Traps', company => 'Else'};
    my $list = sub ($path) { join ' ',
        map { my $id = $_; grep { $jobs[$_] eq $id } 0 .. $#jobs } ids('other', $path) };
    is $list->('/jobs?company=acme'), '0 1', 'company';
    is $list->('/jobs?industry=anvils'), '0 1', 'industry';
    is $list->('/jobs?industry=anvils&current=true'), '0', 'current';
    is $list->('/jobs?current=false'), '1', 'former';
    make('/organizations', {name => $_, industry => $_ =~ /^Bird/ ? 'Birds' : 'Else'})
        for 'Bird 100%', 'Bird 1000', 'Birch';
    my $names = sub ($query) { $t->get_ok("/organizations?$query" => $as{other}); join ',',
        map { $_->{name} } @{$t->tx->res->json->{data}} };
    is $names->('q=100%25&sort=name'), 'Bird 100%', 'q is literal';
    is $names->('q=bird&sort=-name'), 'Bird 1000,Bird 100%';
    is $names->('industry=birds&sort=name&size=1'), 'Bird 100%';
    is $names->('industry=birds&sort=name&size=1&cursor=' . $t->tx->res->json->{next}), 'Bird 1000';
    is status('other', GET => '/organizations?q=bi'), 422, 'three characters';
    make('/locations', {country => 'Erewhon', city => $_}, 'other') for qw(Here There);
    is scalar(ids('other', '/locations?country=erewhon')), 2, 'country';
    is scalar(ids('other', '/locations?city=THERE&country=Erewhon')), 1, 'city';
    make('/contacts', {type => 'social', value => '@other'}, 'other');
    is scalar(ids('other', '/contacts?type=social')), 1, 'type';
    is status('other', GET => '/contacts?type=fax'), 422;
};

subtest 'unique resources' => sub {
    my @emails = map { make('/contacts', {type => 'email', value => "$_\@b.example",
        is_primary => true}, 'other') } 1 .. 2;
    my $phone = make('/contacts', {type => 'phone', value => '1', is_primary => true}, 'other');
    my $primary = sub { join ' ', map { ask('other',
        GET => "/contacts/$_->{id}")->json->{is_primary} ? 1 : 0 } @emails, $phone };
    is $primary->(), '0 1 1', 'the new primary takes the place of the old';
    $t->patch_ok("/contacts/$emails[0]{id}" => $as{other} => json => {is_primary => true})
        ->status_is(200);
    is $primary->(), '1 0 1';
    $t->patch_ok("/contacts/$phone->{id}" => $as{other} => json => {type => 'email'})
        ->status_is(200);
    is $primary->(), '0 0 1', 'also by its type';
    $t->delete_ok("/contacts/$phone->{id}" => $as{other})->status_is(204);
    $t->patch_ok("/contacts/$emails[0]{id}" => $as{other} => json => {is_primary => true})
        ->status_is(200);

    my $society = make('/organizations', {name => 'Society'});
    $t->post_ok('/organizations' => $as{other} => json => {name => 'SOCIETY'})->problem_is(409,
        'name_taken');
    $t->delete_ok("/organizations/$society->{id}" => $as{owner})->status_is(204);
    make('/organizations', {name => 'society'}, 'other');
};

subtest 'used locations' => sub {
    my $shared = make('/locations', {country => 'Shared'});
    my $seen   = sub { status('other', GET => "/locations/$shared->{id}") };
    is $seen->(), 404, 'nobody uses it';
    my $club = make('/organizations', {name => 'Club', location_id => $shared->{id}});
    is $seen->(), 200, 'an organization';
    shown(1);
    $t->patch_ok('/profiles/me' => $as{owner} => json => {location_id => $shared->{id}})
        ->status_is(200);
    $t->delete_ok("/organizations/$club->{id}" => $as{owner})->status_is(204);
    is $seen->(), 200, 'a profile still does';
    $t->patch_ok('/profiles/me' => $as{other} => json => {location_id => $shared->{id},
        is_public => true})->status_is(200);
    $t->patch_ok('/profiles/me' => $as{owner} => json => {location_id => undef})->status_is(200);
    is $seen->(), 200, "another one's";
    is status('other', PATCH => "/locations/$shared->{id}", json => {city => 'x'}), 403,
        'who uses it does not own it';
    $t->patch_ok('/profiles/me' => $as{other} => json => {is_public => false})->status_is(200);
    is $seen->(), 404, 'nobody any more';
    is status('other', PATCH => '/profiles/me', json => {is_public => true}), 422,
        'a profile that still has it may not show it again';
    is errors(), 'location_id reference';
    is status('other', PATCH => '/profiles/me', json => {is_public => true, location_id => undef}),
        200, 'unless without it';
    $t->patch_ok('/profiles/me' => $as{other} => json => {is_public => false})->status_is(200);
};

# Foreign keys are checked before it is locked in order: two profiles that
# exchange their locations could deadlock.
subtest 'whoever takes up a location keeps nobody from leaving it' => sub {
    my @place = map { make('/locations', {country => "Place $_"}) } 1, 2;
    my $moves = sub ($place) { status('owner', PATCH => '/profiles/me', json => {
        location_id => $place->{id}, is_public => true}) };
    is $moves->($place[0]), 200;
    my $taker = $t->postgresql->connect;
    $taker->begin_work;
    $taker->do('SELECT FROM autoflow.locations WHERE id IN (?, ?) FOR KEY SHARE', undef,
        map { $_->{id} } @place);
    is $moves->($place[1]), 200, 'to another one';
    is status('other', GET => "/locations/$_->[0]{id}"), $_->[1], "which is then $_->[1]"
        for [$place[0], 404], [$place[1], 200];
    shown(0);
    is status('other', GET => "/locations/$place[1]{id}"), 404, 'and to none';
    $taker->rollback;
};

subtest 'organizations that are searched for' => sub {
    my ($german, $japanese) = ("R\x{f6}hm & S\x{f6}hne", "\x{682a}\x{5f0f}\x{4f1a}\x{793e}");
    make('/organizations', {name => $_}) for 'AT&T', $german, $japanese;
    my $names = sub ($q) {
        my $url = Mojo::URL->new('/organizations')->query(q => $q);
        return join ', ', map { $_->{name} } @{ask('other', GET => $url)->json->{data} // []};
    };
    is $names->("$_->[0]"), $_->[1], 'are found' for ['AT&', 'AT&T'],
        ["\x{f6}hm", $german], ["& s\x{f6}", $german], [substr($japanese, 1), $japanese];
    for my $q ('t&t', '   ', 'a-b-c', "\x{3000}" x 3, '%%%', "\x{2013}\x{2014}x\x{2014}") {
        $names->($q);
        is errors(), 'q format', 'two letters or digits in a row are needed';
    }
};

subtest 'includes of many' => sub {
    my $as = $as{busy} = $t->bearer($t->register);
    my $id = ask('busy', GET => '/profiles/me')->json->{id};
    my %add  = (contacts => {type => 'other', value => 'x'},
        jobs => {title => 'T', company => 'C'});
    my %made = map { my $name = $_; $name => [map { make("/$name", $add{$name}, 'busy')->{id} }
        1 .. 10] } keys %add;
    my $has = sub ($path, $in) {
        my $json = ask('busy', GET => "$path?include=contacts,jobs")->json($in);
        my %has  = map { $_ => [map { $_->{id} } @{$json->{$_}}] } keys %made;
        return \%has;
    };
    my $list = sub { $has->('/profiles', "/data/@{[position($id)]}") };
    is_deeply $list->(), \%made, 'a list has ten of each';
    my %first = map { $_ => [@{$made{$_}}] } keys %made;
    push @{$made{$_}}, make("/$_", $add{$_}, 'busy')->{id} for keys %made;
    is_deeply $list->(), \%first, 'the first ten';
    is_deeply $has->("/profiles/$id", ''), \%made, 'one profile has them all';
};

subtest 'export' => sub {
    is status('nobody', GET => '/user/export'), 401, 'nobody';
    my $ada = $as{export} = $t->bearer($t->register(first_name => 'Ada'));
    make('/jobs', {title => 'T', company => 'C'}, 'export');
    my $gone = make('/contacts', {type => 'phone', value => '1'}, 'export');
    $t->delete_ok("/contacts/$gone->{id}" => $ada)->status_is(204);
    make('/locations', {country => 'C'}, 'export');
    make('/organizations', {name => 'Exported'}, 'export');
    make('/messages', {recipient_id => $who{other}{user}{id}, content => 'Hello'}, 'export');
    my $all = ask('export', GET => '/user/export')->json;
    is_deeply [map { scalar @{$all->{$_}} }
        qw(contacts jobs locations organizations messages sessions)], [(1) x 6], 'all that is kept';
    is $all->{contacts}[0]{is_active}, false, 'what was deactivated, too';
    is $all->{profile}{first_name}, 'Ada';
    is_deeply [map { $_->{action} } @{$all->{events}}], ['registered'], 'what was done';
    is_deeply [@$all{qw(complete cut)}], [true, []], 'and nothing else';
    unlike $t->tx->res->body, qr/argon2|password_hash|random/, 'no secret';
    $t->db->do(q{INSERT INTO autoflow.audit_events (action, actor_id, target_id, ip_address)
        SELECT 'updated', ?::uuid, ?::uuid, '192.0.2.1' FROM generate_series(1, 10001)}, {},
        $who{root}{user}{id}, $all->{user}{id});
    my $more = ask('export', GET => '/user/export')->json;
    is scalar @{$more->{events}}, 10_000, 'the latest 10,000';
    is_deeply [@$more{qw(complete cut)}], [false, ['events']], 'reported';
    is $more->{events}[0]{ip_address}, undef, "whose address is another one's";
};

subtest 'export of long texts' => sub {
    my $ada = $as{prolific} = $t->bearer($t->register);
    my $id  = ask('prolific', GET => '/profiles/me')->json->{user_id};
    my $db  = $t->db;
    my $n   = 0;
    my $sent = sub ($octets) {
        $db->do(q{WITH box AS (
                INSERT INTO autoflow.mailboxes AS m (user_id, last_number) VALUES ($1, 1)
                    ON CONFLICT (user_id) DO UPDATE SET last_number = m.last_number + 1
                RETURNING last_number
            ), sent AS (
                INSERT INTO autoflow.messages (conversation_id, sender_id, recipient_id, content)
                VALUES ($1, $1, $2, $3) RETURNING id)
            INSERT INTO autoflow.message_entries
            SELECT $1, last_number, id, $1, true, false FROM box, sent}, undef, $id,
            $who{other}{user}{id}, ++$n . 'x' x ($octets - length $n));
    };
    my $exported = sub { my $all = ask('prolific', GET => '/user/export')->json;
        my @first = grep { defined } map { $_->{content} } @{$all->{messages}}[0];
        return [scalar @{$all->{messages}}, map({ /^(\d+)/ } @first), $all->{cut}] };

    # 8 MiB
    $sent->($_) for (10_000) x 838, 8388608 - 8_380_000;
    is_deeply $exported->(), [839, 1, []], 'messages of 8 MiB';
    $sent->(3);
    is_deeply $exported->(), [839, 2, ['messages']], 'of more the latest';

    $db->do(q{INSERT INTO autoflow.organizations (created_by, name, description, created_at)
        SELECT ?::uuid, 'Long ' || 100000 + n, repeat('x', 9990), now() + n * interval '1 s'
          FROM generate_series(1, 839) AS n}, undef, $id);
    my $all = ask('prolific', GET => '/user/export')->json;
    is_deeply [scalar @{$all->{organizations}}, @{$all->{cut}}], [838, 'organizations', 'messages'],
        'likewise organizations';
    is_deeply [grep { $_->{name} eq 'Long 100001' } @{$all->{organizations}}], [],
        'without the earliest';
    $db->do(q{DELETE FROM autoflow.organizations WHERE created_by = ?}, undef, $id);
};

subtest 'deleting an account' => sub {
    my $ada  = $t->register;
    my $as   = $as{ada} = $t->bearer($ada);
    my $mine = make('/locations', {country => 'Mine'}, 'ada');
    my $used = make('/locations', {country => 'Used'}, 'ada');
    make('/organizations', {name => 'Stays', location_id => $used->{id}}, 'ada');
    my $job = make('/jobs', {title => 'T', company => 'C'}, 'ada');
    my $me  = ask('ada', GET => '/profiles/me')->json;
    $t->patch_ok('/profiles/me' => $as => json => {is_public => true, location_id => $mine->{id}})
        ->status_is(200);
    is status('other', GET => $_), 200, $_ for "/profiles/$me->{id}", "/jobs/$job->{id}",
        "/locations/$mine->{id}";
    $t->delete_ok('/auth/me' => $as)->status_is(204);
    is status('other', GET => $_), 404, "$_ is gone" for "/profiles/$me->{id}", "/jobs/$job->{id}",
        "/locations/$mine->{id}";
    is status('other', GET => "/locations/$used->{id}"), 200, 'what others see of it stays';
    is ask('root', GET => "/profiles/$me->{id}")->json->{is_active}, false, 'a superuser reads it';

    # by a request that began before
    for (['contacts (profile_id, type, value)', $me->{id}, 'other', 'x'],
        ['employments (profile_id, title, company)', $me->{id}, 'T', 'C'],
        ['locations (created_by, country)', $ada->{user}{id}, 'C'],
        ['organizations (created_by, name)', $ada->{user}{id}, 'Late'])
    {
        my ($columns, @values) = @$_;
        my $places = join ', ', ('?') x @values;
        is_deeply [$t->db->selectrow_array("INSERT INTO autoflow.$columns VALUES ($places)
            RETURNING is_active, deactivated_at IS NOT NULL", undef, @values)], [0, 1],
            "what is made later is gone, too: $columns";
    }
};

subtest 'maximum numbers' => sub {
    my $ada = $as{many} = $t->bearer($t->register);
    my $id  = ask('many', GET => '/profiles/me')->json->{id};
    $t->db->do(q{INSERT INTO autoflow.contacts (profile_id, user_id, type, value)
        SELECT ?::uuid, ?::uuid, 'other', n FROM generate_series(1, 99) AS n}, undef, $id, $id);
    make('/contacts', {type => 'other', value => 'the last'}, 'many');
    $t->post_ok('/contacts' => $ada => json => {type => 'other', value => 'x'})->problem_is(409,
        'limit_reached');
    my ($one) = ids('many', "/profiles/$id/contacts");
    $t->delete_ok("/contacts/$one" => $ada)->status_is(204);
    make('/contacts', {type => 'other', value => 'x'}, 'many');

    $t->db->do(q{INSERT INTO autoflow.employments (profile_id, user_id, title, company)
        SELECT ?::uuid, ?::uuid, 'T', n FROM generate_series(1, 99) AS n}, undef, $id, $id);
    for my $of ([locations => 'country'], [organizations => 'name']) {
        my ($table, $column) = @$of;
        $t->db->do("INSERT INTO autoflow.$table (created_by, $column)
            SELECT user_id, 'One of many, ' || n
              FROM autoflow.profiles, generate_series(1, 999) AS n WHERE id = ?", undef, $id);
    }
    my %last = (jobs => {title => 'T', company => 'C'}, locations => {country => 'The last'},
        organizations => {name => 'The last'});
    for my $name (sort keys %last) {
        make("/$name", $last{$name}, 'many');
        $t->post_ok("/$name" => $ada => json => {%{$last{$name}}, name => 'One more'})
            ->problem_is(409, 'limit_reached');
    }
};

# of each the latest, as many as there may be active ones
subtest 'what was deactivated' => sub {
    my $as  = $as{tidy} = $t->bearer($t->register);
    my $me  = ask('tidy', GET => '/profiles/me')->json;
    my $db  = $t->db;
    my %of  = (
        contacts      => [contacts => 100, 'profile_id, user_id, type, value',
            q{$1, $2, 'other', n}],
        jobs          => [employments => 100, 'profile_id, user_id, title, company',
            q{$1, $2, 'T', n}],
        locations     => [locations => 1000, 'created_by, country', q{$2, n}],
        organizations => [organizations => 1000, 'created_by, name', q{$2, 'Tidy ' || n}],
    );
    my %add = (contacts => {type => 'other', value => 'x'}, jobs => {title => 'T', company => 'C'},
        locations => {country => 'C'}, organizations => {name => 'Tidy'});
    for my $name (sort keys %of) {
        my ($table, $most, $columns, $values) = @{$of{$name}};
        my $kept = sub { $db->selectcol_arrayref("SELECT id FROM autoflow.$table
            WHERE ? IN (@{[$columns =~ /(\w+)/]}) AND NOT is_active ORDER BY deactivated_at, id",
            undef, $name =~ /contacts|jobs/ ? $me->{id} : $me->{user_id}) };
        my $deletes = sub {
            my $id = make("/$name", $add{$name}, 'tidy')->{id};
            $t->delete_ok("/$name/$id" => $as)->status_is(204);
            return $id;
        };

        # more than that, from before there was a limit
        $db->do("ALTER TABLE autoflow.$table DISABLE TRIGGER USER");
        my $fill = sub ($n) { $db->do(qq{INSERT INTO autoflow.$table
            ($columns, is_active, visibility, deactivated_at)
            SELECT $values, false, 0, now() - interval '1 day' + n * interval '1 second'
              FROM generate_series(1, \$3::integer) AS n, (SELECT \$1::uuid, \$2::uuid) AS v},
            undef, $me->{id}, $me->{user_id}, $n) };
        $fill->($most - 1);
        $db->do("ALTER TABLE autoflow.$table ENABLE TRIGGER USER");

        my @before = @{$kept->()};
        my $first  = $deletes->();
        is_deeply $kept->(), [@before, $first], "$name: $most are kept";
        my $second = $deletes->();
        is_deeply $kept->(), [@before[1 .. $#before], $first, $second], 'of more the latest';

        # from before there was a limit
        $db->do("ALTER TABLE autoflow.$table DISABLE TRIGGER USER");
        $fill->(150);
        $db->do("ALTER TABLE autoflow.$table ENABLE TRIGGER USER");
        $deletes->();
        is scalar @{$kept->()}, $most + 51, 'of many more a hundred go';
        $deletes->();
        is scalar @{$kept->()}, $most, 'and then the rest';
        $t->get_ok("/$name/$second" => $as{root})->status_is(200);

        my $other = $t->postgresql->connect;
        $other->begin_work;
        $other->do("SELECT FROM autoflow.$table WHERE id = ? FOR KEY SHARE", undef, $kept->()[0]);
        $deletes->();
        is scalar @{$kept->()}, $most + 1, 'one that somebody has locked stays';
        $other->rollback;
        $deletes->();
        is scalar @{$kept->()}, $most, 'for the time being';
    }
};

subtest 'what was deactivated, but is used' => sub {
    my $as   = $as{used} = $t->bearer($t->register);
    my $db   = $t->db;
    my $id   = ask('used', GET => '/profiles/me')->json->{user_id};
    my @used = map { make('/locations', {country => "Used $_"}, 'used')->{id} } 1, 2;
    my $club = make('/organizations', {name => 'Used', location_id => $used[0]}, 'used')->{id};
    my %job  = (title => 'T', company => 'C', organization_id => $club);
    my $job  = make('/jobs', \%job, 'used')->{id};
    $t->patch_ok('/profiles/me' => $as => json => {location_id => $used[1]})->status_is(200);
    $t->delete_ok("/locations/$_" => $as)->status_is(204) for @used;
    $t->delete_ok("/organizations/$club" => $as)->status_is(204);
    $db->do("INSERT INTO autoflow.$_->[0] (created_by, $_->[1])
        SELECT ?::uuid, 'Unused ' || n FROM generate_series(1, 1000) AS n", undef, $id),
        $db->do("UPDATE autoflow.$_->[0] SET is_active = false, deactivated_at = now()
            WHERE created_by = ? AND is_active", undef, $id)
        for [locations => 'country'], [organizations => 'name'];
    my $kept = sub ($table) { $db->selectrow_array("SELECT count(*) FROM autoflow.$table
        WHERE created_by = ?", undef, $id) };
    is_deeply [map { $kept->($_) } qw(locations organizations)], [1002, 1001],
        'is kept in addition';
    $t->get_ok($_ => $as{root})->status_is(200)
        for "/organizations/$club", map { "/locations/$_" } @used;

    $t->patch_ok("/jobs/$job" => $as => json => {organization_id => undef})->status_is(200);
    $t->patch_ok('/profiles/me' => $as => json => {location_id => undef})->status_is(200);
    for my $of ([organizations => name => $club], [locations => country => $used[1]],
        [locations => country => $used[0]])
    {
        my ($name, $field, $gone) = @$of;
        my $one = make("/$name", {$field => "More $gone"}, 'used')->{id};
        $t->delete_ok("/$name/$one" => $as)->status_is(204);
        $t->get_ok("/$name/$gone" => $as{root})->status_is(404, "$name: until it no longer is");
    }
    is_deeply [map { $kept->($_) } qw(locations organizations)], [1000, 1000], 'like any other';
};

$t->finish;

done_testing;
