package Bench::GrowthLists;

# Pages of a list, further and further behind: by their number, as far as that
# goes, and by the cursor of the page before.

use Mojo::Base 'Bench::Growth', -signatures;
use Bench::Accounts qw(add_accounts);
use Bench::Server;
use Bench::Wrk;
use Mojo::Util qw(url_escape);

has title => 'Growth by depth of lists';
has note  => '`GET /auth/users`, 10 of all accounts, from so many rows behind the first.
A page number reaches 10,000 rows; a number counts the rows, too, a cursor does not.';
has x       => 'rows before';
has columns => sub { [[rate => 'requests/s'], [p50 => 'median, ms']] };
has chart   => sub { {kind => 'lines', key => 'p50', title => 'Milliseconds', x => 'rows before',
    logarithmic => 1} };
has [qw(server root)];
has accounts => sub ($self) { $self->by_scale(full => 150_000, quick => 20_000, smoke => 500) };
has points => sub ($self) {
    [grep { $_ < $self->accounts } $self->by_scale(full => [100, 1000, 9990, 100_000],
        quick => [100, 9990], smoke => [100])->@*];
};

sub setup ($self) {
    my $server = Bench::Server->new(workers => 2)->start;
    $self->server($server);
    my $root = $server->superuser($server->register(email => 'root@example.com'));
    $self->root($server->bearer($root));
    add_accounts($server->db, 1, $self->accounts);
    $self->{at}     = 0;
    $self->{cursor} = undef;
}

# goes on to there, by pages of a hundred, and the rest of ten
sub prepare ($self, $x) {
    while ($self->{at} < $x) {
        my $size = $x - $self->{at} >= 100 ? 100 : 10;
        my $path = $self->path(size => $size, $self->cursor);
        my $json = $self->server->ua->get($path, $self->root)->res->json;
        $self->{cursor} = $json->{next} // die "the list has ended\n";
        $self->{at} += $size;
    }
}

sub cursor ($self) { defined $self->{cursor} ? (cursor => $self->{cursor}) : () }

sub path ($self, %query) {
    return '/auth/users?sort=-created_at&'
        . join '&', map { "$_=" . url_escape($query{$_}) } sort keys %query;
}

sub cases ($self, $x) {
    my %path = ('by cursor' => $self->path(size => 10, $self->cursor));
    $path{'by number'} = $self->path(size => 10, page => 1 + $x / 10) if $x < 10_000;
    return map { $self->case($_, $_, Bench::Wrk->new(url => $self->server->url($path{$_}),
        headers => $self->root, connections => 2)) } sort keys %path;
}

sub end ($self) { $self->server->end if $self->server }

1;
