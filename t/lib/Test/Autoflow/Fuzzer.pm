package Test::Autoflow::Fuzzer;

# Conversations with the whole server, from requests of a generator that are
# then damaged: in their parts, their octets or frames, and how these are sent.
#
#     my $fuzzer = Test::Autoflow::Fuzzer->new(t => $t, make => $make, pairs => {…},
#         port => …, port_h2 => …);
#     my $conversation = $fuzzer->conversation;
#     my @wrong = $fuzzer->judge($conversation, $fuzzer->hold($conversation));
#
# A conversation is a hash that JSON can have: the port, the octets of each
# write, how it ends, and whether it is intact, so that it must be answered.

use Mojo::Base -base, -signatures;

use List::Util qw(all min shuffle);
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Util qw(url_escape);
use Test::Autoflow::Client;
use Test::Autoflow::Generator qw(any chance);
use Test::Autoflow::HTTP2;
use Time::HiRes qw(sleep);

has [qw(t make port port_h2)];
has pairs => sub { {} };      # token pairs: of a user, a superuser
has operations => sub ($self) { [$self->make->operations] };

# what collects frames instead of sending them
package Test::Autoflow::Fuzzer::Frames {
    use Mojo::Base 'Test::Autoflow::HTTP2', -signatures;
    has frames => sub { [] };
    sub more { 0 }
    sub send ($self, $octets) { push @{$self->frames}, $octets; return $self }
}


# Requests, as {method, target, version, headers, body, path}

my @mounts = ('/api/v1') x 8;
push @mounts, '/api', '';

# what nginx serves besides the API; {} is any text
my @others = ('/app/{}', '/app/{}?{}', '/verify', '/verify/{}', '/optional/{}', '/metrics',
    '/docs', '/api/v1/{}', '/api/v1/users/{}', '/{}', '/auth/{}?{}', '*');

# what ends its session, and so others' use
my $ending = qr{logout|delete /auth/sessions|^(?:delete|put|patch) /(?:auth/me|users?/)|password};

sub request ($self) {
    my ($method, $path, $op);
    do { ($method, $path, $op) = @{any(@{$self->operations})} }
        while "$method $path" =~ /$ending/ && chance(0.9);
    my %request = (
        method  => uc $method,
        target  => any(@mounts) . $self->make->path_of($path) . $self->make->query_of($op),
        version => 'HTTP/1.1',
        path    => $path,
    );
    my ($body, $type) = $self->make->body_of($op);
    $request{target} = any(@others) =~ s/\{\}/$self->text/ger if chance(0.1);
    $request{body}   = $body;
    $request{headers} = [[Host => 'localhost'], $self->credentials,
        defined $type ? ['Content-Type' => $type] : (),
        defined $body ? ['Content-Length' => length $body] : ()];
    return \%request;
}

# octets that something may take for its own
my @bits = ("\0", "\x7f", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\x{e2}\x{82}", '%', '%00', '%2f',
    '%2e%2e', '%zz', '%25', '/', '//', '/../', '/./', '?', '#', '&', '=', ';', ',', '"', '\\',
    "'", '{', '}', '[', '<', ' ', "\t", "\r", "\n", "\r\n", "\r\n\r\n", ':', '-1', '0', '9' x 20,
    '18446744073709551615', 'a', 'x' x 70, 'chunked', 'Bearer ', '$', '{{', '..');

sub text ($self) {
    return join '', map { chance(0.3) ? any(@bits) : any('a' .. 'z', 0 .. 9, '-', '_') }
        0 .. rand 12;
}

sub escaped ($self) { url_escape($self->text, any('A-Za-z0-9', '^A-Za-z0-9', 'a-m')) }


# Credentials, in any place

sub token ($self) {
    my $pair = $self->pairs->{any(qw(user superuser superuser))} // {};
    my $good = $pair->{access_token} // 'x';
    my @parts = split /\./, $good;
    return any(
        ($good) x 40, $pair->{refresh_token} // 'x', $self->damaged($good), $self->text,
        "$good.$good", join('.', @parts[1, 0, 2]), "$parts[0].$parts[1].", "$parts[0].$parts[1]",
        $self->expired($pair), $self->t->token({sub => 'x'}, header => {alg => 'none'}),
        $self->t->token({sub => $pair->{user}{id}}, key => 'another key, of 32 octets at least'),
        'x' x any(100, 5000, 9000), '', '.', '..', '...',
    );
}

