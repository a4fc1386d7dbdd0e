package Bench::Machine;

# What a benchmark ran on: kinds and versions, no names or paths; and where its
# processes run.

use Mojo::Base -strict, -signatures;
use Exporter qw(import);
use Mojo::File qw(path);
use POSIX qw(uname);

our @EXPORT_OK = qw(client_cpu described package_version pinned server_cpu two_cpus);

# the processors that this process may use
sub cpus {
    my ($list) = path('/proc/self/status')->slurp =~ /^Cpus_allowed_list:\s+(\S+)/m;
    return map { /(\d+)-(\d+)/ ? $1 .. $2 : $_ } split /,/, $list;
}

# a worker has one of its own, and the client another one, if there are two
sub server_cpu { (cpus())[0] }
sub client_cpu { (cpus())[-1] }
sub two_cpus   { cpus() > 1 }

# a command that only uses this processor; undef: any
sub pinned ($cpu, @command) { defined $cpu ? ('taskset', '-c', $cpu, @command) : @command }

sub output (@command) {
    open my $out, '-|', 'sh', '-c', '"$@" 2>&1', 'sh', @command or return '';
    my $text = join '', <$out>;
    close $out;
    return $text;
}

# the version of a Debian package, without what Debian adds to its author's
sub package_version ($name) {
    my $version = output('dpkg-query', '-W', '-f', '${Version}', $name);
    return $version =~ /^(?:\d+:)?(\d[\w.]*)/ ? $1 : undef;
}

sub cpu {
    my $info = path('/proc/cpuinfo')->slurp;
    my ($model) = $info =~ /^model name\s*:\s*(.+)/m;
    return sprintf '%d × %s', scalar cpus(), $model // (uname())[4];
}

sub memory {
    my ($kb) = path('/proc/meminfo')->slurp =~ /^MemTotal:\s+(\d+)/m;
    return sprintf '%.0f GB', $kb / 1e6;
}

# a list of [what, version]
sub described {
    my $nginx = $ENV{AUTOFLOW_NGINX} // '/usr/sbin/nginx';
    my ($postgresql) = output($ENV{AUTOFLOW_PGBENCH} // 'pgbench', '--version') =~ /([\d.]+)/;
    my ($kernel) = (uname())[2] =~ /^([\d.]+\d)/;
    return grep { defined $_->[1] } (
        [processor  => cpu()],
        [memory     => memory()],
        [Linux      => $kernel],
        [nginx      => output($nginx, '-v') =~ m{nginx/([\d.]+)}],
        [PostgreSQL => $postgresql],
        map({ [$_->[0] => package_version($_->[1])] }
            [libpq => 'libpq5'], [OpenSSL => 'libssl3'], [libsodium => 'libsodium23'],
            [jansson => 'libjansson4'], [wrk => 'wrk']),
    );
}

1;
