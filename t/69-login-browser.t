# A protected site in a browser: signing in leads back to it, and an access token
# that has expired is renewed without anybody noticing.

use Mojo::Base -strict, -signatures;
use IO::Select;
use IO::Socket::INET;
use List::Util qw(uniq);
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::More;

my $good = 'correct horse battery staple';
my $wiki = Test::Autoflow::free_port();
my $images = join '', map { qq{<img src="/wiki/image/$_" alt="$_">} } 1 .. 20;
my $form = '<form method="post" action="/wiki/save"><input name="text"><button>Save</button>'
    . '</form>';

# an upstream that answers when it is told to
my $slow = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "listen: $!";

my $t = Test::Autoflow->new(
    workers => 2,
    settings => {autoflow_pages_dir => "$Test::Autoflow::root/pages"},
    http => qq{
        log_format statuses '\$status \$sent_http_set_cookie';
        server {
            listen 127.0.0.1:$wiki;
            default_type text/html;
            location / { return 200 '<!doctype html><title>wiki</title><h1>Wiki</h1>$images$form'; }
            location = /wiki/save {
                return 200 '<!doctype html><title>saved</title>
                    <p>\$http_x_body by \$http_x_who</p>';
            }
            location /wiki/image/ {
                default_type image/svg+xml;
                return 200 '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
            }
        }
    },
    server => qq{
        location /account/ { autoflow_pages; }
        location /wiki/ {
            autoflow_cookies on;
            autoflow_auth on;
            autoflow_login /account/;
            access_log statuses.log statuses;
            proxy_set_header X-Who \$autoflow_email;
            proxy_set_header X-Body \$request_body;
            proxy_pass http://127.0.0.1:$wiki;
            location /wiki/slow/ {
                proxy_read_timeout 1h;
                proxy_pass http://127.0.0.1:@{[$slow->sockport]};
            }
        }
    },
)->start;
$t->register(email => 'ada@example.com');

my $home    = 'http://localhost:' . $t->port;
my $browser = Test::Autoflow::Browser->new->start;
my $log     = path($t->dir, 'statuses.log');

