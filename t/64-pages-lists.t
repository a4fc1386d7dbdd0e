# The lists of the administration: what is said of a filter that is malformed,
# pages beyond those that are counted, and events in words.

use Mojo::Base -strict, -signatures;
use Mojo::URL;
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::Autoflow::Visitor;
use Test::More;

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(server => 'location /account/ { autoflow_pages brand=Example; }');
my $mails = Test::Autoflow::Maildir->new(t => $t, link_base => $t->url('/account'));
$mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages",
    autoflow_registration => 'open');
$t->start;

my $root = $t->superuser($t->register(email => 'root@example.com', password => $good));
my $ada  = $t->register(email => 'ada@example.com', password => $good);
$t->db->do(q{INSERT INTO autoflow.roles (name) VALUES ('editors'), ('guests')});

sub signed_in ($email) {
    my $v = Test::Autoflow::Visitor->new(t => $t, base => '/account/');
    return $v->get('sign-in')->submit({email => $email, password => $good});
}

my $v = signed_in('root@example.com');

sub options ($id) { $v->dom->find("#$id option")->size }

# what happened, as the list has it: by whom, to whom, and the details
sub event ($action, $row = 0) {
    $v->get("admin/audit?action=$action")->is(200);
    my $tr = $v->dom->find('tbody tr')->[$row] // return [];
    my $account = $tr->find('td')->[1];
    my ($details, $by, $to) = map { $_ ? $_->all_text : '' } $tr->at('th span'),
        $account->at('span span a'), $account->at('span > a, span > code');
    return [$details, $by, $to];
}

subtest 'a filter that is malformed' => sub {
    for my $query (qw(cursor=x page=0 page=x size=1000 sort=nothing cursor=x&page=2)) {
        $v->get("admin/users?q=ada&$query")->is(422)
            ->says('This part of the list can', 'Begin with the first page');
        is options('role'), 3, 'there are still roles to choose from';
        is $v->dom->at('#q')->{value}, 'ada', 'and what was typed';
        unlike $v->dom->at('main')->all_text, qr/No users found/, 'nothing was looked for';
        is $v->dom->at('#problem a'), undef, 'no field is wrong';
    }
    $v->get('admin/users?is_active=maybe&role=editors')->is(422);
    is $v->dom->at('#problem a')->{href}, '#is_active', 'a field that is';
    is $v->dom->at('#role [selected]')->text, 'editors', 'beside one that is not';
    $v->get('admin/users?q=x')->is(422);
    is $v->dom->at('#q-error')->text, 'Enter at least 3 characters.', 'it says why';

    for my $query (qw(actor_id=x target_id=x), "actor_id=$ada->{user}{id}x") {
        $v->get("admin/audit?action=logged_in&$query")->is(422);
        my $field = $query =~ s/=.*//r;
        is $v->dom->at("#$field-error")->text, 'Enter an account’s ID.', $query;
        is $v->dom->at('#action [selected]')->{value}, 'logged_in', 'the event that was chosen';
        cmp_ok options('action'), '>', 30, 'and all others';
        unlike $v->dom->at('main')->all_text, qr/No events found/, 'nothing was looked for';
    }
    $v->get('admin/audit?cursor=x')->is(422)->says('This part of the list can');
    $v->get('invitations?page=0')->is(422);
    is $v->dom->find('[name^=role_]')->size, 2, 'a form beside a list is complete';
    unlike $v->dom->at('main')->all_text, qr/No invitation is open/;
    $v->get('admin/users?q=nobody')->is(200)->says('No users found');
};

subtest 'a filter that is too long to come back to' => sub {
    my $role = 'r' x 2100;
    my $back = sub { Mojo::URL->new($v->res->headers->location)->query->param('return') };
    # a password that was given a while ago, as the token says that is renewed
    $t->db->do(q{UPDATE autoflow.sessions SET authenticated_at = now() - interval '11 minutes'});
    $v->drop('af_access')->get("admin/users?role=$role")->is(303);
    is $back->(), '/account/admin/users', 'the list is';
    $v->get('admin/users?q=ada&role=editors&lang=en&done=saved');
    is $back->(), '/account/admin/users?q=ada&role=editors', 'another one is with its filter';
    $v->cookies({});
    $v->get("admin/users?role=$role")->is(303);
    is $back->(), '/account/admin/users', 'likewise to sign in';
    $v->get('admin/users?cursor=x')->is(303);
    is $back->(), '/account/admin/users?cursor=x', 'which comes before what is malformed';
    $v = signed_in('root@example.com');
};

