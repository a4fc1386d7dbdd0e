# Messages: who may send what to whom, who sees it, and what is kept of it.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(false true);
use Test::Autoflow;
use Test::Autoflow::Mailboxes qw(faults);
use Test::More;

my $t = Test::Autoflow->new(workers => 2)->start;
my $db = $t->db;
my $nobody = '00000000-0000-7000-8000-000000000000';

sub account (%fields) {
    my $pair = $t->register(%fields);
    return {%$pair, id => $pair->{user}{id}};
}

my ($ada, $bob, $eve) = map { account(email => "$_\@example.com", username => $_,
    full_name => ucfirst) } qw(ada bob eve);
my $root = account(email => 'root@example.com');
$db->do('UPDATE autoflow.users SET is_superuser = true WHERE id = ?', {}, $root->{id});
$root = {%$root,
    %{$t->ua->post($t->url('/auth/login') => json => {email => 'root@example.com',
    password => $root->{password}})->res->json}};

sub value ($sql, @values) { scalar $db->selectrow_array("SELECT $sql", {}, @values) }

# a request as someone, and one with an expected status
sub ask ($who, $method, $path, @body) {
    return $t->tx(
        $t->ua->start($t->ua->build_tx($method => "/api/v1$path" => $t->bearer($who), @body
            ? (json => $body[0]) : ())));
}
sub done ($status, @request) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ask(@request)->status_is($status, "$request[1] $request[2]");
    return $t->tx->res->json;
}

sub attempt ($from, $to, %fields) {
    return ask($from, POST => '/messages',
        {recipient_id => ref $to ? $to->{id} : $to, content => 'Hello', %fields});
}
sub sent ($from, $to, %fields) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    attempt($from, $to, %fields)->status_is(201);
    return $t->tx->res->json;
}
sub seen ($who, $message) { done(200, $who, GET => "/messages/$message->{id}") }
sub deleted ($who, $message) { done(204, $who, DELETE => "/messages/$message->{id}") }
sub read_by ($who, $message) { done(200, $who, PUT => "/messages/$message->{id}/read") }

# a list's elements, in order
sub contents ($who, $query = '') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return join ' ',
        map { $_->{content} } @{done(200, $who, GET => "/messages?size=100&$query")->{data}};
}
sub conversations ($who, $query = '') {
    done(200, $who, GET => "/conversations?size=100&$query")->{data} }

# that of one list
sub conversation ($who, $message) {
    my ($found) = grep { $_->{conversation_id} eq $message->{conversation_id} } @{
        conversations($who)};
    return $found;
}

sub counted_right ($name = 'mailboxes are as they must be') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [faults($db)], [], $name;
}


subtest 'a message' => sub {
    my $message = sent($ada, $bob, content => "Hello,\n\tBob \x{1F600}");
    my $id = qr/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    like $message->{$_}, $id, $_ for qw(id conversation_id);
    like $message->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'created_at';
    is_deeply {%$message, map { $_ => 'x' } qw(id conversation_id created_at)},
        {sender_id => $ada->{id}, recipient_id => $bob->{id},
        content => "Hello,\n\tBob \x{1F600}", is_read => false, parent_id => undef,
        read_at => undef,
        map { $_ => 'x' } qw(id conversation_id created_at)}, 'as it was sent';
    is_deeply seen($_, $message), $message, 'both see it' for $ada, $bob;
    is_deeply done(200, $bob, GET => '/messages/' . uc $message->{id}), $message,
        'by its id in any case';
    is_deeply done(200, $bob, GET => '/messages/')->{data}, [$message], 'in the list';
    my $other = sent($bob, $ada);
    isnt $other->{conversation_id}, $message->{conversation_id},
        'another one begins another conversation';
    cmp_ok $other->{created_at}, 'gt', $message->{created_at}, 'later';
    counted_right();
};

