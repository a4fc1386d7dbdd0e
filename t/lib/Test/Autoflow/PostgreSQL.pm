package Test::Autoflow::PostgreSQL;

# A test's own PostgreSQL server, with the schema: a copy of the cluster that
# `./build.sh template` creates.  Fastest if AUTOFLOW_CLUSTERS is in memory.

use Mojo::Base -base, -signatures;

use DBI;
use DBD::Pg;
use File::Temp;
use Mojo::File qw(curfile path);
use Test::Autoflow::Process;
use Test::More ();

has 'dir';
has 'process';
has other => undef;             # the folder of a server that may be the primary instead
has environment => sub { [] };  # as for env(1)
has options => sub { [qw(autovacuum=off shared_buffers=16MB max_wal_size=64MB)] };
has data => sub ($self) { File::Temp->newdir(DIR => $ENV{AUTOFLOW_CLUSTERS} || $self->dir) };
has template => sub {
    $ENV{AUTOFLOW_TEMPLATE} // do {
        my $build = curfile->dirname->sibling('../../../build.sh');
        chomp(my $dir = `$build template`);
        $dir || die "$build template failed";
    };
};

sub log  ($self) { $self->dir . '/log' }

sub start ($self) {
    my $user = $> == 0 ? 'postgres' : undef;

    if (!-d $self->dir) {
        mkdir $self->dir;
        system('cp', '-a', '--reflink=auto', $self->template . '/.', $self->data) == 0
            or die "can't copy " . $self->template;
        chown +(getpwnam $user)[2, 3], $self->dir if $user;
    }

    my $version = path($self->data, 'PG_VERSION')->slurp =~ s/\s+//r;
    $self->process(
        Test::Autoflow::Process->new(
            log     => $self->log,
            command => [
                'env', @{$self->environment},
                'setpriv', '--pdeathsig', 'INT',
                ($user ? ("--reuid=$user", "--regid=$user", '--init-groups') : ()),
                "/usr/lib/postgresql/$version/bin/postgres",
                '-D', $self->data, '-k', $self->dir, '-h', '', '-F',
                map({ ('-c', $_) } @{$self->options}),
            ]
        )->start->serves(sub { DBI->connect($self->dsn('autoflow'), '', '', {PrintError => 0}) })
    );
    return $self;
}

# a standby of this server, in its own folder: a copy, which streams what follows,
# however much later, while other copies are made
sub standby ($self, $dir, @options) {
    my $data = File::Temp->newdir(DIR => $ENV{AUTOFLOW_CLUSTERS} || path($dir)->dirname);
    my $hba  = path($self->data, 'pg_hba.conf');
    my $line = "local replication all peer map=autoflow\n";
    $hba->spurt($hba->slurp . $line) if index($hba->slurp, $line) < 0;
    my $db = $self->connect('postgres');
    $db->do($_) for q{ALTER SYSTEM SET wal_keep_size = '1GB'}, 'SELECT pg_reload_conf()';

    my $bin  = '/usr/lib/postgresql/' . path($self->data, 'PG_VERSION')->slurp =~ s/\s+//r . '/bin';
    my @user = $> == 0 ? qw(setpriv --reuid=postgres --regid=postgres --init-groups) : ();
    if (@user) { chown +(getpwnam 'postgres')[2, 3], $_ for "$data" }
    system(@user, "$bin/pg_basebackup", '-h', $self->dir, '-U', 'postgres', '-D', "$data",
        qw(-c fast --no-sync --no-manifest -R)) == 0 or die "can't copy " . $self->data;

    mkdir $dir;
    if (@user) { chown +(getpwnam 'postgres')[2, 3], $dir }
    my $standby = Test::Autoflow::PostgreSQL->new(dir => $dir, data => $data,
        options => [@{$self->options}, @options]);
    return $standby->start;
}

# fast: INT; like a crash: QUIT
sub stop ($self, $signal = 'INT') {
    $self->process->signal($signal)->ended;
    return $self;
}

# sqitch COMMAND OPTION…, as the owner: returns its output, its status is in $?
sub sqitch ($self, @command) {
    local @ENV{qw(SQITCH_FULLNAME SQITCH_EMAIL)} = ('test', 'test@localhost');
    open my $out, '-|', 'sh', '-c', 'cd "$0" && exec sqitch "$@" 2>&1',
        curfile->dirname->sibling('../../../sql'), @command, 'db:' . $self->url('autoflow')
        or die $!;
    my $text = join '', <$out>;
    close $out;
    return $text;
}

# likewise, as a test
sub sqitch_ok ($self, @command) {
    my $text = $self->sqitch(@command);
    Test::More::is($?, 0, "sqitch $command[0]") or Test::More::diag($text);
    return $text;
}

# sql/privileges.sql, by which tests begin; with `previous => 1` what the previous
# version needs, too
sub privileges_ok ($self, %variables) {
    system('psql', '-qX', map({ ('-v', "$_=$variables{$_}") } keys %variables), '-f',
        curfile->dirname->sibling('../../../sql/privileges.sql'), $self->url('autoflow'));
    Test::More::is($?, 0, join ' ', 'privileges.sql', %variables);
}

sub url ($self, $role) { 'postgresql:///autoflow?' . join '&', $self->primary, "user=$role" }
sub dsn ($self, $role) { 'dbi:Pg:' . join ';', 'dbname=autoflow', $self->primary, "user=$role" }

sub primary ($self) {
    return 'host=' . $self->dir if !$self->other;
    return ('host=' . $self->dir . ',' . $self->other, 'target_session_attrs=read-write');
}

sub connect ($self, $role = 'autoflow') {
    return DBI->connect($self->dsn($role), '', '',
        {RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1});
}

1;
