package Bench::Nginx;

# An nginx without the module, to compare with: one worker.

use Mojo::Base -base, -signatures;
use Bench::Machine qw(server_cpu);
use File::Temp;
use IO::Socket::IP;
use Mojo::File qw(path);
use Test::Autoflow ();
use Test::Autoflow::Process;

has port    => sub { Test::Autoflow::free_port() };
has dir     => sub { my $dir = File::Temp->newdir; chmod 0755, $dir; $dir };
has main    => '';
has http    => '';
has server  => '';
has process => undef;

sub url ($self, $path) { 'http://127.0.0.1:' . $self->port . $path }

sub start ($self) {
    my $dir = $self->dir;
    path($dir, 'nginx.conf')->spurt($self->conf);
    $self->process(Test::Autoflow::Process->new(
        log     => "$dir/stderr",
        command => ['setpriv', '--pdeathsig', 'TERM', $ENV{AUTOFLOW_NGINX} // '/usr/sbin/nginx',
            '-p', "$dir/", '-c', "$dir/nginx.conf", '-e', 'stderr', '-g', 'daemon off;'],
    )->start);
    $self->process->serves(sub {
        $self->process->children
            && IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->port);
    });
    return $self;
}

sub conf ($self) {
    my ($dir, $port) = ($self->dir, $self->port);
    my $user = $> == 0 ? 'user www-data;' : '';
    return <<~"END";
        $user
        @{[$self->main]}
        worker_processes 1;
        @{[pin()]}
        worker_rlimit_nofile 65536;
        pid $dir/nginx.pid;
        error_log $dir/error.log error;
        events { worker_connections 16384; }
        http {
            access_log off;
            keepalive_requests 1000000000;
            client_body_temp_path $dir/temp_body;
            proxy_temp_path $dir/temp_proxy;
            fastcgi_temp_path $dir/temp_fastcgi;
            uwsgi_temp_path $dir/temp_uwsgi;
            scgi_temp_path $dir/temp_scgi;
            @{[$self->http]}
            server {
                listen 127.0.0.1:$port;
                @{[$self->server]}
            }
        }
        END
}

# the directive that gives the worker its processor
sub pin { sprintf 'worker_cpu_affinity %b;', 1 << server_cpu() }

sub worker_pids ($self) { $self->process->children }
sub end ($self) { $self->process->signal('QUIT')->ended }

1;