subtest 'access' => sub {
    my $message = sent($ada, $bob);
    my @requests = ([GET => '/messages'],
        [POST => '/messages', {recipient_id => $bob->{id}, content => 'x'}],
        [GET => '/conversations'],
        [GET => "/messages/$message->{id}"], [PUT => "/messages/$message->{id}/read"],
        [DELETE => "/messages/$message->{id}"]);
    for my $request (@requests) {
        my ($method, $path, @body) = @$request;
        $t->tx($t->ua->start($t->ua->build_tx($method => "/api/v1$path", @body ? (json => $body[0])
            : ())))->problem_is(401, 'token_required', "$method $path");
    }
    for my $who ($eve, $root) {
        ask($who, @$_)->problem_is(404, 'not_found', "$_->[0]: nobody else, superusers included")
            for @requests[3 .. 5];
        is contents($who), '', 'nor in a list';
        is_deeply conversations($who), [];
    }
    ask($ada, PUT => "/messages/$message->{id}/read")
        ->problem_is(404, 'not_found', 'only the recipient reads it');
    for my $id ($nobody, 'x', "$message->{id}x") {
        ask($ada, @$_)->problem_is(404, 'not_found', "@$_") for [GET => "/messages/$id"],
            [PUT => "/messages/$id/read"], [DELETE => "/messages/$id"];
    }
    is_deeply seen($bob, $message), $message, 'nothing has happened to it';
    ask($ada, PUT => "/messages/$message->{id}")->problem_is(405, 'method_not_allowed')
        ->header_is(Allow => 'GET, HEAD, DELETE, OPTIONS');
};

subtest 'valid contents' => sub {
    my $wrong = sub ($fields, $errors) { attempt($ada, $bob, %$fields)
        ->problem_is(422, 'validation_failed')->errors_are($errors) };
    for my $good ('x', ' ', "\n", 'x' x 10_000, "\x{1F600}" x 10_000, "\t\n\x{a0}", "a\x{300}",
        'null', "'; --", '%s\\') {
        is sent($ada, $bob, content => $good)->{content}, $good, length($good)
            . ' characters as they are';
    }
    $wrong->({content => $_}, {content => 'length'}) for '', 'x' x 10_001, "\x{1F600}" x 10_001;
    $wrong->({content => "a${_}b"}, {content => 'format'}) for map { chr } 1 .. 8, 0x0b .. 0x1f,
        0x7f .. 0x9f;
    $wrong->({content => $_}, {content => 'type'}) for 1, true, ['x'], {};
    $wrong->({content => undef}, {content => 'required'});
    ask($ada, POST => '/messages', {})
        ->errors_are({content => 'required', recipient_id => 'required'});
    $wrong->({$_ => 'x'}, {$_ => 'format'}) for qw(recipient_id parent_id conversation_id);
    $wrong->({$_ => 7}, {$_ => 'type'}) for qw(recipient_id parent_id conversation_id);
    ask($ada, POST => '/messages')->problem_is(415, 'unsupported_media_type');
    $t->post_ok('/api/messages' => {%{$t->bearer($ada)}, 'Content-Type' => 'application/json'} =>
        qq({"recipient_id":"$bob->{id}","content":"a\\u0000b"}))->problem_is(400, 'invalid_json');
    my $message = sent($ada, $bob, parent_id => undef, conversation_id => undef,
        sender_id => $eve->{id}, read_at => '2026-01-01T00:00:00Z',
        id => $nobody, is_read => true);
    is_deeply [@$message{qw(sender_id read_at is_read)}], [$ada->{id}, undef, false],
        'what is not its sender\'s to say is ignored';
    isnt $message->{id}, $nobody;
};

