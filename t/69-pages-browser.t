# The pages in a browser, as a person sees them: on a desk and on a phone, in
# light and dark, with the keyboard alone; axe-core judges every one.

use Mojo::Base -strict, -signatures;
use List::Util qw(sum);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::Autoflow::Maildir;
use Test::More;

Test::Autoflow::npm() // plan skip_all => 'npm was not reached';

my $good  = 'correct horse battery staple';
my $fresh = 'a fresh battery for the horse';
my %ada   = (email => 'ada@example.com', password => $good, full_name => 'Ada Lovelace');

my $t = Test::Autoflow->new(
    server => '
        location /account/ { autoflow_pages brand=Example; }
    ',
);
my $home  = 'http://localhost:' . $t->port;
my $mails = Test::Autoflow::Maildir->new(t => $t, link_base => "$home/account");
$mails->configure(autoflow_pages_dir => "$Test::Autoflow::root/pages");
$t->start;
$t->register(%ada);
$t->register(email => 'grace.hopper@navy.example', password => $good);
$t->db->do(q{UPDATE autoflow.users SET is_superuser = true, email_verified = true
    WHERE email = 'ada@example.com'});

my $browser = Test::Autoflow::Browser->new->start;

# what is wrong with the page that the browser shows
sub look ($name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $browser->looks_right($name);
}

sub open_page ($place, $status = 200) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->go("$home/account/$place");
    is $browser->script("return performance.getEntriesByType('navigation')[0].responseStatus"),
        $status, "$place: $status";
    look($place);
}

sub heading ($text, $name = "the heading is $text") {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->says(h1 => $text, $name);
}

sub focus_is (@given) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $browser->focuses(@given);
}

sub sign_in ($email, $password = $good) {
    $browser->go("$home/account/sign-in");
    $browser->type('#email' => $email)->type('#password' => $password)->click('.main');
}


subtest 'signing in with the keyboard' => sub {
    $browser->go("$home/account/");
    heading(qr/^Sign in$/);
    focus_is('email');
    $browser->keys('ada@example.com', 'Tab');
    focus_is('password');
    $browser->keys('wrong', 'Tab');
    is $browser->script('return document.activeElement.textContent'), 'Show', 'a button';
    $browser->keys('Enter');
    is_deeply $browser->script(q{const e = document.activeElement;
        return [e.textContent, e.ariaLabel, document.querySelector('#password').type,
            document.querySelector('[role=status]').textContent]}),
        ['Hide', 'Hide password', 'text', 'Your password is visible.'], 'shows the password';
    $browser->keys('Tab', 'Enter');
    $browser->says('#problem' => qr/^There is a problem\n.*wrong/);
    focus_is('problem');
    is $browser->script('return document.querySelector("#email").value'), 'ada@example.com',
        'the address is still there';
    is $browser->script('return document.title'), "Error: Sign in \x{2013} Example", 'the title';
    look('sign-in, wrong');
    $browser->keys('Tab', 'Tab', $good, 'Enter');
    heading(qr/^Your account$/);
};

subtest 'the account' => sub {
    look('account');
    for my $page (qw(profile email password delete)) {
        open_page($page);
        isnt $browser->script('return document.querySelector("main .stack a[href=\"/account/\"]")'),
            undef, "$page leads back";
    }

    $browser->go("$home/account/profile");
    $browser->type('#username' => 'not allowed')->click('.main');
    $browser->says('#problem' => qr/letters, digits/);
    focus_is('problem');
    look('profile, wrong');
    $browser->click('#problem a');
    focus_is('username', 'an error leads to its field');
    is $browser->script(q{return document.activeElement.getAttribute('aria-describedby').split(' ')
        .map(id => document.getElementById(id).textContent).join(' ')
        .includes('begin with a letter')}), 1, 'which it describes';
    $browser->type('#username' => 'ada')->click('.main');
    $browser->says('#done' => qr/^Your profile has been saved$/);
    focus_is('done');
    look('profile, saved');
    $browser->call(POST => $browser->session . '/refresh', {});
    heading(qr/^Edit your profile$/);
    is $browser->script('return document.querySelector("#done")'), undef,
        'it is not said again after a reload';

    $browser->go("$home/account/password");
    is_deeply $browser->script(q{return [...document.querySelectorAll('main .stack input')]
        .filter(input => input.type !== 'hidden').map(input => input.autocomplete)}),
        [qw(username current-password new-password)], 'what password managers look for';
    $browser->type('#current_password' => 'wrong')->type('#new_password' => $fresh)->click('.main');
    $browser->says('#problem' => qr/current password is wrong/);
    $browser->type('#current_password' => $good)->type('#new_password' => $fresh)->click('.main');
    heading(qr/^Your password has been changed$/);
    focus_is('H1');
    look('password, changed');
};

