package Test::Autoflow::Soak::Account;

# What a soak's client knows of an account that is its own: the state that the
# answers have promised, its sessions' tokens, and tokens that must be refused.
#
# The state is flat, as Test::Autoflow::Soak::Truth reads it from the database:
# "full_name" => …, "session NAME" => 'lives', "contact VALUE" => 'phone primary'.
# A session's name is the User-Agent of its login.

use Mojo::Base -base, -signatures;

use MIME::Base64 qw(decode_base64url);
use Mojo::JSON qw(decode_json);
use Time::HiRes qw(time);

# how many tokens that must be refused are remembered
use constant DEAD => 40;

has [qw(id email password)];
has state    => sub { {} };
has sessions => sub { {} };   # by name, see got()
has dead     => sub { [] };   # {access or refresh, why, exp, at, seen}: seen by which nodes
has least    => 0;            # epoch of tokens that are good
has mails    => sub { [] };   # received: {kind, token, id}
has log      => sub { [] };   # what was last asked, for reports

my $uses = 0;

sub claims ($token) { decode_json(decode_base64url((split /\./, $token)[1])) }

sub names ($self, $kind) {
    return map { /^\Q$kind\E (.*)/ ? $1 : () } sort keys %{$self->state};
}

# whether tokens may be had for it
sub is_usable ($self) { $self->state->{is_active} && !$self->state->{deleted} }


# Sessions

# A token pair, of a new session or of one that was refreshed: {access, refresh,
# former, number (of the refresh token), epoch, exp, sid, used (when, compared with
# others), lost (when a refresh was whose response is unknown)}
sub got ($self, $name, $pair) {
    my $claims  = claims($pair->{access_token});
    my $session = $self->sessions->{$name} //= {former => []};
    my $refresh = $session->{refresh};
    push @{$session->{former}}, $refresh
        if defined $refresh && $refresh ne $pair->{refresh_token};
    shift @{$session->{former}} if @{$session->{former}} > 5;
    $session->{number}++ if ($refresh // '') ne $pair->{refresh_token};
    %$session = (%$session, access => $pair->{access_token}, refresh => $pair->{refresh_token},
        epoch => $claims->{epoch}, exp => $claims->{exp}, sid => $claims->{sid},
        used => ++$uses, lost => undef);
    return $session;
}

# the session is the latest one used, as for the database
sub use_session ($self, $name) {
    $self->sessions->{$name} //= {former => []};
    $self->sessions->{$name}{used} = ++$uses;
    return;
}

sub is_good ($self, $session) {
    return $session->{access} && $session->{epoch} >= $self->least
        && $session->{exp} > time + 30;
}

# sessions whose access token is good
sub good ($self) {
    return grep { $self->is_good($self->sessions->{$_}) } $self->names('session');
}

# sessions that can be refreshed
sub refreshable ($self) {
    return grep { $self->sessions->{$_}{refresh} } $self->names('session');
}

# of a state: the sessions, the one that was used last first
sub by_use ($self, $state) {
    return sort { $self->sessions->{$b}{used} <=> $self->sessions->{$a}{used} }
        map { /^session (.*)/ ? $1 : () } keys %$state;
}

# all tokens so far will be refused, whatever becomes of their sessions
sub raise ($self, $epoch = undef) {
    my ($highest) = sort { $b <=> $a } map { $_->{epoch} // -1 } values %{$self->sessions};
    my $least = $epoch // ($highest // -1) + 1;
    $self->least($least) if $least > $self->least;
    for my $name (keys %{$self->sessions}) {
        my $session = $self->sessions->{$name};
        next if !$session->{access} || $session->{epoch} >= $self->least;
        $self->bury({access => delete $session->{access}, exp => $session->{exp}},
            "the epoch was raised ($name)");
    }
    return;
}

# after a change of the state: sessions that it has no longer are dead
sub bury_ended ($self) {
    for my $name (keys %{$self->sessions}) {
        next if $self->state->{"session $name"};
        my $session = delete $self->sessions->{$name};
        $self->bury({access => $session->{access}, exp => $session->{exp}}, "$name has ended")
            if $session->{access};
        $self->bury({refresh => $session->{refresh}}, "$name has ended") if $session->{refresh};
    }
    return;
}

# from now on it must be refused
sub bury ($self, $token, $why) {
    push @{$self->dead}, {%$token, why => $why, at => time};
    shift @{$self->dead} if @{$self->dead} > DEAD;
    return;
}


# Reports

sub note ($self, $line) {
    push @{$self->log}, sprintf '%.3f %s', time, $line;
    shift @{$self->log} if @{$self->log} > 30;
    return;
}

1;