subtest 'recipients' => sub {
    my $refused = sub ($to, $name) {
        my $before = value('count(*) FROM autoflow.messages');
        attempt($ada, $to)->problem_is(422, 'validation_failed', $name)
            ->errors_are({recipient_id => 'reference'});
        my $said = $t->tx->res->json('/errors');
        is value('count(*) FROM autoflow.messages'), $before, 'nothing was sent';
        return $said;
    };
    my $unknown = $refused->($nobody, 'nobody');
    $refused->($ada, 'oneself');
    my ($disabled, $deleted) = (account(), account());
    my $known = sent($ada, $disabled);
    done(200, $root, PUT => "/users/$disabled->{id}/disable");
    done(204, $deleted, DELETE => '/auth/me');
    is_deeply $refused->($_, 'who is there no longer'), $unknown, 'is no other than nobody'
        for $disabled, $deleted;
    is_deeply seen($ada, $known), $known, 'what was sent before is there';
    attempt($ada, $disabled, parent_id => $known->{id})
        ->errors_are({recipient_id => 'reference'}, 'nor an answer');
    done(200, $root, PUT => "/users/$disabled->{id}/enable");
    sent($ada, $disabled);
    counted_right();
};

subtest 'replies and conversations' => sub {
    my $first = sent($ada, $bob);
    my $reply = sent($bob, $ada, parent_id => $first->{id});
    is_deeply [@$reply{qw(parent_id conversation_id)}], [$first->{id}, $first->{conversation_id}],
        'a reply is in its conversation';
    is sent($ada, $bob, parent_id => $first->{id}, content => 'p.s.')->{conversation_id},
        $first->{conversation_id}, 'to oneself, too';
    is sent($bob, $ada, parent_id => uc $first->{id},
        conversation_id => uc $first->{conversation_id})->{conversation_id},
        $first->{conversation_id}, 'both, if they agree';
    my $on = sent($ada, $bob, conversation_id => $first->{conversation_id});
    is_deeply [@$on{qw(parent_id conversation_id)}], [undef, $first->{conversation_id}],
        'a conversation goes on without a parent';

    my ($other, $eves) = (sent($ada, $bob), sent($eve, $bob));
    my $mine = sent($ada, $eve);
    my $refused = sub ($from, $to, $fields, $errors, $name) {
        attempt($from, $to, %$fields)->problem_is(422, 'validation_failed', $name)
            ->errors_are($errors);
        return $t->tx->res->json('/errors');
    };
    $refused->($bob, $ada,
        {parent_id => $first->{id}, conversation_id => $other->{conversation_id}},
        {conversation_id => 'reference'}, 'they disagree');
    for my $field (qw(parent_id conversation_id)) {
        my $key = $field eq 'parent_id' ? 'id' : $field;
        my $unknown = $refused->($ada, $bob, {$field => $nobody}, {$field => 'reference'},
            "$field: unknown");
        is_deeply $refused->(@$_), $unknown, 'which is not told apart' for
            [$ada, $bob, {$field => $eves->{$key}}, {$field => 'reference'}, "$field: others'"],
            [$eve, $bob, {$field => $first->{$key}}, {$field => 'reference'},
            "$field: of the recipient with another one"],
            [$ada, $bob, {$field => $mine->{$key}}, {$field => 'reference'},
            "$field: of the sender with another one"],
            [$ada, $eve, {$field => $first->{$key}}, {$field => 'reference'},
            "$field: a third party"],
            [$root, $bob, {$field => $first->{$key}}, {$field => 'reference'},
            "$field: a superuser"];
    }
    $refused->($ada, $bob, {parent_id => $nobody, conversation_id => $nobody},
        {map { $_ => 'reference' } qw(parent_id conversation_id)}, 'each is reported');
    $refused->($ada, $nobody, {parent_id => $nobody},
        {map { $_ => 'reference' } qw(recipient_id parent_id)}, 'each is reported');
    $refused->($ada, $ada, {parent_id => $first->{id}},
        {map { $_ => 'reference' } qw(recipient_id parent_id)}, 'oneself');

    deleted($ada, $first);
    $refused->($ada, $bob, {parent_id => $first->{id}}, {parent_id => 'reference'},
        'one that the sender has deleted');
    is sent($bob, $ada, parent_id => $first->{id})->{conversation_id}, $first->{conversation_id},
        'but not the recipient';
    my $version = sub { value('xmin FROM autoflow.messages WHERE id = ?', $reply->{id}) };
    my $before  = $version->();
    deleted($bob, $first);
    is $version->(), $before, 'nothing is done to the replies when their parent goes';
    is seen($_, $reply)->{parent_id}, undef, 'a reply stays when the parent is gone' for $ada, $bob;
    my $own = sent($eve, $ada, content => 'all of it');
    deleted($eve, $own);
    $refused->($eve, $ada, {conversation_id => $own->{conversation_id}},
        {conversation_id => 'reference'}, 'a conversation that one has deleted');
    is sent($ada, $eve, conversation_id => $own->{conversation_id})->{conversation_id},
        $own->{conversation_id}, 'goes on by the other one';
    is conversation($eve, $own)->{unread}, 1, 'and is there again';
    counted_right();
};