subtest sessions => sub {
    for my $device ('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15'
        . ' (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1', 'curl/8.11.0') {
        $t->post_ok('/auth/login' => {'User-Agent' => $device} => json =>
            {email => 'ada@example.com', password => $fresh})->status_is(200);
    }
    open_page('sessions');
    $browser->says('.things' => qr/Chrom\S* on Linux.*This device/s);
    my $names = sub { $browser->script(q{return [...document.querySelectorAll('.things button')]
        .map(button => button.ariaLabel).sort()}) };
    my @names = @{$names->()};
    like $names[0], qr/^End session: Safari on iPhone, /, 'buttons have names';
    is @names, 2, 'of their own, one for each other session';
    $browser->click('.things button[aria-label*=iPhone]');
    $browser->says('#done' => qr/^The session has ended$/);
    focus_is('done');
    unlike $browser->text('.things'), qr/iPhone/, 'it is gone';
    look('sessions, one ended');
};

subtest 'the administration' => sub {
    open_page($_) for qw(admin/users invitations admin/roles admin/audit);
    is $browser->script('return document.querySelectorAll("tbody tr").length') > 3, 1, 'events';
    $browser->go("$home/account/admin/roles");
    $browser->type('#name' => 'wiki:write')->type('#description' => 'May write')->click('.main');
    $browser->says('#done' => qr/^The role has been created$/);
    look('roles, one created');
    $browser->go("$home/account/admin/users?q=hopper");
    $browser->click('tbody a');
    heading(qr/^grace\.hopper\@navy\.example$/);
    look('a user');
    $browser->click('[name="role_wiki:write"]')->click('form[action$="/roles"] button');
    $browser->says('#done' => qr/^The roles have been saved$/);
    is $browser->script('return document.querySelector("[type=checkbox]").checked'), 1, 'a role';
    $browser->click('form[action$="/disable"] button');
    $browser->says('#done' => qr/disabled/);
    look('a user, disabled');
    $browser->click('details summary');
    look('a user, about to be a superuser');
    $browser->go("$home/account/invitations");
    $browser->type('#email' => 'invited@example.com')->click('.main');
    $browser->says('#done' => qr/^The invitation is on its way$/);
    $browser->says(tbody => qr/^invited\@example\.com/);
    look('invitations, one sent');
    $browser->go("$home/account/admin/users?q=nobody");
    look('no user');
};

subtest 'confirmation' => sub {
    my $forget = sub {
        $t->db->do(q{UPDATE autoflow.sessions
            SET authenticated_at = now() - interval '11 minutes'});
        $browser->call(DELETE => $browser->session . '/cookie/af_access');
    };
    $forget->();
    $browser->go("$home/account/admin/users?q=hopper");
    heading(qr/^Confirm your password$/);
    look('confirm');
    $browser->type('#current_password' => 'wrong')->click('.main');
    $browser->says('#problem' => qr/current password is wrong/);
    look('confirm, wrong');
    $browser->type('#current_password' => $fresh)->click('.main');
    heading(qr/^Users$/);
    is $browser->script('return document.querySelector("#q").value'), 'hopper', 'as it was';

    $browser->go("$home/account/admin/roles");
    $browser->type('#name' => 'wiki:read')->type('#description' => 'May read');
    $forget->();
    $browser->click('.main');
    heading(qr/^Confirm your password$/);
    $browser->type('#current_password' => $fresh)->click('.main');
    heading(qr/^Roles$/);
    focus_is('kept');
    is_deeply $browser->script('return ["name", "description"].map(id =>
        document.getElementById(id).value)'), ['wiki:read', 'May read'], 'what was filled in';
    look('roles, filled in again');
    $browser->click('.main');
    $browser->says('#done' => qr/^The role has been created$/);
};

