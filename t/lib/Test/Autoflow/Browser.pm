package Test::Autoflow::Browser;

# A real browser, headless Chromium, driven by the WebDriver protocol
# (https://www.w3.org/TR/webdriver2/), which is JSON over HTTP.
#
#     my $browser = Test::Autoflow::Browser->new->start;
#     $browser->go('http://localhost:8080/account/sign-in');
#     $browser->type('#email' => 'ada@example.com')->click('button');
#     is $browser->text('h1'), 'Your account';
#     is $browser->script('return fetch(arguments[0]).then(r => r.status)', '/health'), 200;
#
# It waits for the elements that it is told to find.  All names below
# "localhost" are this machine, and any certificate is accepted.

use Mojo::Base -base, -signatures;

use Carp ();
use File::Temp;
use Mojo::File qw(path);
use Mojo::UserAgent;
use Mojo::Util qw(b64_decode);
use Test::Autoflow::Process;
use Test::Autoflow::Wait qw(wait_until);
use Test::More ();

has dir     => sub { File::Temp->newdir };
has port    => sub { Test::Autoflow::free_port() };
has seconds => 60;            # how long it waits for what it is to find
has ua      => sub { Mojo::UserAgent->new(inactivity_timeout => 330) };
has language => 'en-GB';      # what it accepts
has [qw(process session)];

# Its sandbox protects from untrusted pages, and is not available to root.
my @arguments = qw(headless no-sandbox disable-dev-shm-usage disable-gpu
    disable-background-networking disable-component-update disable-sync no-first-run
    no-proxy-server);

sub start ($self) {
    my $dir = $self->dir;
    $self->process(Test::Autoflow::Process->new(
        log     => "$dir/log",
        command => ['setpriv', '--pdeathsig', 'TERM', 'env',
        map({ "$_=$dir" } qw(HOME TMPDIR XDG_CONFIG_HOME)),
            'chromedriver', '--port=' . $self->port],
    )->start->serves(sub { eval { $self->call(GET => '/status')->{ready} } }));

    my $new = $self->call(POST => '/session', {capabilities => {alwaysMatch => {
        browserName           => 'chrome',
        acceptInsecureCerts   => \1,
        # on a busy machine axe-core alone takes a minute for a long page
        timeouts              => {implicit => 1000 * $self->seconds, script => 300_000,
        pageLoad => 300_000},
        'goog:loggingPrefs'   => {browser => 'ALL'},
        'goog:chromeOptions'  => {
            args  => [map { "--$_" } @arguments],
            prefs => {'intl.accept_languages' => $self->language},
        },
    }}});
    return $self->session("/session/$new->{sessionId}");
}

sub quit ($self) {
    $self->call(DELETE => $self->session);
    $self->session(undef)->process->signal('TERM')->ended;
    kill 'KILL', $self->process->processes;      # its last helpers are slow
    return;
}

