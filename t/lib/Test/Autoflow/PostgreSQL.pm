package Test::Autoflow::PostgreSQL;

# A PostgreSQL server of a test's own, with the schema deployed: a copy of the
# cluster that `./build.sh template` makes.

use Mojo::Base -base, -signatures;

use DBI;
use DBD::Pg;
use Mojo::File qw(curfile path);
use Test::Autoflow::Process;
use Time::HiRes qw(sleep);

has 'dir';
has 'process';
has template => sub {
    $ENV{AUTOFLOW_TEMPLATE} // do {
        my $build = curfile->dirname->sibling('../../../build.sh');
        chomp(my $dir = `$build template`);
        $dir || die "$build template failed";
    };
};

sub data ($self) { $self->dir . '/data' }
sub log  ($self) { $self->dir . '/log' }

sub start ($self) {
    my $user = $> == 0 ? 'postgres' : undef;

    if (!-d $self->data) {
        mkdir $self->dir;
        system('cp', '-a', '--reflink=auto', $self->template, $self->data) == 0
            or die "can't copy " . $self->template;
        chown +(getpwnam $user)[2, 3], $self->dir if $user;
    }

    my $version = path($self->data, 'PG_VERSION')->slurp =~ s/\s+//r;
    $self->process(
        Test::Autoflow::Process->new(
            log     => $self->log,
            command => [
                'setpriv', '--pdeathsig', 'INT',
                ($user ? ("--reuid=$user", "--regid=$user", '--init-groups') : ()),
                "/usr/lib/postgresql/$version/bin/postgres",
                '-D', $self->data, '-k', $self->dir, '-h', '', '-F',
                '-c', 'autovacuum=off', '-c', 'shared_buffers=16MB',
            ]
        )->start
    );

    for (1 .. 300) {
        return $self if DBI->connect($self->dsn('autoflow'), '', '', {PrintError => 0});
        $self->process->running or last;
        sleep 0.05;
    }
    die "PostgreSQL did not start:\n" . path($self->log)->slurp;
}

# fast: INT; as in a crash: QUIT
sub stop ($self, $signal = 'INT') {
    $self->process->signal($signal)->ended;
    return $self;
}

sub url ($self, $role) { 'postgresql:///autoflow?host=' . $self->dir . "&user=$role" }
sub dsn ($self, $role) { 'dbi:Pg:dbname=autoflow;host=' . $self->dir . ";user=$role" }

sub connect ($self, $role = 'autoflow') {
    return DBI->connect($self->dsn($role), '', '',
        {RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1});
}

1;
