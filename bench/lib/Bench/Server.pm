package Bench::Server;

# The nginx with the module and its PostgreSQL, as tests start them, configured
# as for production where that matters: no access log, no lines about single
# tokens, connections kept.

use Mojo::Base 'Test::Autoflow', -signatures;
use Bench::Nginx;
use Bench::Tokens qw(secret);

has pin     => 0;                     # 1: the worker has a processor of its own
has allow   => sub { ['.'] };
has patient => 0;

sub new ($class, %options) {
    my $self = $class->SUPER::new(%options);
    $self->postgresql->options([qw(autovacuum=off shared_buffers=512MB max_wal_size=4GB
        max_connections=300 checkpoint_timeout=1h)]) if !$self->beside;
    return $self;
}

# one with the benchmarks' key, and a protected file from memory, /gif
sub protecting ($class, %options) {
    return $class->new(%options,
        settings => {autoflow_key => 'hex:' . unpack('H*', secret()), %{$options{settings} // {}}},
        server   => ($options{server} // '') . 'location = /gif { autoflow_auth on; empty_gif; }');
}

sub conf ($self) {
    my $conf = $self->SUPER::conf;
    my $pin  = $self->pin ? Bench::Nginx::pin() : '';
    $conf =~ s/error\.log info;/error.log error;\nworker_rlimit_nofile 65536;\n$pin/;
    $conf =~ s/worker_connections \d+/worker_connections 16384/;
    $conf =~ s/access_log [^;]+;/access_log off; keepalive_requests 1000000000;/;
    return $conf;
}

# without the tests that finish() has
sub end ($self) {
    $self->finished(1);
    $self->stop if $self->process;
    $self->db->disconnect;
    $self->postgresql->stop('QUIT') if !$self->beside;
    return;
}

1;
