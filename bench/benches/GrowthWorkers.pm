package Bench::GrowthWorkers;

# More workers, on as many processors, with the client and PostgreSQL on the same
# ones.

use Mojo::Base 'Bench::Growth', -signatures;
use Bench::Machine;
use Bench::Server;
use Bench::Wrk;
use List::Util qw(uniq);

has title   => 'Growth by workers';
has note    => 'All processors are shared with the client, and by `GET /auth/me` with PostgreSQL.';
has x       => 'workers';
has columns => sub { [[rate => 'requests/s'], [p99 => '99 %, ms']] };
has chart   => sub {
    {kind => 'lines', key => 'rate', title => 'Requests per second', x => 'workers'}
};
has server  => undef;
has points  => sub ($self) {
    my $most = Bench::Machine::cpus();
    $self->by_scale(full => [uniq 1, 2, $most], quick => [1, 2], smoke => [1]);
};

sub prepare ($self, $x) {
    $self->server->end if $self->server;
    $self->server(Bench::Server->protecting(workers => $x)->start);
}

sub cases ($self, $x) {
    my $as = $self->server->bearer($self->server->register);
    return map { my ($path, $label) = @$_;
        $self->case($path, $label, Bench::Wrk->new(url => $self->server->url($path),
            headers => $as, connections => 32));
    } ['/gif', 'a protected file'], ['/auth/me', '`GET /auth/me`'];
}

sub end ($self) { $self->server->end if $self->server }

1;