subtest 'read' => sub {
    my $message = sent($ada, $bob);
    my $unread = conversation($bob, $message)->{unread};
    my $read = read_by($bob, $message);
    is_deeply {%$read, read_at => undef}, {%$message, is_read => true}, 'by its recipient';
    like $read->{read_at}, qr/^\d{4}-.*Z$/;
    is_deeply read_by($bob, $message), $read, 'once';
    is_deeply seen($_, $message), $read, 'both see when' for $ada, $bob;
    is conversation($bob, $message)->{unread}, $unread - 1, 'one less is unread';
    is conversation($ada, $message)->{unread}, 0, 'what one has sent never is';
    deleted($bob, $message);
    ask($bob, PUT => "/messages/$message->{id}/read")
        ->problem_is(404, 'not_found', 'not once it is deleted');
    is seen($ada, $message)->{read_at}, $read->{read_at}, 'the sender sees it still';
    counted_right();
};

subtest 'deleted' => sub {
    my @messages = sent($ada, $bob, content => '1');
    push @messages, map { sent($ada, $bob, content => "$_", parent_id => $messages[0]{id}) } 2 .. 4;
    my $left = sub ($who) { my $c = conversation($who, $messages[0]); $c
        ? [$c->{last_message}{content}, $c->{unread}] : undef };
    is_deeply $left->($bob), [4, 4];
    deleted($bob, $messages[1]);
    is_deeply $left->($bob), [4, 3], 'an unread one in the middle';
    read_by($bob, $messages[3]);
    deleted($bob, $messages[3]);
    is_deeply $left->($bob), [3, 2], 'the last one, which was read';
    is_deeply $left->($ada), [4, 0], 'the other one has all of them';
    ask($bob, @$_)->problem_is(404, 'not_found', 'hidden')
        for map { [GET => "/messages/$_"], [PUT => "/messages/$_/read"],
        [DELETE => "/messages/$_"] }
        $messages[3]{id};
    is contents($bob, "conversation_id=$messages[0]{conversation_id}"), '3 1';
    is contents($ada, "conversation_id=$messages[0]{conversation_id}"), '4 3 2 1';
    deleted($bob, $_) for @messages[0, 2];
    is $left->($bob), undef, 'nothing is left of it';
    is contents($ada, "conversation_id=$messages[0]{conversation_id}"), '4 3 2 1', 'for one';
    deleted($ada, $_) for @messages[3, 0, 1, 2];
    is $left->($ada), undef, 'nor for the other';
    is value('count(*) FROM autoflow.messages WHERE conversation_id = ?',
        $messages[0]{conversation_id}), 0, 'and the text is gone';
    counted_right();
};