sub expired ($self, $pair) {
    return $self->t->token({sub => $pair->{user}{id}, sid => $pair->{user}{id}, epoch => 0,
        iat => 1, exp => 2});
}

sub credentials ($self) {
    return () if chance(0.1);
    my $token = $self->token;
    return any(
        ([['Authorization' => "Bearer $token"]]) x 8,
        [['Cookie' => "af_access=$token"]],
        [['Cookie' => "af_access=$token; af_csrf=" . $self->text], ['X-CSRF-Token' => $self->text]],
        [['Cookie' => 'af_refresh=' . $self->token], ['Origin' => 'http://localhost']],
        [['Cookie' => $self->cookies]],
        [['Cookie' => $self->cookies], ['Cookie' => $self->cookies],
            ['Authorization' => "Bearer $token"]],
        [['Authorization' => "Bearer $token"], ['Authorization' => "Bearer " . $self->token]],
        [['Authorization' => any('Basic ', 'bearer ', "Bearer\t", 'Bearer  ', 'Bearer', '')
            . $token]],
    )->@*;
}

sub cookies ($self) {
    return join any('; ', ';', ',', ' ', ';;', '; $Path=/; '), map {
        any('af_access', 'af_refresh', 'af_csrf', '__Host-af_access', 'AF_ACCESS', 'x', '')
            . any('=', '=', '=', '', '==') . any($self->token, $self->text, '"' . $self->text . '"')
    } 0 .. rand 6;
}


# Damage to a part of a request

my %headers = (
    'Host'              => ['', 'x' x 300, '[::1', 'a b', "a\0", 'localhost:99999', '..', '%00'],
    'Content-Length'    => [-1, '', '0x10', '1, 1', 10, '1e3', 9 x 30, '+5', 0, 65_537],
    'Transfer-Encoding' => ['chunked', 'Chunked', 'gzip', 'chunked, chunked', 'identity',
        ' chunked', "\x0bchunked"],
    'Content-Type'      => ['application/json; charset=latin1', 'application/json;charset=UTF-8',
        'application/x-www-form-urlencoded', 'multipart/form-data', '', ';',
        'application/json; charset="'],
    'Expect'            => ['100-continue', '200-ok'],
    'Connection'        => ['close', 'keep-alive', 'upgrade, http2-settings', 'Authorization'],
    'Upgrade'           => ['h2c', 'websocket'],
    'Accept'            => ['text/html', 'text/html;q=0', '*/*;q=1.0000', ',,,;', 'a/b;c="\\'],
    'Origin'            => ['null', 'http://localhost', 'http://localhost:1', '://', 'x' x 300],
    'Access-Control-Request-Method'  => ['PUT', 'x y', ''],
    'Access-Control-Request-Headers' => ['authorization', ',' x 500, 'x' x 3000],
    'X-CSRF-Token'      => ['x', 'x' x 5000],
    'X-Request-ID'      => ['abc.1', 'x y', 'x' x 200, "a\0b"],
    'X-Forwarded-Proto' => ['https', 'http, https', ''],
    'X-Forwarded-For'   => ['::1', 'x', '1.2.3.4, ' x 200],
    'X-Forwarded-Method'        => ['GET', 'DELETE', 'x'],
    'X-HTTP-Method-Override'    => ['DELETE'],
    'Sec-Fetch-Site'    => ['cross-site', 'same-origin', 'x'],
    'Sec-WebSocket-Key' => ['dGhlIHNhbXBsZSBub25jZQ=='],
    'traceparent'       => ['00-' . 'a' x 32 . '-' . 'b' x 16 . '-01', 'ff-',
        '00-' . '0' x 32 . '-x', 'x' x 500],
    'tracestate'        => ['a=1', 'a=1,' x 40, '=', 'x' x 600],
    'User-Agent'        => ["\xff\xfe", 'x' x 1000, "a\tb"],
    'If-None-Match'     => ['*', '"x"', 'W/', '"' x 50],
    'If-Modified-Since' => ['x', 'Thu, 01 Jan 1970 00:00:00 GMT'],
    'Range'             => ['bytes=0-0', 'bytes=-1', 'bytes=0-,' x 100, 'x'],
    'Accept-Encoding'   => ['gzip', 'br;q=x'],
);

