package Bench::Latency;

# How long requests take while others make the server busy.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Accounts qw(add_accounts add_events);
use Bench::Peer;
use Bench::Server;
use Bench::Tokens qw(token token_file);
use Bench::Wrk;

has title   => 'Latency';
has heading => 'request, and what others do meanwhile';
has note    => 'Ten connections, each of which pauses for 10 ms on average: some 900 requests a
second. Times that a delayed request kept others waiting are included. The ratio
is that of the 99th percentile to the same without load.';
has compare => 'p99';
has columns => sub { [[p50 => 'median, ms'], [p99 => '99 %, ms'], [p999 => '99.9 %, ms'],
    [ratio => 'of 99 % without load'], [load => 'load, requests/s']] };
has chart => sub {
    {kind => 'bars', key => 'p99', title => 'Milliseconds in which 99 % are answered'}
};
has [qw(server peer account root)];

sub seconds ($self) { $self->by_scale(full => 4, quick => 1, smoke => 1) }
sub rounds  ($self) { $self->by_scale(full => 4, quick => 1, smoke => 1) }

sub setup ($self) {
    my $server = Bench::Server->protecting(workers => 2,
        settings => {autoflow_password => undef})->start;
    $self->server($server);
    $self->root($server->superuser($server->register(email => 'root@example.com')));
    $self->account($server->register(email => 'ada@example.com'));
    add_accounts($server->db, 1, 100, $server->db->selectrow_array(
        'SELECT password_hash FROM autoflow.users WHERE id = ?', {}, $self->account->{user}{id}));
    add_events($server->db, $self->by_scale(full => 1_000_000, quick => 50_000, smoke => 100));
    $self->peer(Bench::Peer->new(postgresql => $server->postgresql, dir => $self->dir)->start)
        if $self->scale ne 'smoke';
}

# a base URL's floods
sub floods ($self) {
    my $url = $self->server->url('');
    my %to  = (
        'logins'     => ["$url/auth/login", script => 'login', arguments => [100]],
        'bad tokens' => ["$url/gif", script => 'bad', arguments => [token_file('HS256', 3000)],
            expect => 1],
        'long lists of one account' => ["$url/auth/audit",
            headers => $self->server->bearer($self->root), expect => 1],
    );
    return map { my ($to, %options) = @{$to{$_}};
        [$_ => Bench::Wrk->new(url => $to, connections => 32, %options)] } sort keys %to;
}

# what is measured while something else runs, which may be nothing
sub beside ($probe, $flood) {
    return sub ($seconds) {
        $flood->start(seconds => $seconds + 1) if $flood;
        my $got = $probe->run(seconds => $seconds);
        $got->{load} = $flood->report->{rate} if $flood;
        return $got;
    };
}

sub cases ($self) {
    my $as     = $self->server->bearer($self->account);
    my @floods = $self->floods;
    my @cases  = map { $self->of(@$_, @floods) } (
        ['`GET /auth/me`', $self->server->url('/auth/me'), $as],
        ['a protected file', $self->server->url('/gif'), $as],
    );
    return @cases if !$self->peer;
    my $peer = $self->peer;
    return (@cases, $self->of('FastAPI: `GET /auth/me`', $peer->url('/auth/me'),
        $self->server->bearer(token('HS256', 1)), [logins => Bench::Wrk->new(connections => 32,
            url => $peer->url('/auth/login'), script => 'login', arguments => [100])]));
}

# a request's cases: alone, and during each flood
sub of ($self, $label, $url, $headers, @floods) {
    my $probe = Bench::Wrk->new(url => $url, headers => $headers, connections => 10,
        script => 'paced', arguments => [10]);
    return (
        {name => $label, label => "$label, nothing", run => beside($probe, undef)},
        map { {name => "$label $_->[0]", label => "$label, $_->[0]", base => $label,
            run => beside($probe, $_->[1])} } @floods,
    );
}

sub end ($self) {
    $_->end for grep { defined } $self->peer, $self->server;
}

1;
