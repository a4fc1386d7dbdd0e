package Bench::Revocation;

# How soon a logout is known elsewhere, and how long a start takes that reads many
# revocations.

use Mojo::Base 'Bench::Suite', -signatures;
use Bench::Accounts qw(add_revocations);
use Bench::Server;
use Bench::Stats qw(percentile);
use Time::HiRes qw(time);

has title   => 'Revocation';
has heading => 'time';
has note    => 'Two nodes on one database. After a logout on one has been answered, its token is
tried on the other one until it is refused.';
has columns => sub { [[p50 => 'median, ms'], [p99 => '99 %, ms']] };
has [qw(here there)];
has many => sub ($self) { $self->by_scale(full => 1_000_000, quick => 10_000, smoke => 10) };

sub rounds ($self) { $self->by_scale(full => 5, quick => 2, smoke => 1) }
sub limit ($self)  { $self->by_scale(full => 60, quick => 10, smoke => 10) }

sub setup ($self) {
    my $here = Bench::Server->protecting(workers => 2)->start;
    $self->here($here);
    $self->there(Bench::Server->protecting(workers => 2, beside => $here,
        settings => {autoflow_zone => '160m'})->start);
    $self->{account} = $here->register(email => 'ada@example.com');
}

sub cases ($self) {
    my $many = $self->many;
    return (
        {name => 'logout', label => 'until a logout is known on the other node', run => sub ($s) {
            my $logouts = $self->by_scale(full => 100, quick => 20, smoke => 2);
            my @all     = map { $self->delay } 1 .. $logouts;
            return {p50 => percentile(50, @all), p99 => percentile(99, @all)};
        }},
        {name => 'start', label => 'until nginx serves after its start', run => sub ($s) {
            $self->here->db->do('TRUNCATE autoflow.revocations');
            return {p50 => $self->restart};
        }},
        {name => 'start many', label => "the same, with $many revocations", run => sub ($s) {
            add_revocations($self->here->db, $many);
            return {p50 => $self->restart};
        }},
    );
}

# of one logout, in milliseconds
sub delay ($self) {
    my ($here, $there) = ($self->here, $self->there);
    my %body = (email => $self->{account}{user}{email}, password => $self->{account}{password});
    my $as   = $here->bearer($here->ua->post('/auth/login' => json => \%body)->res->json);
    my $code = sub { $there->ua->get('/gif' => $as)->res->code };
    $code->() == 200 or die "the other node refuses a new token\n";
    $here->ua->post('/auth/logout' => $as)->res->code == 204 or die "no logout\n";
    my $answered = time;
    1 while $code->() != 401;
    return 1000 * (time - $answered);
}

sub restart ($self) {
    my $there = $self->there;
    $there->stop;
    my $start = time;
    $there->start_nginx;
    1 while ($there->ua->get('/health/ready')->res->code // 0) != 200;
    return 1000 * (time - $start);
}

sub end ($self) {
    $_->end for grep { defined } $self->there, $self->here;
}

1;