subtest 'before one is signed in' => sub {
    $browser->go("$home/account/");
    $browser->click('.who button');
    heading(qr/^You are signed out$/);
    focus_is('H1');
    look('sign-in, signed out');
    open_page($_) for qw(sign-in sign-up forgot-password verify-email/again cookies);
    open_page(nowhere => 404);

    $browser->go("$home/account/sign-up");
    $browser->type('#email' => 'eve@example.com')->type('#password' => 'password')->click('.main');
    $browser->says('#password-error' => qr/\w/);
    look('sign-up, wrong');

    $browser->go("$home/account/forgot-password");
    $browser->type('#email' => 'ada@example.com')->click('.main');
    heading(qr/^Check your mail$/);
    look('forgot-password, sent');
    my $link = $mails->link('ada@example.com', 'reset-password');
    $browser->go($link);
    heading(qr/^Choose a new password$/);
    is $browser->script('return document.querySelector("[autocomplete=username]").value'),
        'ada@example.com', 'whose it is';
    look('reset-password');
    $browser->type('#new_password' => 'short')->click('.main');
    $browser->says('#problem' => qr/8 to 128/);
    look('reset-password, wrong');
    $browser->type('#new_password' => $good)->click('.main');
    heading(qr/^Your password has been changed$/);
    look('sign-in, after a reset');
    $browser->go($link);
    heading(qr/^This link no longer works$/);
    look('a link that was used');

    $browser->go($mails->link('invited@example.com', 'accept-invitation'));
    heading(qr/^Accept your invitation$/);
    is $browser->script('return document.querySelector("[autocomplete=username]").value'),
        'invited@example.com', 'for whom it is';
    look('accept-invitation');
    $browser->type('#password' => $fresh)->click('.main');
    heading(qr/^Your account$/);
    $browser->click('.who button');
    heading(qr/^You are signed out$/);

    $t->register(email => 'late@example.com', password => $good);
    $browser->go($mails->link('late@example.com', 'verify-email'));
    heading(qr/^Confirm your email address$/);
    look('verify-email');
    $browser->click('.main');
    heading(qr/^Your email address is confirmed$/);
};

subtest 'the first load' => sub {
    $browser->devtools('Network.enable');
    $browser->devtools('Network.clearBrowserCache');
    $browser->go("$home/account/sign-in");
    my %size = @{$browser->script(q{return performance.getEntries()
        .filter(entry => 'decodedBodySize' in entry)
        .flatMap(entry => [entry.name, entry.decodedBodySize + 300])})};
    my $sum = sum(values %size);
    cmp_ok $sum, '<', 40 * 1024, "is $sum octets of " . keys(%size) . ' files';
    is_deeply [grep { !m{^\Q$home\E/account/} } keys %size], [], 'all of them from here';

    # a shift that the script makes itself is the last one: those before are the
    # page's, and what is wrong with that shifts it each time
    my $shifts = <<~'END';
        const own = document.createElement('p');
        own.textContent = 'shifts all that follows';
        return new Promise(done => {
          const shifts = [];
          new PerformanceObserver(list => {
            shifts.push(...list.getEntries());
            const last = shifts.findIndex(shift => shift.startTime >= own.at);
            if (last >= 0) {
              done(shifts.slice(0, last).map(shift => shift.value));
            }
          }).observe({ type: 'layout-shift', buffered: true });
          requestAnimationFrame(() => {
            own.at = performance.now();
            document.body.prepend(own);
          });
        });
        END
    for my $width (1280, 375) {
        $browser->screen($width);
        my $seen;
        for (1 .. 3) {
            $seen = $browser->go("$home/account/sign-in")->script($shifts);
            last if !@$seen;
        }
        is_deeply $seen, [], "nothing is shifted at $width";
    }
    $browser->screen(1280);
};

subtest 'without the script' => sub {
    $browser->devtools('Network.enable');
    $browser->devtools('Network.setBlockedURLs', urls => ['*pages.js']);
    $browser->devtools('Network.setCacheDisabled', cacheDisabled => \1);
    sign_in('ada@example.com', 'wrong');
    $browser->says('#problem' => qr/wrong/);
    focus_is('problem');
    is $browser->script('return document.querySelector(".secret button").hidden'), 1,
        'no button that would do nothing';
    sign_in('ada@example.com');
    heading(qr/^Your account$/);
    $browser->devtools('Network.setBlockedURLs', urls => []);
    $browser->console;           # what was blocked
};

subtest 'in German' => sub {
    $browser->devtools('Network.setExtraHTTPHeaders', headers => {'Accept-Language' => 'de'});
    open_page($_) for qw(sessions admin/users sign-out);
    is $browser->script('return document.documentElement.lang'), 'de';
    heading(qr/^Abmelden\?$/);
    $browser->devtools('Network.setExtraHTTPHeaders', headers => {});
};

subtest 'what is away' => sub {
    $browser->go("$home/account/profile");
    my %no = (latency => 0, downloadThroughput => -1, uploadThroughput => -1);
    $browser->devtools('Network.emulateNetworkConditions', offline => \1, %no);
    $browser->click('.stack .main');
    $browser->says('.stack [role=status]' => qr/^You seem to be offline\./);
    $browser->devtools('Network.emulateNetworkConditions', offline => \0, %no);
    $browser->click('.stack .main');
    $browser->says('#done' => qr/^Your profile has been saved$/);

    $t->postgresql->stop;
    open_page(profile => 503);
    heading(qr/^Not available at the moment$/);
    $t->postgresql->start;
    $t->ready;
};

$browser->quit;
$t->finish;
done_testing;
