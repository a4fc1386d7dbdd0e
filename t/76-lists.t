# All lists: pages, and cursors, with which a walk sees each row once whatever
# is added and deleted meanwhile.

use Mojo::Base -strict, -signatures;
use MIME::Base64 qw(decode_base64url encode_base64url);
use Test::Autoflow;
use Test::More;

my @secrets = map { 'hex:' . $_ x 32 } qw(0f 1e 2d);
my $t = Test::Autoflow->new(settings => {autoflow_secret => $secrets[0]})->start;
my $db = $t->db;
my $good = 'correct horse battery staple';

sub superuser ($email) {
    my $id = $t->register(email => $email)->{user}{id};
    $db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $id);
    return $t->bearer(
        $t->ua->post($t->url('/auth/login') => json => {email => $email, password => $good})
            ->res->json);
}

my $root  = superuser('root@example.com');
my $other = superuser('other@example.com');

# the response of a list, without checks
sub page ($path, $headers = $root) {
    my $res = $t->ua->get($path => $headers)->res;
    $res->code == 200 or die "$path: ", $res->body;
    return $res->json;
}

sub with ($path, %query) { $path . ($path =~ /\?/ ? '&' : '?') . join '&', map { "$_=$query{$_}" }
    sort keys %query }

# everything that a walk sees, and the sizes of its pages; a callback between
# pages gets the id that the next one begins with
sub walk ($path, $size, $between = sub { }, $headers = $root) {
    my (@all, @sizes);
    my $next = '';
    while (defined $next) {
        my $page = page(with($path, size => $size, $next ? (cursor => $next) : ()), $headers);
        push @all, @{$page->{data}};
        push @sizes, scalar @{$page->{data}};
        $next = $page->{next};
        $between->(substr decode_base64url($next), 5, 36) if defined $next;
        @sizes < 1000 or die "$path: no end";
    }
    return (\@all, \@sizes);
}


subtest 'pages' => sub {
    my $all = page('/auth/users?size=100');
    is_deeply [map { defined $all->{$_} ? 1 : 0 } qw(total page size pages next)], [1, 1, 1, 1, 0],
        'no more behind the only one';
    ok !exists $all->{total_capped}, 'counted to the end';
    my $first = page('/auth/users?size=1');
    is_deeply [@$first{qw(total page size pages)}], [2, 1, 1, 2];
    is_deeply page('/auth/users?size=1&page=2')->{data}[0], $all->{data}[1];
    is page('/auth/users?size=1&page=2')->{next}, undef, 'the last one';
    my $second = page("/auth/users?size=1&cursor=$first->{next}");
    is_deeply $second, {data => [$all->{data}[1]], total => undef, page => undef, size => 1,
        pages => undef, next => undef}, 'by a cursor';
    is_deeply page('/auth/roles'), {data => [], total => 0, page => 1, size => 10, pages => 0,
        next => undef}, 'of nothing';
    is_deeply page('/auth/users?size=1&page=3')->{data}, [], 'behind the last';
    $t->head_ok('/auth/users' => $root)->status_is(200)->content_is('');
};

subtest 'too deep' => sub {
    for my $path (qw(/auth/users /auth/audit /auth/roles /auth/sessions)) {
        $t->get_ok("$path?page=$_->[0]&size=$_->[1]" => $root)
            ->problem_is(422, 'too_deep', "$path $_->[0] * $_->[1]")
            ->errors_are({page => 'too_deep'})->json_like('/errors/0/message' => qr/cursor/)
            for [1001, 10], [101, 100], [10_001, 1], [1_000_000_000, 100];
        $t->get_ok("$path?page=1001" => $root)->problem_is(422, 'too_deep');
        is scalar @{page("$path?page=$_->[0]&size=$_->[1]")->{data}}, 0, "$path $_->[0] * $_->[1]"
            for [1000, 10], [100, 100], [10_000, 1];
    }
};

