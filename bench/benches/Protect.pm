package Bench::Protect;

# What protection costs: one worker, a response from memory, with and without
# autoflow_auth, and what else could check a token there.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Machine qw(client_cpu);
use Bench::Nginx;
use Bench::Peer;
use Bench::Server;
use Bench::Tokens qw(key_file secret token token_file);
use Bench::Wrk;
use Mojo::File qw(curfile);

has title   => 'A protected location';
has heading => 'checked by';
has note    => 'One worker that has a processor of its own, wrk with 16 connections on another
one. The response is 43 octets from memory (`empty_gif`). The base of each ratio
is nginx without the module, given the same requests. `autoflow_token_cache` is
4k, so that it has room for one token, but not for many. The last columns are the
processor time of the worker per request, and the ratio by that, which other load
on the machine changes little.';
has columns => sub { [[rate => 'requests/s'], [ratio => 'of nginx alone'], [us => 'µs each'],
    [work => 'ratio by that']] };
has chart   => sub { {kind => 'bars', key => 'ratio',
    title => 'Requests per second, of those of nginx alone'} };
has [qw(bare server ports lua peer proxy)];
has algorithms => sub ($self) {
    my $count = $self->by_scale(full => 4, quick => 2, smoke => 1);
    return [('HS256', 'ES256', 'RS256', 'EdDSA')[0 .. $count - 1]];
};

my $gif = 'location = /gif { empty_gif; }';

sub setup ($self) {
    $self->bare(Bench::Nginx->new(server => "$gif
        location = /subrequest { empty_gif; auth_request /allow; }
        location = /allow { return 204; }
        location = /live { default_type application/json;
            return 200 '{\"status\":\"ok\"}'; }")->start);
    my %ports = map { ($_ => Test::Autoflow::free_port()) } @{$self->algorithms};
    my $server = Bench::Server->new(pin => 1);
    my $dir    = $server->dir;
    # with room for one token, but not for many
    $server->settings({autoflow_key => undef, autoflow_token_cache => '4k'});
    $server->http(join "\n", map { my $file = key_file($_, $dir);
        my $use = $_ eq 'HS256' ? '' : 'use=verify';
        "server { listen 127.0.0.1:$ports{$_}; autoflow_key file:$file alg=$_ $use;
            location = /gif { autoflow_auth on; empty_gif; } }" } @{$self->algorithms});
    $server->server('autoflow_key hex:' . unpack('H*', secret()) . ';');
    $self->ports(\%ports)->server($server->start);
    $self->setup_others if $self->scale ne 'smoke';
}

# nginx's Lua module, and auth_request to another server
sub setup_others ($self) {
    my $modules = '/usr/lib/nginx/modules';
    my $peers   = curfile->dirname->sibling('peers');
    $self->lua(Bench::Nginx->new(
        main => join('', map { "load_module $modules/${_}_module.so;" } qw(ndk_http ngx_http_lua)),
        http => "lua_package_path '$peers/?.lua;;';",
        server => "location = /gif { empty_gif;
            access_by_lua_block { require('check').check('@{[secret()]}') } }")->start);
    my $peer = Bench::Peer->new(postgresql => $self->server->postgresql, dir => $self->dir);
    $self->peer($peer->start);
    $self->proxy(Bench::Nginx->new(
        http   => "upstream peer { server 127.0.0.1:@{[$self->peer->port]}; keepalive 32; }",
        server => 'location = /gif { empty_gif; auth_request /check; }
            location = /check { internal; proxy_pass http://peer; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_pass_request_body off;
            proxy_set_header Content-Length ""; }')->start);
}

# cases of these
sub others ($self) {
    return if !$self->lua;
    my @of = (headers => {Authorization => 'Bearer ' . token('HS256')});
    return (
        $self->on('lua', 'nginx\'s Lua module, HS256 each time', $self->lua,
            $self->wrk($self->lua->url('/gif'), @of), base => 'bare HS256'),
        # most of its time is in other processes
        $self->case('fastapi', '`auth_request` to FastAPI',
            $self->wrk($self->proxy->url('/gif'), @of), base => 'bare HS256'),
        $self->on('200', 'no token: `return 200` of `/health/live`\'s octets', $self->bare,
            $self->wrk($self->bare->url('/live'))),
        $self->on('live', 'no token: `GET /health/live`', $self->server,
            $self->wrk($self->server->url('/health/live')), base => '200'),
    );
}

sub wrk ($self, $url, %options) {
    return Bench::Wrk->new(url => $url, cpu => client_cpu(), %options);
}

# a case that also says what its worker has used
sub on ($self, $name, $label, $nginx, $wrk, %more) {
    return $self->case($name, $label, $wrk->nginx($nginx), %more);
}

sub cases ($self) {
    my @cases;
    for my $alg (@{$self->algorithms}) {
        my $headers = {Authorization => 'Bearer ' . token($alg)};
        my $url = "http://127.0.0.1:@{[$self->ports->{$alg}]}/gif";
        push @cases,
            $self->on("bare $alg", "nothing; a request with a token of $alg", $self->bare,
                $self->wrk($self->bare->url('/gif'), headers => $headers)),
            $self->on("hit $alg", "`autoflow_auth`, $alg", $self->server,
                $self->wrk($url, headers => $headers), base => "bare $alg");
    }
    my %of = $self->distinct;
    for my $alg (@{$self->algorithms}) {
        my %walk = (script => 'walk', arguments => [token_file($alg, $of{$alg})]);
        push @cases,
            $self->on("walk $alg", "nothing; each time another token of $alg", $self->bare,
                $self->wrk($self->bare->url('/gif'), %walk)),
            $self->on("miss $alg", "`autoflow_auth`, $alg, each time another token",
                $self->server, $self->wrk("http://127.0.0.1:@{[$self->ports->{$alg}]}/gif", %walk),
                base => "walk $alg");
    }
    push @cases, $self->on('auth_request', '`auth_request` to a `return 204`', $self->bare,
        $self->wrk($self->bare->url('/subrequest'),
            headers => {Authorization => 'Bearer ' . token('HS256')}),
        base => 'bare HS256');
    return (@cases, $self->others);
}

# how many tokens there are, more than the cache has room for
sub distinct ($self) {
    my $count = $self->by_scale(full => 3000, quick => 3000, smoke => 20);
    return map { ($_ => $count) } @{$self->algorithms};
}

sub end ($self) {
    $_->end for grep { defined } map { $self->$_ } qw(bare lua proxy peer server);
}

1;
