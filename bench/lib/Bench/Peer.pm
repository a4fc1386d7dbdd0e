package Bench::Peer;

# The stack of the documents that the module replaces, as bench/peers has it, with
# as many processes as there are processors, on a server's database.

use Mojo::Base -base, -signatures;
use Bench::Machine;
use Bench::Tokens qw(secret);
use IO::Socket::IP;
use Mojo::File qw(curfile);
use Test::Autoflow ();
use Test::Autoflow::Process;

has 'postgresql';
has dir     => undef;
has port    => sub { Test::Autoflow::free_port() };
has workers => sub { scalar Bench::Machine::cpus() };
has process => undef;

my $peers = curfile->dirname->dirname->sibling('peers');

sub url ($self, $path) { 'http://127.0.0.1:' . $self->port . $path }

sub start ($self) {
    my $socket = $self->postgresql->dir;
    my $url    = "postgresql+asyncpg://autoflow\@/autoflow?host=$socket";
    $self->process(Test::Autoflow::Process->new(
        log     => $self->dir . '/peer',
        command => ['setpriv', '--pdeathsig', 'TERM', 'env', "PEER_DATABASE=$url",
            'PEER_KEY=' . secret(), "PYTHONPATH=$peers", 'PYTHONDONTWRITEBYTECODE=1',
            qw(/usr/bin/python3 -m uvicorn fastapi_app:app --loop uvloop --http httptools
            --no-access-log --log-level warning --workers), $self->workers,
            '--port', $self->port],
    )->start);
    $self->process->serves(sub {
        IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->port);
    });
    return $self;
}

sub end ($self) { $self->process->signal('TERM')->ended }

1;