# runs a command of the protocol: its value
sub call ($self, $method, $path, $json = undef) {
    my $url = 'http://127.0.0.1:' . $self->port . $path;
    my $res = $self->ua->start(
        $self->ua->build_tx($method => $url => $method eq 'POST' ? (json => $json // {}) : ()))
            ->result;
    my $value = ($res->json // {})->{value};
    return $value if $res->is_success;
    Carp::croak("$method $path: " . (ref $value ? "$value->{error}: $value->{message}"
        : $res->body));
}

sub get ($self, $what) { $self->call(GET => $self->session . "/$what") }

sub post ($self, $what, $json = {}) { $self->call(POST => $self->session . "/$what", $json) }


# Pages

sub go ($self, $url) { $self->post(url => {url => $url}); return $self }

sub url ($self) { $self->get('url') }

# the first element for a CSS selector
sub find ($self, $css) {
    return (values %{$self->post(element => {using => 'css selector', value => $css})})[0];
}

# how the driver says that the page went away meanwhile
my $gone = qr/stale element|inspector error|execution context|aborted by navigation/;

# does something with an element; once more, if it was of a page that went away
sub with ($self, $css, $do) {
    wait_until(sub {
        eval { $do->('element/' . $self->find($css)); 1 } || $@ !~ $gone && Carp::croak($@);
    }) or Carp::croak("$css goes away each time");
    return $self;
}

sub click ($self, $css) { $self->with($css, sub ($element) { $self->post("$element/click") }) }

# replaces the text
sub type ($self, $css, $text) {
    return $self->with($css, sub ($element) {
        $self->post("$element/clear");
        $self->post("$element/value", {text => $text});
    });
}

# Keys for the focused element; Tab and Enter are keys(Tab => 'Enter').
my %keys = (Tab => "\x{E004}", Enter => "\x{E007}");
sub keys ($self, @keys) {
    my @strokes = map { $keys{$_} // split //, $_ } @keys;
    $self->post(actions => {actions => [{type => 'key', id => 'keyboard', actions =>
        [map { my $key = $_; map { {type => $_, value => $key} } 'keyDown', 'keyUp' } @strokes]}]});
    return $self;
}

# its visible text
sub text ($self, $css) { $self->get('element/' . $self->find($css) . '/text') }

# waits for an element to have this text, of this page or the next one
sub says ($self, $css, $text, $name = "$css: $text") {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said;
    wait_until(sub {
        $said = eval { $self->text($css) } // ($@ =~ $gone ? '' : Carp::croak($@));
        $said =~ $text;
    });
    Test::More::like($said, $text, $name);
    return $self;
}

# waits for the focus to be on an element, by its id or name: a page's own focus
# comes a moment after its text
sub focuses ($self, $expected, $name = "the focus is on $expected") {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $on = '';
    wait_until(sub {
        $on = eval { $self->script('const e = document.activeElement; return e.id || e.tagName') }
            // ($@ =~ $gone ? '' : Carp::croak($@));
        $on eq $expected;
    });
    Test::More::is($on, $expected, $name);
    return $self;
}


# Inside a page

# the value of a function's body, or of its promise
sub script ($self, $body, @arguments) {
$self->post('execute/sync', {script => $body, args => \@arguments}) }

# by name, those that are sent to the page's URL: value, path, domain, secure,
# httpOnly, sameSite
sub cookies ($self) { return {map { $_->{name} => $_ } @{$self->get('cookie')}} }

sub forget_cookies ($self) { $self->call(DELETE => $self->session . '/cookie'); return $self }

# Looking at it

# a command of the DevTools
sub devtools ($self, $command, %parameters) {
    return $self->post('goog/cdp/execute' => {cmd => $command, params => \%parameters});
}

sub screen ($self, $width, $scheme = 'light') {
    $self->devtools('Emulation.setDeviceMetricsOverride', width => $width, height => 800,
        deviceScaleFactor => 1, mobile => \0);
    $self->devtools('Emulation.setEmulatedMedia',
        features => [{name => 'prefers-color-scheme', value => $scheme}]);
    return $self;
}

# what axe-core, from npm, finds wrong with the page, by these rules or all
sub axe ($self, @rules) {
    state $axe = path(Test::Autoflow::npm(), 'axe-core', 'axe.min.js')->slurp;
    $self->script($axe) if !$self->script('return !!window.axe');
    return map { "$_->{id}: $_->{target}" } @{$self->script(<<~'END', @rules)};
        const rules = Array.from(arguments);
        const only = rules.length ? { type: 'rule', values: rules } : { type: 'tag', values:
          ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
        return axe.run({ runOnly: only, resultTypes: ['violations'] }).then(result =>
          result.violations.flatMap(rule => rule.nodes.map(node =>
            ({ id: rule.id, target: node.target.join(' ') }))));
        END
}

# Nothing is, on a desk and on a phone, in light and dark, and 320 pixels are
# enough.  AUTOFLOW_SHOTS is a folder for pictures of all that was looked at.  Under
# the sanitizers the same pages look the same: there only the console is read.
sub looks_right ($self, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @wrong;
    for my $width ($ENV{AUTOFLOW_ASAN} ? () : (1280, 375)) {
        for my $scheme ('light', 'dark') {
            $self->screen($width, $scheme);
            $self->shot("$name, $width, $scheme") if $ENV{AUTOFLOW_SHOTS};
            push @wrong, map { "$width, $scheme: $_" }
                $self->axe($scheme eq 'dark' ? 'color-contrast' : ());
        }
    }
    $self->screen(320);
    push @wrong, 'is wider than 320' if $self->script(
        'return document.documentElement.scrollWidth > innerWidth');
    $self->screen(1280);
    push @wrong, grep { !/status of [45]\d\d/ } $self->console;
    return Test::More::is_deeply(\@wrong, [], $name);
}

sub shot ($self, $name) {
    my $picture = $self->devtools('Page.captureScreenshot', captureBeyondViewport => \1);
    path($ENV{AUTOFLOW_SHOTS}, $name =~ s/[^\w]+/-/gr . '.png')
        ->spurt(b64_decode($picture->{data}));
    return;
}

# new messages on the console
sub console ($self) { map { $_->{message} } @{$self->post('se/log', {type => 'browser'})} }

1;
