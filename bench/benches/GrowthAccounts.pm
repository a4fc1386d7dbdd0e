package Bench::GrowthAccounts;

# More and more accounts, each with a session.

use Mojo::Base 'Bench::Growth', -signatures;
use Bench::Accounts qw(add_accounts add_sessions);
use Bench::Server;
use Bench::Tokens qw(token_file);
use Bench::Wrk;
use List::Util qw(min);
use Time::HiRes qw(time);

has title => 'Growth by accounts';
has note  => 'Each with a session. Requests are those of 1,000 accounts in turn; passwords are
hashed at the least cost, so that logins show what the rest of them takes. Ten times as
many follow if they can be made within four minutes.';
has x       => 'accounts';
has columns => sub { [[rate => 'requests/s'], [p50 => 'median, ms'], [p99 => '99 %, ms']] };
has chart   => sub ($self) {
    {kind => 'lines', key => 'rate', title => 'Requests per second', x => $self->x,
        logarithmic => 1}
};
has server  => undef;
has made    => 0;
has large   => 0;                     # 1: up to ten million
has points  => sub ($self) {
    my @points = @{$self->by_scale(full => [map { 10 ** $_ } 2 .. 6], quick => [100, 10_000],
        smoke => [10])};
    return [@points, $self->large ? 10 * $points[-1] : ()];
};

sub setup ($self) {
    $self->server(Bench::Server->protecting(workers => 2)->start);
    $self->{account} = $self->server->register(email => 'ada@example.com');
    $self->{hash} = $self->server->db->selectrow_array(
        'SELECT password_hash FROM autoflow.users WHERE id = ?', {}, $self->{account}{user}{id});
}

sub prepare ($self, $x) {
    my $start = time;
    add_accounts($self->server->db, $self->made + 1, $x, $self->{hash});
    add_sessions($self->server->db, $self->made + 1, $x);
    $self->{each} = (time - $start) / ($x - $self->made);
    $self->made($x);
}

sub patience ($self) { $self->large ? 0 : $self->SUPER::patience }

# by what the last ones took, within four minutes
sub affords ($self, $x) {
    return $self->large || ($self->{each} // 0) * ($x - $self->made) < 240;
}

sub cases ($self, $x) {
    my $few = min(1000, $x);
    my $as  = $self->server->bearer($self->{account});
    my %wrk = (
        '`GET /auth/me`'       => ['/auth/me', script => 'walk',
            arguments => [token_file('HS256', $few)]],
        '`GET /auth/sessions`' => ['/auth/sessions', headers => $as],
        '`POST /auth/login`'   => ['/auth/login', script => 'login', arguments => [$few]],
    );
    return map { my ($path, @options) = @{$wrk{$_}};
        $self->case($path, $_, Bench::Wrk->new(url => $self->server->url($path),
            connections => 32, @options)) } sort keys %wrk;
}

sub end ($self) { $self->server->end if $self->server }

1;