sub header ($self) {
    my $name = any(sort keys %headers);
    return [$name, chance(0.2) ? $self->text : any(@{$headers{$name}})];
}

my @damages = (
    sub ($self, $r) { push @{$r->{headers}}, map { $self->header } 0 .. rand 4 },
    sub ($self, $r) { push @{$r->{headers}}, map { ["X-$_", 'x' x rand 60] }
        1 .. any(20, 150, 1200) },
    sub ($self, $r) { push @{$r->{headers}}, ['X-Huge' => 'x' x any(4000, 8100, 9000, 40_000)] },
    sub ($self, $r) { push @{$r->{headers}}, [$self->text, $self->text] },
    sub ($self, $r) { push @{$r->{headers}}, any(@{$r->{headers}}) if @{$r->{headers}} },
    sub ($self, $r) { @{$r->{headers}} = shuffle(@{$r->{headers}}, $self->header) },
    sub ($self, $r) { splice @{$r->{headers}}, rand @{$r->{headers}}, 1 if @{$r->{headers}} },
    sub ($self, $r) { $_->[1] = $self->text for grep { $_ } any(@{$r->{headers}}) },
    sub ($self, $r) { $_->[0] = any(uc $_->[0], "$_->[0] ", " $_->[0]", "$_->[0]\0")
        for grep { $_ } any(@{$r->{headers}}) },
    sub ($self, $r) { push @{$r->{headers}}, ['Cookie' => $self->cookies x any(1, 30)] },
    sub ($self, $r) { $r->{method} = any(qw(GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT
        PROPFIND get X PRI), $self->text) },
    sub ($self, $r) { $r->{version} = any('HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2',
        'http/1.1', '', 'HTTP/1.99999') },
    sub ($self, $r) { $r->{target} .= any('?', '&', '/', '#') . $self->text },
    sub ($self, $r) { $r->{target} =~ s{([^/])(?=[^/]*\z)}{sprintf '%%%02x', ord $1}e },
    sub ($self, $r) { $r->{target} =~ s{/}{any('//', '/./', '/x/../', '%2f', '/%2e/')}e },
    sub ($self, $r) { substr $r->{target}, rand length $r->{target}, 1, $self->escaped },
    sub ($self, $r) { $r->{target} = any('http://localhost', 'http://', '//x') . $r->{target} },
    sub ($self, $r) { $r->{target} .= '?' . join '&', map { "a$_=" . $self->escaped }
        1 .. any(3, 400) },
    sub ($self, $r) { $r->{target} .= 'x' x any(2000, 8200, 33_000) },
    sub ($self, $r) { $r->{body} = $self->damaged($r->{body} // '{}') },
    sub ($self, $r) { $self->chunk($r) },
    sub ($self, $r) { $self->chunk($r) },
);

# a chunked body, which may be cut or wrong
sub chunk ($self, $r) {
    my @parts = unpack '(a' . any(1, 7, 1000) . ')*', substr $r->{body} // '{}', 0, 3000;
    my $body = Test::Autoflow::Client::chunked(@parts);
    $body = any(
        ($body) x 3, $self->damaged($body), substr($body, 0, rand length $body),
        $body =~ s/\r\n/;x="y"\r\n/r, $body =~ s/\A/any('0', '-', 'f' x 16, 'ffffffffffffffff')/er,
        $body =~ s/\r\n\z/Trailer: x\r\nContent-Length: 5\r\n\r\n/r, "0\r\n\r\n$body",
    );
    $r->{body} = $body;
    @{$r->{headers}} = grep { $_->[0] ne 'Content-Length' || chance(0.05) } @{$r->{headers}};
    push @{$r->{headers}}, ['Transfer-Encoding' => 'chunked'];
    return;
}

# octets: some of them replaced, removed, repeated or inserted
sub damaged ($self, $octets) {
    for (0 .. rand 3) {
        my $at = int rand 1 + length $octets;
        my $n  = int any(0, 1, 1, 2, rand 20);
        my $part = substr $octets, $at, $n;
        substr $octets, $at, $n, any('', $part x 3, any(@bits), chr rand 256, $self->text);
    }
    return $octets;
}

# whether nginx lets it through: it closes connections for some that it doesn't
sub is_clean ($request) {
    return $request->{target} =~ /\A[!-~]{1,4000}\z/
        && all { $_->[1] =~ /\A[ -~]{0,4000}\z/ } @{$request->{headers}};
}

sub octets ($request) {
    return join("\r\n", "$request->{method} $request->{target} $request->{version}",
        map({ "$_->[0]: $_->[1]" } @{$request->{headers}}), '', $request->{body} // '');
}


# Conversations

sub conversation ($self) {
    return $self->of_frames if chance(0.25);
    my $intact = chance(0.4);
    my @requests = map { $self->request } 0 .. (chance(0.2) ? rand 5 : 0);
    $intact = 0 if !all { is_clean($_) } @requests;
    push @{$requests[-1]{headers}}, [Connection => 'close'];
    if (!$intact) {
        any(@damages)->($self, any(@requests)) for 0 .. rand 3;
    }
    my $octets = join '', map { octets($_) } @requests;
    $octets = $self->damaged($octets) if !$intact && chance(0.4);
    return {
        port => 'port', intact => $intact, answers => 1,
        path => @requests == 1 ? $requests[0]{path} : '',
        $intact ? (writes => [$octets], end => 'wait') : $self->sending($octets),
    };
}

# how the octets are sent: in one or more writes, and what follows
sub sending ($self, $octets) {
    my $last = chance(0.15) ? int rand length $octets : length $octets;
    $octets = substr $octets, 0, $last;
    my $size = 1 + int length($octets) / any(1, 1, 1, 2, 5, 20);
    my $end = any(qw(wait wait wait wait half close reset));
    return (writes => [unpack "(a$size)*", $octets], end => $end);
}

# in HTTP/2
sub of_frames ($self) {
    my $frames = Test::Autoflow::Fuzzer::Frames->new(chance(0.1) ? (window => any(0, 1, 100)) : ());
    my $intact = chance(0.3);
    $frames->greet;
    my @requests = map { $self->request } 0 .. rand 4;
    $intact = 0 if !all { is_clean($_) } @requests;
    for my $request (@requests) {
        any(@damages)->($self, $request) if !$intact && chance(0.4);
        $self->stream($frames, $request, $intact);
    }
    my @frames = @{$frames->frames};
    @frames = $self->damaged_frames(@frames) if !$intact;
    return {
        port => 'port_h2', intact => $intact, answers => scalar @requests, path => '',
        $intact ? (writes => [join '', @frames], end => 'wait')
            : $self->sending(join '', @frames),
    };
}

sub stream ($self, $frames, $request, $intact) {
    my %fields = map { @$_ } grep { $_->[0] ne 'Host' } @{$request->{headers}};
    my $body = $request->{body};
    my $stream = $frames->headers($request->{method}, $request->{target}, \%fields, !defined $body);
    return if !defined $body;
    my @parts = unpack '(a' . any(16_384, $intact ? () : (1, 100)) . ')*',
        substr $body, 0, $intact ? 60_000 : 2000;
    $frames->data($stream, $_) for @parts;
    $frames->data($stream, '', 1) if $intact || chance(0.8);
    return;
}

# type, flags and a payload that frames of it may have
my @frames = (
    sub { (1, any(0, 4, 5, 0x2c), pack 'a*', join '', map { chr rand 256 } 0 .. rand 40) },
    sub { (2, 0, pack 'NC', any(0, 1, 3, 0x80000001), 16) },
    sub { (3, 0, pack 'N', any(0, 8, 99)) },
    sub { (4, any(0, 1), join '', map { pack 'nN', any(0 .. 9), any(0, 1, 16_384, 2**32 - 1) }
        0 .. rand 5) },
    sub { (5, 4, pack 'N', 2) },
    sub { (6, any(0, 1), 'x' x any(8, 8, 7)) },
    sub { (7, 0, pack 'NN', any(0, 1, 2**31 - 1), any(0, 11)) },
    sub { (8, 0, pack 'N', any(0, 1, 65_535, 2**31 - 1)) },
    sub { (9, any(0, 4), join '', map { chr rand 256 } 0 .. rand 20) },
    sub { (int rand 256, int rand 256, 'x' x rand 30) },
    sub { (0, any(0, 1, 8, 9), join '', map { chr rand 256 } 0 .. rand 20) },
);

sub damaged_frames ($self, @all) {
    for (0 .. rand 3) {
        @all = ('') if !@all;
        my $at = int rand @all;
        my ($type, $flags, $payload) = any(@frames)->();
        my $frame = substr(pack('N', length $payload), 1)
            . pack('CCNa*', $type, $flags, any(0, 1, 1, 3, 5, 2, 2**31 + 1), $payload);
        any(
            sub { splice @all, $at, 0, ($frame) x any(1, 1, 1, 2, 150) },
            sub { splice @all, $at, 1 },
            sub { splice @all, $at, 0, $all[$at] },
            sub { @all[$at, -1] = @all[-1, $at] },
            sub { substr $all[$at], rand min(9, length $all[$at]), 1, chr rand 256 },
            sub { $all[$at] = $self->damaged($all[$at]) },
            sub { $all[$at] =~ s/\A...\x01/substr(pack('N', rand 50), 1) . "\x01"/se },
        )->();
    }
    return @all;
}

# has a conversation: what was received until the server has closed the
# connection, or undef where that isn't waited for, or did not come
sub hold ($self, $said) {
    my $port = $said->{port};
    my $client = Test::Autoflow::Client->new(port => $self->$port, seconds => 30);
    for my $octets (@{$said->{writes}}) {
        $client->send($octets);
        sleep 0.002 if @{$said->{writes}} > 1;
    }
    my $end = $said->{end};
    if ($end =~ /^(?:close|reset)/) {
        $client->$end;
        return undef;
    }
    $client->half_close if $end eq 'half';
    my $received = eval { $client->rest };
    $client->close;
    return $received;
}

# what is wrong with what was received
sub judge ($self, $said, $received) {
    return () if $said->{end} !~ /^(?:wait|half)/;
    return 'the connection remains open' if !defined $received;
    my @statuses = $said->{port} eq 'port' ? statuses($received) : statuses_h2($received);
    return "a status $_->[0]" for grep { $_->[0] >= 500 && !$_->[1] } @statuses;
    return 'there are only ' . @statuses . " of $said->{answers} responses"
        if $said->{intact} && @statuses < $said->{answers};
    return;
}

# each with whether it is a refusal of nginx's own: 501, 505
sub statuses ($received) {
    my @found;
    while ($received =~ m{HTTP/1\.1 ([1-5]\d\d) [A-Z].*?(?:\r\n\r\n|\z)}gs) {
        my ($status, $head) = ($1, $&);
        push @found, [$status, $status =~ /^50[15]/ && $head !~ /^X-Request-ID:/mi]
            if $status != 100;
    }
    return @found;
}

sub statuses_h2 ($received) {
    my $client = Test::Autoflow::Fuzzer::Frames->new(buffer => $received);
    1 while $client->read_frame;
    return map { [$_->{status}, $_->{status} =~ /^50[15]/] } grep { $_->{status} }
        values %{$client->answers};
}

# what others need of a response
sub learn ($self, $said, $received) {
    return if !$said->{intact} || !$said->{path} || !$received;
    my ($head, $body) = split /\r\n\r\n/, $received, 2;
    return if $head !~ m{\AHTTP/1\.1 2} || $head !~ m{^Content-Type: application/json}m;
    my $json = eval { decode_json($body) } // return;
    $self->make->learn($said->{path}, $json);
    return;
}

# the smallest conversation found that still does it
sub minimized ($self, $said, $does) {
    my $octets = join '', @{$said->{writes}};
    my %one = (%$said, writes => [$octets]);
    return $said if !$does->(\%one);
    for (my $size = int length($octets) / 2; $size >= 1; $size = int $size / 2) {
        for (my $at = 0; $at < length $octets;) {
            my $less = $octets;
            substr $less, $at, $size, '';
            if ($does->({%one, writes => [$less]})) { $octets = $less }
            else { $at += $size }
        }
    }
    return {%one, writes => [$octets]};
}

1;