subtest 'beyond the pages that are counted' => sub {
    $t->db->do(q{INSERT INTO autoflow.audit_events (action, actor_id, at)
        SELECT 'exported', NULL, now() - n * interval '1 second'
          FROM generate_series(1, 10015) n});
    $v->get('admin/audit?page=1000&action=exported')->is(200);
    my $next = $v->dom->at('a[rel=next]')->{href};
    like $next, qr/cursor=/, 'a cursor leads further';
    $v->get("admin/audit$next")->is(200);
    is $v->dom->find('tbody tr')->size, 10, 'to more events';
    $v->get('admin/audit' . $v->dom->at('a[rel=next]')->{href})->is(200);
    is $v->dom->find('tbody tr')->size, 5, 'and the last ones';
    is $v->dom->at('a[rel=next]'), undef, 'after which there are none';
};

subtest 'events in words' => sub {
    my ($who, $whom) = map { $_->{user}{id} } $root, $ada;
    my $page = "admin/users/$whom";
    my $done = sub ($values, $action) {
        $v->get($page)->submit($values, {}, "/$action");
        is $v->res->code, 303, $action;
    };
    $done->({role_editors => 1}, 'roles');
    is_deeply event('roles_changed'), ["none \x{2192} editors",
        qw(root@example.com ada@example.com)], 'by whom, whose, from and to';
    is_deeply [$v->dom->at('tbody tr')->find('td a')->map(attr => 'href')->each],
        [map { "/account/admin/users/$_" } $whom, $who], 'with a link to either';
    $done->({role_editors => undef, role_guests => 1}, 'roles');
    is event('roles_changed')->[0], "editors \x{2192} guests", 'one that was replaced';
    $done->({}, 'end-sessions');
    like event('logged_out')->[0], qr/all sessions ended/, 'a word for a value';

    $t->post_ok('/auth/login', json => {email => 'ada@example.com', password => 'wrong'});
    is_deeply event('login_failed'), ['entered: ada@example.com; wrong password', '',
        'ada@example.com'], 'by a stranger';
    $t->post_ok('/auth/login', json => {email => 'none@example.com', password => 'wrong'});
    is event('login_failed')->[0], 'no such account', 'of nobody';

    my $w = signed_in('ada@example.com');
    $w->get('profile')->submit({full_name => 'Ada', username => 'ada'});
    is_deeply event('updated'), ['changed: Name, Username', '', 'ada@example.com'],
        'fields are called as in their forms, and who did it to themselves is there once';
    $w->get('email')->submit({email => 'ada@new.example', current_password => $good});
    is event('email_change_requested')->[0],
        "ada\@example.com \x{2192} ada\@new.example; mail sent", 'an address';

    $v->get('invitations')->submit({email => 'eve@example.com', role_guests => 1}, {},
        'invitations');
    is event('invited')->[0], 'for: eve@example.com; roles: guests', 'no id of anything else';
    is $v->get('invitations')->dom->at('tbody th span')->text, 'invited by root@example.com',
        'by whom invitations are';
    my $link = $mails->link('eve@example.com', 'accept-invitation') =~ s{.*/account/}{}r;
    Test::Autoflow::Visitor->new(t => $t, base => '/account/')->get($link)
        ->submit({password => $good});
    like event('invitation_accepted')->[0], qr/invited by: root\@example\.com/, 'also in details';

    $t->db->do(q{INSERT INTO autoflow.audit_events (action, target_id, details) VALUES
        ('of_later', gen_random_uuid(), '{"new": "x", "newer": true, "newest": null,
          "many": [], "more": {"a": 1}}')});
    my ($details, $by, $to) = @{event('of_later')};
    is $details, 'new: x; many: none; more: {"a":1}', 'what there are no words for';
    like $to, qr/^[0-9a-f-]{36}$/, 'nor a name';

    is $v->get($page)->dom->find('a[href*="audit?"]')->map(attr => 'href')->join(' '),
        join(' ', map { "/account/admin/audit?$_=$whom" } qw(target_id actor_id)),
        'an account leads to its events';
    $w->get('delete')->submit({current_password => $good});
    is event('deleted')->[2], 'ada@example.com', 'who is gone still has a name';
};

$t->finish;
done_testing;