subtest 'lists' => sub {
    my ($me, $other, $third) = (account(), account(), account());
    is_deeply done(200, $me, GET => "/$_"),
        {data => [], total => 0, page => 1, size => 10, pages => 0, next => undef}, "no $_"
        for qw(messages conversations);
    my $first = sent($me, $other, content => 'a');
    my $c = "conversation_id=$first->{conversation_id}";
    my %messages = (a => $first,
        map { ($_->[2] => sent($_->[0], $_->[1], content => $_->[2], $_->[3]
        ? (parent_id => $first->{id}) : ())) }
        [$other, $me, 'b', 1], [$other, $me, 'c'], [$me, $third, 'd'], [$third, $me, 'e'],
        [$me, $other, 'f', 1], [$other, $me, 'g', 1]);
    read_by($me, $messages{$_}) for qw(b e);
    is contents($me, $_->[0]), $_->[1], "?$_->[0]" for ['', 'g f e d c b a'],
        ['box=all', 'g f e d c b a'], ['box=inbox', 'g e c b'], ['box=sent', 'f d a'],
        ['unread=true', 'g c'], ['unread=false', 'f e d b a'], [$c, 'g f b a'],
        ["$c&box=sent", 'f a'], ["$c&box=inbox&unread=true", 'g'],
        ['box=sent&unread=true', ''], ["conversation_id=$nobody", ''],
        [uc($c) =~ s/.*=/conversation_id=/r, 'g f b a'],
        map({ my ($after, $and, $found) = @$_; ["after=$messages{$after}{id}$and", $found] }
            ['a', '', 'b c d e f g'], ['g', '', ''], ['c', '', 'd e f g'],
            ['c', '&box=inbox', 'e g'], ['d', "&$c", 'f g'], ['b', '&unread=true', 'c g']);
    is contents($other), 'g f c b a', 'the other one\'s';
    is contents($other, $c), 'g f b a';
    is contents($third, $c), '', 'a conversation of others is empty';

    my $page = done(200, $me, GET => '/messages?size=3');
    is_deeply [@$page{qw(total page size pages)}], [7, 1, 3, 3];
    $page = done(200, $me, GET => "/messages?size=3&cursor=$page->{next}");
    is_deeply [join(' ', map { $_->{content} } @{$page->{data}}), @$page{qw(total page pages)}],
        ['d c b', undef, undef, undef], 'by a cursor';
    is done(200, $me, GET => '/messages?size=3&page=3')->{data}[0]{content}, 'a';
    $page = done(200, $me, GET => "/messages?size=2&after=$messages{b}{id}");
    is_deeply [join(' ', map { $_->{content} } @{$page->{data}}), @$page{qw(total pages)}],
        ['c d', 5, 3], 'after one: the first two of five';
    is contents($me, "after=$messages{b}{id}&cursor=$page->{next}"), 'e f g', 'the rest';
    deleted($me, $messages{b});
    is contents($me, "after=$messages{b}{id}&cursor=$page->{next}"), 'e f g',
        'a cursor needs no other message';
    for my $cursor ($page->{next}) {
        ask($me, GET => "/messages?cursor=$cursor$_")
            ->errors_are({cursor => 'format'}, "another list: $_") for '',
            "&after=$messages{a}{id}", "&after=$messages{b}{id}&box=sent";
        ask($other, GET => "/messages?after=$messages{b}{id}&cursor=$cursor")
            ->errors_are({cursor => 'format'}, 'another account');
    }

    ask($me, GET => "/messages?after=$_")->problem_is(422, 'validation_failed')
        ->errors_are({after => 'reference'})
        for $nobody, $messages{b}{id}, sent($other, $third)->{id};
    ask($me, GET => "/messages?$_->[0]")->problem_is(422, 'validation_failed', $_->[0])
        ->errors_are($_->[1]) for ['box=drafts', {box => 'format'}],
        ['unread=1&conversation_id=x', {unread => 'type', conversation_id => 'format'}],
        ['after=x', {after => 'format'}], ['size=101', {size => 'range'}];
    ask($me, GET => "/$_?page=1001")->problem_is(422, 'too_deep') for qw(messages conversations);
    counted_right();
};

