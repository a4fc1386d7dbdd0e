package Test::Autoflow::Maildir;

# The mails of a test's nginx, which are written to a folder, and the tokens in
# them.
#
#     my $mails = Test::Autoflow::Maildir->new(t => $t);
#     $mails->configure->start;
#     $t->register(email => 'ada@example.com');
#     my $token = $mails->token('ada@example.com', 'verify-email');

use Mojo::Base -base, -signatures;

use MIME::QuotedPrint qw(decode_qp);
use Mojo::File qw(path);
use Time::HiRes ();

has 't';
has dir => sub ($self) { $self->t->dir . '/mail' };
has link_base => 'https://example.com';

# writes the settings, with these
sub configure ($self, %settings) {
    return $self->t->settings({
        autoflow_mail           => 'maildir:' . $self->dir,
        autoflow_mail_templates => $self->t->tree . '/conf/mail',
        autoflow_link_base      => $self->link_base,
        %settings
    });
}

# in the order in which they were written: the names only have the second, so
# they don't tell the order within one
sub files ($self) {
    my $new = path($self->dir, 'new');
    return -d $new ? sort { written($a) <=> written($b) } $new->list->each : ();
}

sub written ($file) { (Time::HiRes::stat($file))[9] }

# the contents of the mails to an address
sub to ($self, $address) { grep { /^To: \Q$address\E$/m } map { $_->slurp } $self->files }

# decoded: non-ASCII text is quoted-printable
sub read ($self, $address) {
    return map { /^Content-Transfer-Encoding: quoted-printable$/m ? decode_qp($_)
        : $_ } $self->to($address);
}

# the link of the n-th mail to an address about something, and its token
sub link ($self, $address, $about, $n = 1) {
    my @links;
    $self->t->wait_for(
        sub { (@links = map { m{^(\S+/$about\?token=[\w-]+)$}m ? $1 : () } $self->read(
            $address)) >= $n });
    return $links[$n - 1];
}

sub token ($self, @about) { $self->link(@about) =~ s/.*token=//r }

# waits until all requested mails are sent
sub all_sent ($self) {
    $self->t->wait_for(sub { !$self->t->db->selectrow_array(
        'SELECT count(*) FROM autoflow.outbox WHERE sent_at IS NULL AND failed_at IS NULL') });
    return $self;
}

# advances the time for all mails
sub elapse ($self, $interval) {
    $self->t->db->do('UPDATE autoflow.outbox SET created_at = created_at - ?::interval',
        undef, $interval);
}

1;
