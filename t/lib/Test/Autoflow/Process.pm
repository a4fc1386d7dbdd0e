package Test::Autoflow::Process;

# A server that a test starts: in a session of its own, so that whatever it
# leaves behind can be found, and ending with the test, whatever ends that.

use Mojo::Base -base, -signatures;

use POSIX qw(setsid :sys_wait_h);
use Time::HiRes qw(sleep);

has [qw(command log pid status)];

sub start ($self) {
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        setsid;
        chdir '/';
        $SIG{INT} = 'DEFAULT';      # a shell's background job has it ignored
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', $self->log or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        exec @{$self->command} or POSIX::_exit(127);
    }

    return $self->pid($pid)->status(undef);
}

# sends a signal; waits for the end if there should be one
sub signal ($self, $name) {
    kill $name, $self->pid or die "kill: $!";
    return $self;
}

# the exit status as $? says it; undef if it is still running after $seconds
sub ended ($self, $seconds = 30) {
    for (my $i = 0; $i < $seconds * 50; $i++) {
        return $self->status if defined $self->status;
        $self->status($?)    if waitpid($self->pid, WNOHANG) > 0;
        sleep 0.02           if !defined $self->status;
    }
    return $self->status;
}

sub running ($self) { $self->pid && !defined $self->ended(0.02) }

# the living processes of its session
sub processes ($self) {
    return grep { (stat_of($_))[3] eq $self->pid } all_pids();
}

sub children ($self) { children_of($self->pid) }

sub children_of ($pid) { grep { (stat_of($_))[1] eq $pid } all_pids() }

sub all_pids { map { m{(\d+)} } glob '/proc/[0-9]*' }

# state, parent, group, session: proc(5)
sub stat_of ($pid) {
    open my $file, '<', "/proc/$pid/stat" or return ('', '', '', '');
    my $line = <$file> // '';
    my @fields = $line =~ /\) (\S+) (\d+) (\d+) (\d+)/;
    return @fields && $fields[0] ne 'Z' ? @fields : ('', '', '', '');
}

# the descriptors that a process has open
sub files_of ($pid) { map { readlink // () } glob "/proc/$pid/fd/*" }

# its resident memory, in octets
sub memory_of ($pid) {
    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($kilobytes) = join('', <$file>) =~ /^VmRSS:\s+(\d+) kB/m;
    return 1024 * ($kilobytes // 0);
}

sub DESTROY ($self) {
    return if !$self->pid || defined $self->status;
    local $?;
    kill 'KILL', $self->processes, $self->pid;
    waitpid $self->pid, 0;
}

1;