subtest 'where a cursor is valid' => sub {
    my $next = page('/auth/users?sort=email&is_active=true&size=1')->{next};
    my $ok   = sub ($query, $headers = $root) {
        $t->get_ok("/auth/users?$query&cursor=$next" => $headers)->status_is(200, "?$query") };
    my $bad  = sub ($path, $headers = $root, $cursor = $next) {
        $t->get_ok(with($path, cursor => $cursor) => $headers)
            ->problem_is(422, 'validation_failed', $path)->errors_are({cursor => 'format'});
    };
    $ok->('sort=email&is_active=true');
    my $same = $t->tx->res->json;
    $ok->('is_active=true&sort=email&size=100&unknown=1');
    is_deeply $t->tx->res->json('/data'), $same->{data}, 'another size, another order of the query';
    is_deeply page("$_?sort=email&is_active=true&cursor=$next"), $same, $_
        for qw(/api/users /api/v1/users/ /api/v1/auth/users /auth/users/);

    $bad->("/auth/users?$_") for 'sort=-email&is_active=true', 'sort=username&is_active=true',
        'is_active=true', 'sort=email',
        'sort=email&is_active=false', 'sort=email&is_active=true&include_inactive=true',
        'sort=email&is_active=true&q=example',
        'sort=email&is_active=true&role=a';
    $bad->('/auth/users?sort=email&is_active=true', $other);
    $bad->($_) for '/auth/audit', '/auth/roles', '/auth/sessions';
    $bad->('/auth/users?sort=email&is_active=true', $root, $_) for substr($next, 1),
        substr($next, 0, -1), "${next}A", 'x', '%C3%A4', 'a%20b',
        encode_base64url("\1" . 'x' x 60),
        map({ encode_base64url($_ . substr(decode_base64url($next), 1)) } "\1", "\3"),
        map { my $altered = $next; substr($altered, $_, 1) =~ tr/A-Za-z/B-ZAb-za/ ? $altered
        : () } 3 .. 9, 60 .. length($next) - 1;
    $t->get_ok("/auth/users?sort=email&is_active=true&cursor=$_" => $root)
        ->problem_is(422, 'validation_failed')->errors_are({cursor => 'length'})
        for '', 'A' x 3000;
    $t->get_ok("/auth/users?sort=email&is_active=true&page=1&cursor=$next" => $root)
        ->problem_is(422, 'validation_failed')
        ->errors_are({cursor => 'ambiguous'});
    $t->get_ok("/auth/users?sort=email&is_active=true&size=0&cursor=$next" => $root)
        ->errors_are({size => 'range'});
    $t->get_ok("/auth/users?sort=email&cursor=$next")->problem_is(401, 'token_required');

    is_deeply page('/auth/users?sort=created_at&cursor='
        . page('/auth/users?size=1')->{next})->{total}, undef,
        'the order that there is without "sort" is that of its name';
};

subtest 'what a cursor survives' => sub {
    my $next = page('/auth/users?size=1')->{next};
    my $get  = sub { $t->get_ok("/auth/users?cursor=$next" => $root) };
    my $keys = sub (@secrets) { $t->settings->{autoflow_secret} = join ";\nautoflow_secret ",
        @secrets; $t->reload->ready };
    $keys->(@secrets[1, 0]);
    $get->()->status_is(200, 'a previous secret');
    isnt page('/auth/users?size=1')->{next}, $next, 'made with the current one';
    $keys->(@secrets[2, 1]);
    $get->()->problem_is(422, 'validation_failed')
        ->errors_are({cursor => 'format'}, 'the secret is gone');
    $keys->($secrets[0]);
    $get->()->status_is(200);
};

# Accounts with null and equal keys, and minimal differences; every fifth may be
# deleted.
my $insert = q{
    INSERT INTO autoflow.users (email, username, password_hash, created_at, last_login_at)
    SELECT CASE WHEN n % 5 = 0 THEN 'gone' ELSE 'stays' END || md5($1::text || n) || '@Example.com',
           CASE WHEN n % 3 > 0 THEN substr(md5(n || $1::text), 1, 9) END, 'x',
           '2020-01-01Z'::timestamptz + n / 7 * interval '1 microsecond',
           CASE WHEN n % 4 > 0
           THEN '2021-01-01Z'::timestamptz + n % 6 * interval '1 microsecond' END
      FROM generate_series(1, $2::integer) AS n};

