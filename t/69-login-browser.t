# A protected site in a browser: signing in leads back to it, and an access token
# that has expired is renewed without anybody noticing.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Browser;
use Test::More;

my $good = 'correct horse battery staple';
my $wiki = Test::Autoflow::free_port();
my $images = join '', map { qq{<img src="/wiki/image/$_" alt="$_">} } 1 .. 20;
my $form = '<form method="post" action="/wiki/save"><input name="text"><button>Save</button>'
    . '</form>';

my $t = Test::Autoflow->new(
    workers => 2,
    settings => {autoflow_pages_dir => "$Test::Autoflow::root/pages"},
    http => qq{
        log_format statuses '\$status \$request_uri';
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
        }
    },
)->start;
$t->register(email => 'ada@example.com');

my $home    = 'http://localhost:' . $t->port;
my $browser = Test::Autoflow::Browser->new->start;
my $log     = path($t->dir, 'statuses.log');

# waits until a page is complete: its URL
sub shows ($title) {
    $t->wait_for(sub { $browser->script('return document.title + " " + document.readyState')
        =~ /^\Q$title\E.* complete$/ });
    return $browser->url;
}

sub forget ($cookie) { $browser->call(DELETE => $browser->session . "/cookie/$cookie") }

# what was requested since the last time: status => number
sub statuses ($number) {
    my @lines;
    $t->wait_for(sub { @lines = split /\n/, $log->slurp; @lines >= $number });
    $log->spurt('');
    my %statuses;
    $statuses{s/ .*//r}++ for @lines;
    return \%statuses;
}

sub used { $t->db->selectrow_array('SELECT max(last_used_at) FROM autoflow.sessions') }

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

    $browser->type('input' => 'hello');
    forget('af_access');
    $browser->click('button');
    shows('saved');
    is $browser->text('p'), 'text=hello by ada@example.com';
    is_deeply statuses(1), {200 => 1}, 'nor does a form';
};

subtest 'the session ends elsewhere' => sub {
    $t->db->do('UPDATE autoflow.sessions SET ended_at = now()');
    $t->wait_for(sub { $browser->go("$home/wiki/next"); $browser->url =~ m{/account/} });
    like $browser->url, qr{return=%2Fwiki%2Fnext$}, 'it asks to sign in';
};

$t->finish;
done_testing;