# whatever is added and deleted meanwhile
subtest 'walks' => sub {
    my ($me, $other) = (account(), account());
    for my $size (1, 7, 100) {
        for my $path ('/messages', '/messages?box=inbox', '/messages?unread=true',
            '/conversations') {
            my @own = map {
                sent($_ % 2 ? ($other, $me) : ($me, $other), content => "$path $_") } 1 .. 23;
            my %keys = map { $_ => 1 } map { $path eq '/conversations' ? $_->{conversation_id}
                : $_->{id} } @own;
            my $next = '';
            my (@walked, $gone);
            while (defined $next) {
                my $page = done(200, $me, GET => "$path" . ($path =~ /\?/ ? '&' : '?')
                    . "size=$size" . ($next ? "&cursor=$next" : ''));
                push @walked, map { $path eq '/conversations' ? $_->{last_message} : $_ } @{
                    $page->{data}};
                $next = $page->{next};
                sent($other, $me, content => 'of late') if @walked < 10;
                my ($behind) = grep { my $id = $_->{id};
                    !grep { $_->{id} eq $id } @walked } reverse @own;
                deleted($me, $behind), $gone = delete $keys{$path eq '/conversations'
                    ? $behind->{conversation_id} : $behind->{id}}
                    if $behind && !$gone && @walked > 3;
            }
            my @expected = grep { $path !~ /\?/ || $_->{recipient_id} eq $me->{id} } reverse @own;
            my $key = $path eq '/conversations' ? 'conversation_id' : 'id';
            is_deeply [map { $_->{id} } grep { $keys{$_->{$key}} } @walked],
                [map { $_->{id} } grep { $keys{$_->{$key}} } @expected],
                "$path, $size at a time: each that was there all the time, once, in order";
            is scalar(keys %{{map { $_->{id} => 1 } @walked}}), scalar @walked,
                'no other one twice';
        }
    }
};