my %order = (
    created_at    => 'created_at',
    email         => 'lower(email COLLATE "C")',
    username      => q{coalesce(lower(username COLLATE "C"), '')},
    last_login_at => q{coalesce(last_login_at, '-infinity')},
);

is_deeply [sort map { ($_, "-$_") } keys %order], [sort map { @{$_->{schema}{enum}} }
    grep { $_->{name} eq 'sort' } @{$t->routes->document->{paths}{'/auth/users'}{get}{parameters}}],
    'all orders of accounts';

# as many as make some tens of pages
my %number = (1 => 60, 7 => 250, 100 => 250);

for my $sort (map { ($_, "-$_") } sort keys %order) {
    for my $size (1, 7, 100) {
        subtest "accounts by $sort, $size at a time" => sub {
            $db->do(q{DELETE FROM autoflow.users WHERE email LIKE '%@Example.com'});
            $db->do($insert, {}, "$sort $size", $number{$size});
            my ($field, $direction) = ($sort =~ s/^-//r, $sort =~ /^-/ ? 'DESC' : '');
            my $expected = $db->selectcol_arrayref(qq{SELECT id FROM autoflow.users
                WHERE email NOT LIKE 'gone%'
                ORDER BY $order{$field} $direction, id $direction});

            my ($gone, $turn) = (0, 0);
            my ($all, $sizes) = walk("/auth/users?sort=$sort", $size, sub ($id) {
                $gone += $db->do(q{DELETE FROM autoflow.users WHERE id = ?
                    AND email LIKE 'gone%'}, {}, $id);
                $db->do($insert, {}, "$sort $size " . ++$turn, 5)
                    if $turn < $number{$size} / 6;
            });
            my %there = map { $_ => 1 } @$expected;
            is_deeply [grep { $there{$_} } map { $_->{id} } @$all], $expected,
                'each one that was there all the time, once, in order';
            is scalar(keys %{{map { $_->{id} => 1 } @$all}}), scalar @$all, 'no other one twice';
            is_deeply [grep { $_ != $size } @$sizes[0 .. $#$sizes - 1]], [], 'full pages'
                if $size == 100;
            ok $gone, "$gone vanished just when they were to come" if $size < 100;
        };
    }
}

subtest 'filters' => sub {
    $db->do(q{DELETE FROM autoflow.users WHERE email LIKE '%@Example.com'});
    $db->do($insert, {}, 'filters', 250);
    $db->do(q{INSERT INTO autoflow.roles (name) VALUES ('many')});
    $db->do(q{INSERT INTO autoflow.user_roles SELECT u.id, r.id FROM autoflow.users u,
        autoflow.roles r WHERE email LIKE '%a@Example.com' OR email LIKE '%b@Example.com'});
    $db->do(q{UPDATE autoflow.users SET is_active = false WHERE email LIKE 'stays3%'
        OR email LIKE 'stays5%'});
    $db->do(q{UPDATE autoflow.users SET deleted_at = now() WHERE email LIKE 'stays4%'});
    for (['role=many', q{id IN (SELECT user_id FROM autoflow.user_roles) AND deleted_at IS NULL}],
        ['q=gone', q{email LIKE 'gone%'}],
        ['is_active=false', 'NOT is_active AND deleted_at IS NULL'],
        ['include_inactive=true', 'true'],
        ['role=many&q=stays&is_active=true&include_inactive=true', q{id IN (SELECT user_id
        FROM autoflow.user_roles) AND email LIKE 'stays%' AND is_active}])
    {
        my ($query, $where) = @$_;
        my $expected = $db->selectcol_arrayref("SELECT id FROM autoflow.users WHERE $where
            ORDER BY $order{username} DESC, id DESC");
        cmp_ok scalar @$expected, '>', 10, "?$query finds some";
        my ($all) = walk("/auth/users?sort=-username&$query", 7);
        is_deeply [map { $_->{id} } @$all], $expected, 'all of them';
    }
};

subtest 'events' => sub {
    my $event = q{INSERT INTO autoflow.audit_events (at, action, target_id)
        SELECT now() - n / 5 * interval '1 microsecond' - n / 100 * interval '40 days', 'walked', ?
        FROM generate_series(?::int, ?) AS n};
    my ($target) = $db->selectrow_array('SELECT id FROM autoflow.users LIMIT 1');
    $db->do($event, {}, $target, 0, 249);
    $db->do('SELECT autoflow.audit_maintain(NULL)');
    my @queries = ('action=walked', "target_id=$target&action=walked", "target_id=$target");
    for my $size (1, 7, 100) {
        for my $query ($size > 1 ? @queries : $queries[1]) {
            my $expected = $db->selectcol_arrayref(q{SELECT id FROM autoflow.audit_events
                WHERE action = 'walked' ORDER BY at DESC, id DESC});
            my ($all) = walk("/auth/audit?$query", $size, sub ($id) {
                $db->do(q{INSERT INTO autoflow.audit_events (action, target_id)
                    VALUES ('walked', ?)}, {}, $target);
            });
            is_deeply [map { $_->{id} } grep { $_->{action} eq 'walked' } @$all], $expected,
                "?$query, $size at a time: without those that are new";
        }
    }
    $db->do('DELETE FROM autoflow.audit_events');
    $db->do(q{INSERT INTO autoflow.audit_events (action) SELECT 'x'
        FROM generate_series(1, 10000)});
    my $page = page('/auth/audit?size=100');
    is_deeply [@$page{qw(total pages total_capped)}], [10_000, 100, undef], 'counted';
    $db->do(q{INSERT INTO autoflow.audit_events (action) VALUES ('x')});
    $page = page('/auth/audit?size=100&page=100');
    is_deeply [@$page{qw(total pages)}], [10_000, 100], 'counted so far';
    ok $page->{total_capped} && ref $page->{total_capped}, 'and not further';
    my $last = page("/auth/audit?cursor=$page->{next}");
    is_deeply [scalar @{$last->{data}}, @$last{qw(total next total_capped)}],
        [1, undef, undef, undef], 'behind what has pages';
};

subtest 'roles' => sub {
    $db->do(q{INSERT INTO autoflow.roles (name) SELECT translate(md5(n::text), '012', '_:-')
        FROM generate_series(1, 60) AS n});
    my $expected = $db->selectcol_arrayref('SELECT name FROM autoflow.roles
        ORDER BY name COLLATE "C"');
    is_deeply [map { $_->{name} } @{(walk('/auth/roles', $_))[0]}], $expected, "$_ at a time"
        for 1, 7, 100;
};

subtest 'sessions' => sub {
    my $ada = $t->register;
    $db->do(q{INSERT INTO autoflow.sessions (user_id, expires_at, access_expires_at, token_hash,
        last_used_at)
        SELECT ?, now() + interval '1 day', now(), sha256(n::text::bytea),
        now() - n / 4 * interval '1 microsecond' FROM generate_series(1, 60) AS n}, {},
        $ada->{user}{id});
    my $expected = $db->selectcol_arrayref('SELECT id FROM autoflow.sessions WHERE user_id = ?
        ORDER BY last_used_at DESC, id DESC', {}, $ada->{user}{id});
    is_deeply [map { $_->{id} } @{(walk('/auth/sessions', $_, sub { }, $t->bearer($ada)))[0]}],
        $expected, "$_ at a time" for 1, 7, 100;
    my $next = page('/auth/sessions?size=1', $t->bearer($ada))->{next};
    $t->get_ok("/auth/sessions?cursor=$next" => $t->bearer($t->register))
        ->errors_are({cursor => 'format'}, 'to nobody else');
};

$t->finish;
done_testing;
