package Test::Autoflow::Promises;

# Clients that write and read while something happens to the database, remember
# what they were told, and say in the end what of it isn't true.
#
#     my $promises = Test::Autoflow::Promises->new(t => $t)->start(3);
#     ...
#     is_deeply [$promises->stop], [], 'all is true';
#     my $times = $promises->since($time);
#
# What was answered by 503 may have been done or not: both is right.

use Mojo::Base -base, -signatures;

use List::Util qw(max);
use Mojo::File qw(tempfile);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow::Client;
use Test::Autoflow::Load;
use Time::HiRes qw(sleep time);

has 't';
has stale => 0;                   # 1: until the end, reads may be of the past
has pause => 0.02;                # seconds between requests
has file  => sub { tempfile() };  # time, kind, status and duration of each; or what is broken
has load  => undef;

# of a process
has [qw(number client email me seen)];
has count      => 0;
has registered => sub { [] };
has sessions   => sub { [] };     # which must be alive, beside `me`
has dead       => sub { [] };
has bios       => sub { [''] };   # what the account's may be: the last that was said to be, first
has passwords  => sub { ['the first of many passwords'] };      # likewise
has former     => sub { [] };

my @kinds = qw(bio me app login register me app logout bio app ended password me app);
my $runs  = 0;

sub start ($self, $number) {
    my $run = ++$runs;
    $self->file;
    $self->load(Test::Autoflow::Load->start($number,
        sub ($process, $round) {
            $self->begin($run, $process) if $round == 1;
            my $kind = "do_$kinds[($round + 3 * $process) % @kinds]";
            $self->$kind;
            sleep $self->pause;
            return 'done';
        },
        sub ($process) { $self->end }));
    $self->load->each_done;
    return $self;
}

# waits until each client has done so much more
sub more ($self, $rounds = 1) { $self->load->each_done for 1 .. $rounds; return $self }

# what is broken
sub stop ($self) {
    my $count = $self->load->stop;
    return (map({ chomp; $_ } grep { /^broken/ } split /^/, $self->file->slurp),
        grep { $_ ne 'done' } sort keys %$count);
}