subtest 'conversations' => sub {
    my ($me, $other, $shy) = (account(), account(), account());
    $db->do('UPDATE autoflow.profiles SET first_name = ?, last_name = ?, is_public = ?
        WHERE user_id = ?', {}, @$_)
        for ['My', 'Self', 0, $me->{id}], ['Pub', 'Lic', 1, $other->{id}],
        ['Shy', 'One', 0, $shy->{id}];
    my @messages = (sent($me, $other), sent($shy, $me), sent($shy, $me));
    push @messages, sent($shy, $me, parent_id => $messages[1]{id}, content => 'the last one');
    my $party = sub ($who, $first, $last, $deleted = false) {
        {id => $who->{id}, first_name => $first, last_name => $last, is_deleted => $deleted} };
    is_deeply conversations($me), [
        {conversation_id => $messages[1]{conversation_id}, last_message => $messages[3],
        unread => 2,
            participants => [$party->($me, 'My', 'Self'), $party->($shy, undef, undef)]},
        {conversation_id => $messages[2]{conversation_id}, last_message => $messages[2],
        unread => 1,
            participants => [$party->($me, 'My', 'Self'), $party->($shy, undef, undef)]},
        {conversation_id => $messages[0]{conversation_id}, last_message => $messages[0],
        unread => 0,
            participants => [$party->($me, 'My', 'Self'), $party->($other, 'Pub', 'Lic')]},
    ], 'the one with the latest message first; names where the profile is public';
    is_deeply conversations($shy)->[0]{participants},
        [$party->($shy, 'Shy', 'One'), $party->($me, undef, undef)];
    is_deeply [map { $_->{unread} } @{conversations($shy)}], [0, 0];
    my $page = done(200, $me, GET => '/conversations?size=2');
    is_deeply [$page->{total}, scalar @{$page->{data}}], [3, 2];
    is_deeply done(200, $me, GET => "/conversations?size=2&cursor=$page->{next}")->{data},
        [conversations($me)->[2]];
    ask($me, GET => "/messages?cursor=$page->{next}")
        ->errors_are({cursor => 'format'}, 'another list');

    $db->do('UPDATE autoflow.profiles SET is_active = false WHERE user_id = ?', {}, $other->{id});
    is_deeply conversations($me)->[2]{participants}[1], $party->($other, undef, undef),
        'a profile that was deleted';
    $db->do('UPDATE autoflow.profiles SET is_active = true WHERE user_id = ?', {}, $other->{id});
    done(200, $root, PUT => "/users/$other->{id}/disable");
    is_deeply conversations($me)->[2]{participants}[1], $party->($other, 'Pub', 'Lic'),
        'who is disabled is no other than before';
    done(204, $root, DELETE => "/users/$other->{id}");
    is_deeply conversations($me)->[2]{participants}[1], $party->($other, undef, undef, true),
        'who is deleted';
    is_deeply conversations($me)->[2]{last_message}, $messages[0], 'what they wrote is there';
};

subtest 'a deleted account' => sub {
    my ($me, $gone) = (account(), account());
    my @messages = map { sent($_ % 2 ? ($gone, $me) : ($me, $gone)) } 1 .. 6;
    deleted($me, $_) for @messages[0, 1];
    my %of = map { $_ => "count(*) FROM autoflow.$_ WHERE user_id = '$gone->{id}'" } qw(mailboxes
        message_entries conversations);
    done(204, $gone, DELETE => '/auth/me');
    $t->jobs_due('messages');
    $t->wait_for(sub { !value($of{mailboxes}) });
    is value($of{$_}), 0, "none of its $_ is left" for qw(message_entries conversations);
    is_deeply seen($me, $_), $_, 'what the other one has is there' for @messages[2 .. 5];
    is value('count(*) FROM autoflow.messages WHERE id = ?', $_->{id}), 0, 'what nobody has is gone'
        for @messages[0, 1];
    attempt($me, $gone, parent_id => $messages[2]{id})->errors_are({recipient_id => 'reference'});
    is value('last_number FROM autoflow.mailboxes WHERE user_id = ?', $gone->{id}), undef,
        'no other mailbox is made';
    deleted($me, $_) for @messages[2 .. 5];
    is value('count(*) FROM autoflow.messages WHERE ? IN (sender_id, recipient_id)', $gone->{id}),
        0, 'the last one goes with its entry';

    # more than a batch
    my $many = account();
    sent($me, $many);
    $db->do(q{WITH m AS (
            INSERT INTO autoflow.messages (conversation_id, sender_id, recipient_id, content)
            SELECT autoflow.uuid7(), ?, ?, n::text FROM generate_series(1, 2500) AS n RETURNING *
        ), e AS (
            INSERT INTO autoflow.message_entries
            SELECT recipient_id, 10 + row_number() OVER (), id, conversation_id, false, true FROM m
            RETURNING *
        ) INSERT INTO autoflow.conversations SELECT user_id, conversation_id, ?, number, 1 FROM e},
            {}, $me->{id}, $many->{id}, $me->{id});
    done(204, $many, DELETE => '/auth/me');
    $t->jobs_due('messages');
    $t->wait_for(sub { !value('count(*) FROM autoflow.mailboxes WHERE user_id = ?', $many->{id}) });
    is value('count(*) FROM autoflow.messages WHERE recipient_id = ?', $many->{id}), 1,
        'all but what the other one has';
    counted_right();

    # as the owner of the database may remove it
    my ($row, $one) = (account(), account());
    my ($kept, $lost) = map { sent($row, $one) } 1 .. 2;
    deleted($one, $lost);
    $db->do('DELETE FROM autoflow.users WHERE id = ?', {}, $row->{id});
    is_deeply seen($one, $kept), $kept, 'without its row, it is the same';
    is value('count(*) FROM autoflow.messages WHERE sender_id = ?', $row->{id}), 1;
    is conversation($one, $kept)->{participants}[1]{is_deleted}, true;
    counted_right();
};

subtest 'too many' => sub {
    my $strict = Test::Autoflow->new(beside => $t,
        settings => {autoflow_attempts => 'account=off account_total=off address=off changes=3/1m'})
        ->start;
    my $who = account();
    my $post = sub {
        $strict->post_ok('/api/v1/messages' => $strict->bearer($who) => json => {
            recipient_id => $bob->{id}, content => 'x'}) };
    $post->()->status_is(201) for 1 .. 3;
    $post->()->problem_is(429, 'too_many_attempts');
    $strict->get_ok('/api/v1/messages' => $strict->bearer($who))
        ->status_is(200, 'reading is no change')->json_is('/total' => 3);
    $strict->finish;
};

$t->finish;
done_testing;
