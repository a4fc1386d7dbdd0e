package Bench::Protect;

# What protection costs: one worker, a response from memory, with and without
# autoflow_auth, and what else could check a token there.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Machine qw(client_cpu);
use Bench::Nginx;
use Bench::Server;
use Bench::Tokens qw(key_file secret token token_file);
use Bench::Usage qw(cpu_seconds);
use Bench::Wrk;

has title   => 'A protected location';
has heading => 'checked by';
has note    => 'One worker that has a processor of its own, wrk with 16 connections on another
one. The response is 43 octets from memory (`empty_gif`). The base of each ratio
is nginx without the module, given the same requests. The last columns are the
processor time of the worker per request, and the ratio by that, which other
load on the machine changes little.';
has columns => sub { [[rate => 'requests/s'], [ratio => 'of nginx alone'], [us => 'µs each'],
    [work => 'ratio by that']] };
has chart   => sub { {kind => 'bars', key => 'work',
    title => 'Processor time of a request to nginx alone, of that of one that is checked'} };
has [qw(bare server ports)];
has algorithms => sub ($self) {
    my $count = $self->by_scale(full => 4, quick => 2, smoke => 1);
    return [('HS256', 'ES256', 'RS256', 'EdDSA')[0 .. $count - 1]];
};

my $gif = 'location = /gif { empty_gif; }';

sub setup ($self) {
    $self->bare(Bench::Nginx->new(server => "$gif
        location = /subrequest { empty_gif; auth_request /allow; }
        location = /allow { return 204; }")->start);
    my %ports = map { ($_ => Test::Autoflow::free_port()) } @{$self->algorithms};
    my $server = Bench::Server->new(pin => 1);
    my $dir    = $server->dir;
    $server->settings({autoflow_key => undef});
    $server->http(join "\n", map { my $file = key_file($_, $dir);
        my $use = $_ eq 'HS256' ? '' : 'use=verify';
        "server { listen 127.0.0.1:$ports{$_}; autoflow_key file:$file alg=$_ $use;
            location = /gif { autoflow_auth on; empty_gif; } }" } @{$self->algorithms});
    $server->server('autoflow_key hex:' . unpack('H*', secret()) . ';');
    $self->ports(\%ports)->server($server->start);
}

sub wrk ($self, $url, %options) {
    return Bench::Wrk->new(url => $url, cpu => client_cpu(), %options);
}

# a case that also says what its worker has used
sub case ($self, $name, $label, $nginx, $wrk, %more) {
    return {name => $name, label => $label, %more, run => sub ($seconds) {
        my @pids = $nginx->worker_pids;
        my $before = cpu_seconds(@pids);
        my $got = $wrk->run(seconds => $seconds);
        $got->{us} = 1e6 * (cpu_seconds(@pids) - $before) / ($got->{requests} || 1);
        return $got;
    }};
}

sub cases ($self) {
    my @cases;
    for my $alg (@{$self->algorithms}) {
        my $headers = {Authorization => 'Bearer ' . token($alg)};
        my $url = "http://127.0.0.1:@{[$self->ports->{$alg}]}/gif";
        push @cases,
            $self->case("bare $alg", "nothing; a request with a token of $alg", $self->bare,
                $self->wrk($self->bare->url('/gif'), headers => $headers)),
            $self->case("hit $alg", "`autoflow_auth`, $alg", $self->server,
                $self->wrk($url, headers => $headers), base => "bare $alg");
    }
    my %of = $self->distinct;
    for my $alg (@{$self->algorithms}) {
        my %walk = (script => 'walk', arguments => [token_file($alg, $of{$alg})]);
        push @cases,
            $self->case("walk $alg", "nothing; each time another token of $alg", $self->bare,
                $self->wrk($self->bare->url('/gif'), %walk)),
            $self->case("miss $alg", "`autoflow_auth`, $alg, each time another token",
                $self->server, $self->wrk("http://127.0.0.1:@{[$self->ports->{$alg}]}/gif", %walk),
                base => "walk $alg");
    }
    push @cases, $self->case('auth_request', '`auth_request` to a `return 204`', $self->bare,
        $self->wrk($self->bare->url('/subrequest'),
            headers => {Authorization => 'Bearer ' . token('HS256')}),
        base => 'bare HS256');
    return @cases;
}

# how many tokens there are, more than the cache has room for
sub distinct ($self) {
    my $count = $self->by_scale(full => 10_000, quick => 3_000, smoke => 20);
    return map { ($_ => $count) } @{$self->algorithms};
}

sub end ($self) {
    $_->end for grep { defined } $self->bare, $self->server;
}

1;