# waits until a page is complete: its URL; the one before may go away meanwhile
sub shows ($title) {
    $t->wait_for(sub {
        my $state = eval { $browser->script('return document.title + " " + document.readyState') };
        ($state // '') =~ /^\Q$title\E.* complete$/;
    });
    return $browser->url;
}

sub forget ($cookie) { $browser->call(DELETE => $browser->session . "/cookie/$cookie") }

# what was requested since the last time: status => number; and the cookies that
# were set
my @set;
sub statuses ($number) {
    my @lines;
    $t->wait_for(sub { @lines = split /\n/, $log->slurp; @lines >= $number });
    $log->spurt('');
    @set = uniq grep { $_ ne '-' } map { s/^\d+ //r } @lines;
    my %statuses;
    $statuses{s/ .*//r}++ for @lines;
    return \%statuses;
}

sub used { $t->db->selectrow_array('SELECT max(last_used_at) FROM autoflow.sessions') }

# the next request that the slow upstream gets
sub held {
    my $held = IO::Select->new($slow)->can_read(60) ? $slow->accept : die 'nothing was requested';
    my $request = '';
    while ($request !~ /\r\n\r\n/) {
        IO::Select->new($held)->can_read(60) && sysread($held, $request, 65536, length $request)
            or die 'no request';
    }
    return $held;
}

sub gone ($held) { IO::Select->new($held)->can_read(60) && !sysread $held, my $more, 1 }

# all, and those that have not ended: the registration's, and the browser's
sub sessions {
    return [$t->db->selectrow_array('SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL)
        FROM autoflow.sessions')];
}

subtest 'signing in leads back' => sub {
    $browser->go("$home/wiki/page?a=1&b=2");
    is shows('Sign in'), "$home/account/sign-in?return=%2Fwiki%2Fpage%3Fa%3D1%26b%3D2";
    $browser->type('#email' => 'ada@example.com')->type('#password' => $good)->click('.main');
    is shows('wiki'), "$home/wiki/page?a=1&b=2";
    is_deeply statuses(22), {302 => 1, 200 => 21}, 'once';
};

subtest 'the access token expires' => sub {
    forget('af_access');
    my $before = used();
    $browser->go("$home/wiki/page");
    shows('wiki');
    is_deeply statuses(21), {200 => 21}, 'a page and its images';
    isnt used(), $before, 'a renewal';
    ok $browser->cookies->{af_access}, 'the browser has a new one';

    forget('af_access');
    is_deeply $browser->script('return Promise.all([...Array(20).keys()].map(i =>
        fetch(`/wiki/image/${i}`, { cache: "no-store" }).then(answer => answer.status)))'),
        [(200) x 20], 'twenty requests at once';
    is_deeply statuses(20), {200 => 20}, 'none of them fails';
    ok @set >= 1 && @set <= 2, 'each worker has renewed once' or diag join "\n", @set;

    $browser->type('input' => 'hello');
    forget('af_access');
    $browser->click('button');
    shows('saved');
    is $browser->text('p'), 'text=hello by ada@example.com';
    is_deeply statuses(1), {200 => 1}, 'nor does a form';
};

subtest 'an upstream that takes its time' => sub {
    $browser->go("$home/wiki/page");
    shows('wiki');
    forget('af_access');
    $browser->script('window.tab = window.open("/wiki/slow/")');
    my $held = held();
    statuses(21);

    # meanwhile the pages have exchanged the refresh token
    my $before = $browser->cookies->{af_refresh}{value};
    forget('af_access');
    is $browser->script('return fetch("/account/").then(answer => answer.status)'), 200, 'a page';
    isnt $browser->cookies->{af_refresh}{value}, $before, 'has another refresh token';

    my $page = '<!doctype html><title>slow</title>';
    print $held "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ", length $page,
        "\r\nConnection: close\r\n\r\n$page";
    close $held;
    $t->wait_for(sub { $browser->script('return tab.document.title') eq 'slow' });
    is_deeply statuses(1), {200 => 1}, 'has answered';
    like "@set", qr/af_access=/, 'with a token of before';
    $browser->script('tab.close()');

    for my $has ('the token of before', 'none') {
        $browser->go("$home/wiki/page");
        is shows('wiki'), "$home/wiki/page", "with $has: still signed in";
        forget('af_access');
    }
    is_deeply sessions(), [2, 2], 'in the same session';
};

subtest 'a tab that is closed before its answer' => sub {
    $browser->go("$home/wiki/page");
    shows('wiki');
    forget('af_access');
    $browser->script('window.tab = window.open("/wiki/slow/")');
    my $held = held();
    $browser->script('tab.close()');
    ok gone($held), 'nobody waits for that';
    $browser->go("$home/wiki/page");
    is shows('wiki'), "$home/wiki/page", 'still signed in';
    is_deeply sessions(), [2, 2], 'in the same session';
};

subtest 'two tabs that ask to sign in' => sub {
    forget($_) for 'af_access', 'af_refresh', 'af_csrf';
    $browser->go("$home/wiki/first");
    shows('Sign in');
    my $before = $browser->cookies->{af_csrf}{value};
    forget('af_csrf');
    is $browser->script('return fetch("/account/sign-in").then(answer => answer.status)'), 200;
    my $after = $browser->cookies->{af_csrf}{value};
    ok $after && $after ne $before, 'the second one has another cookie';
    $browser->type('#email' => 'ada@example.com')->type('#password' => $good)->click('.main');
    is shows('wiki'), "$home/wiki/first", 'the first one signs in nevertheless';
};

subtest 'the session ends elsewhere' => sub {
    $t->db->do('UPDATE autoflow.sessions SET ended_at = now()');
    $t->wait_for(sub { $browser->go("$home/wiki/next"); $browser->url =~ m{/account/} });
    like $browser->url, qr{return=%2Fwiki%2Fnext$}, 'it asks to sign in';

    # as another tab does that has the same form
    is $browser->script(<<~'END', $good), 'opaqueredirect', 'somebody signs in elsewhere';
        const form = document.querySelector('form');
        const body = new URLSearchParams(new FormData(form));
        body.set('email', 'ada@example.com');
        body.set('password', arguments[0]);
        return fetch(form.action, { method: 'POST', body, redirect: 'manual' })
          .then(answer => answer.type);
        END
    like $browser->url, qr{return=%2Fwiki%2Fnext$}, 'still here';
    $browser->script(q{document.dispatchEvent(new Event('visibilitychange'))});
    is shows('wiki'), "$home/wiki/next", 'this one goes on when it is seen';
};

$t->finish;
done_testing;