# Of what was sent after some time, of each class: how much, how much of it was
# refused, and until when, and the longest time
sub since ($self, $time) {
    my %class = (me => 'read', app => 'app');
    my %got = map { $_ => {sent => 0, refused => 0, until => 0, longest => 0} } qw(read write app);
    for (split /\n/, $self->file->slurp) {
        my ($at, $kind, $status, $took) = /^([\d.]+) (\w+) (\d+) ([\d.]+)$/ or next;
        next if $at < $time || $kind eq 'ended';
        my $class = $got{$class{$kind} // 'write'};
        $class->{sent}++;
        $class->{longest} = max($class->{longest}, $took);
        next if $status != 503;
        $class->{refused}++;
        $class->{until} = max($class->{until}, $at + $took - $time);
    }
    return \%got;
}


# A process

sub begin ($self, $run, $process) {
    srand $$;
    $self->number("$run-$process")->client($self->t->client);
    $self->email($self->new_email);
    my $got = $self->ask(register => POST => '/auth/register', undef, 201,
        {email => $self->email, password => $self->passwords->[0]}) or die 'not registered';
    push @{$self->registered}, $self->email;
    return $self->me($got);
}

sub next ($self) { $self->count($self->count + 1)->count }

sub new_email ($self) {
    return sprintf 'promise-%s-%d@failover.example', $self->number, $self->next;
}

# what was answered, or true; 0: it was refused, or says that it failed, of which
# only the former is right
sub ask ($self, $kind, $method, $path, $token, $status, $json = undef) {
    my $begun  = time;
    my $answer = $self->client->send(Test::Autoflow::Client::request($method, $path,
        $token ? {Authorization => "Bearer $token"} : {},
        $json ? encode_json($json) : undef))->answer;
    $self->client($self->t->client) if !$answer;
    my $got = $answer ? $answer->{status} : 0;
    $self->say(sprintf '%.3f %s %d %.3f', $begun, $kind, $got, time - $begun);
    if ($got == $status) {
        return $answer->{body} =~ /^\{/ ? decode_json($answer->{body}) : 1;
    }
    $self->broken("$kind: $got, not $status: " . substr $answer ? $answer->{body} : '', 0, 200)
        if $got != 503;
    $self->broken("$kind: 503 doesn't say when to come again")
        if $got == 503 && ($answer->{headers}{'retry-after'} // '') !~ /^\d+$/;
    return 0;
}

sub broken ($self, $text) {
    return $self->say('broken: client ' . $self->number . ': ' . $text =~ s/\n/ /gr);
}

sub say ($self, $text) {
    my $file = $self->{out} //= $self->file->open('>>');
    syswrite $file, "$text\n";
    return;
}

sub token ($self) { $self->me->{access_token} }

sub do_me ($self) {
    my $got = $self->ask(me => GET => '/auth/me', $self->token, 200) or return;
    my $bio = $got->{bio} // '';
    $self->broken("the bio is '$bio', not one of @{$self->bios}")
        if !$self->stale && !grep { $_ eq $bio } @{$self->bios};
    return;
}

sub do_app ($self) { $self->ask(app => GET => '/app/x', $self->token, 200) }

sub do_bio ($self) {
    my $bio = 'bio' . $self->next;
    my $got = $self->ask(bio => PATCH => '/auth/me', $self->token, 200, {bio => $bio});
    return $self->bios($got ? [$bio] : [@{$self->bios}, $bio]);
}

sub do_register ($self) {
    my $email = $self->new_email;
    $self->ask(register => POST => '/auth/register', undef, 201,
        {email => $email, password => $self->passwords->[0]}) and push @{$self->registered}, $email;
    return;
}

# as long as it is unknown which one it is, each is as good
sub do_login ($self) {
    return if @{$self->passwords} > 1;
    my $got = $self->ask(login => POST => '/auth/login', undef, 200,
        {email => $self->email, password => $self->passwords->[0]}) or return;
    push @{$self->sessions}, $got;
    return;
}

sub do_logout ($self) {
    my $session = shift @{$self->sessions} or return;
    $self->ask(logout => POST => '/auth/logout', $session->{access_token}, 204)
        and push @{$self->dead}, $session;
    return;
}

# it ends all other sessions
sub do_password ($self) {
    return if @{$self->passwords} > 1;
    my $old = $self->passwords->[0];
    my $new = 'password number ' . $self->next;
    my $got = $self->ask(password => PUT => '/auth/me/password', $self->token, 204,
        {current_password => $old, new_password => $new});
    $self->passwords($got ? [$new] : [$old, $new]);
    push @{$self->former}, $old if $got;
    push @{$self->dead}, @{$self->sessions} if $got;
    return $self->sessions([]);
}

sub do_ended ($self) {
    $self->refused($self->dead->[rand @{$self->dead}]) if @{$self->dead};
    return;
}

# an ended session's token passes no door
sub refused ($self, $session) {
    return $self->ask(ended => GET => '/app/x', $session->{access_token}, 401);
}

# all is well again: what must be there
sub end ($self) {
    my $db   = $self->t->postgresql->connect;
    my %have = map { $_ => 1 } @{$db->selectcol_arrayref(
        'SELECT email FROM autoflow.users WHERE email = ANY (?)', {}, $self->registered)};
    $self->broken("$_ is not there") for grep { !$have{$_} } @{$self->registered};
    $self->stale(0)->do_me;
    for (@{$self->dead}) {
        $self->refused($_);
        $self->ask(ended => POST => '/auth/refresh', undef, 401,
            {refresh_token => $_->{refresh_token}});
    }
    $self->ask(ended => GET => '/auth/me', $_->{access_token}, 200) for @{$self->sessions};
    my %login = map { $_ => $self->logs_in($_) } @{$self->passwords}, @{$self->former};
    $self->broken("'$_' is still the password") for grep { $login{$_} } @{$self->former};
    $self->broken("none of '@{$self->passwords}' is the password")
        if 1 != grep { $login{$_} } @{$self->passwords};
    return;
}

sub logs_in ($self, $password) {
    return 200 == $self->t->client->send(Test::Autoflow::Client::request(POST => '/auth/login', {},
        encode_json({email => $self->email, password => $password})))->status;
}

1;
