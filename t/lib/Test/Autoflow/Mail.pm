package Test::Autoflow::Mail;

# A real mail server, aiosmtpd, that can be stopped and restarted, and the mails
# that it has received.

use Mojo::Base -base, -signatures;

use IO::Socket::IP;
use Mojo::File qw(curfile path);
use Mojo::JSON qw(decode_json);
use Test::Autoflow::Process;

my $server = curfile->dirname->dirname->dirname->child('smtp-server');

has 'dir';
has port => sub { Test::Autoflow::free_port() };
has options => sub { [] };
has user => 'autoflow';
has password => 'the mail server\'s';
has 'process';

sub log_file ($self) { path($self->dir, 'smtp.log') }
sub ca ($self) { $self->dir . '/smtp.pem' }
sub url ($self) { 'smtp://127.0.0.1:' . $self->port }

# options: STARTTLS with a self-signed certificate, and a login
sub with_tls ($self) {
    my ($dir, $ca) = ($self->dir, $self->ca);
    system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 '
        . '-subj /CN=smtp -addext subjectAltName=IP:127.0.0.1 '
        . "-keyout $dir/smtp.key -out $ca 2>$dir/openssl.log") == 0
        or die 'openssl failed';
    chmod 0644, $ca;
    return $self->options([tls => $ca, "$dir/smtp.key", auth => $self->user, $self->password]);
}

sub start ($self) {
    $self->process(Test::Autoflow::Process->new(
        log     => $self->dir . '/smtp.stderr',
        command => ['setpriv', '--pdeathsig', 'KILL', $server, $self->log_file, $self->port,
            hold => $self->held, @{$self->options}],
    )->start->serves(
        sub { IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->port) }));
    return $self;
}

sub stop ($self) {
    $self->process->signal('KILL')->ended;
    return $self;
}

# received mails are not answered until it is released
sub hold ($self)   { $self->held->touch; return $self }
sub let_go ($self) { $self->held->remove; return $self }
sub held ($self)   { path($self->dir, 'smtp.held') }

sub told ($self) {
    return -e $self->log_file ? map { decode_json($_) } split /\n/, $self->log_file->slurp : ();
}

# all mails so far, oldest first
sub mails ($self) { grep { $_->{recipients} } $self->told }

sub has_answered ($self, $address) {
    return grep { ($_->{answered} // [''])->[0] eq $address } $self->told;
}

sub mails_to ($self, $address) { grep { $_->{recipients}[0] eq $address } $self->mails }

# a port with a listener that never responds
sub black_hole ($self) {
    return IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $self->port, Listen => 64,
        ReuseAddr => 1)
        // die "listen: $@";
}

1;
