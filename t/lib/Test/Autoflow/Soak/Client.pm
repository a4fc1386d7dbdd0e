package Test::Autoflow::Soak::Client;

# A client of a soak, with accounts of its own: it asks for things at random, and
# remembers what the answers promise.
#
#     my $client = Test::Autoflow::Soak::Client->new(nodes => […], dir => …, smtp => …,
#         number => 1)->begin;
#     $client->round while …;
#     $client->end;
#
# An operation is what an action (Soak/*Actions.pm) returns:
#
#     {kind => 'disable', account => $account,         whose state it changes
#      request => {method, path, token, json, headers},
#      status => 200,                                  the response that it must have
#      effect => sub ($state) { … },                   what that promises
#      first => sub ($json) { … }, done => …,          before and after that is noted
#      unknown => sub ($done) { … },                   if its fate had to be looked up
#      audit => 'disabled', raises => 1}               1: the epoch
#
# Without a response, or if it is a 503, its fate is unknown: then the account
# must be as before or as promised, and the client learns which.

use Mojo::Base -base, -signatures;

use List::Util qw(sum0);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow::Generator qw(any chance);
use Test::Autoflow::Soak::Account;
use Test::Autoflow::Soak::AccountActions;
use Test::Autoflow::Soak::AdminActions;
use Test::Autoflow::Soak::DirectoryActions;
use Test::Autoflow::Soak::Sender;
use Test::Autoflow::Soak::SessionActions;
use Test::Autoflow::Soak::Truth;
use Test::Autoflow::Wait qw(wait_until);
use Time::HiRes qw(time);

has [qw(nodes dir number smtp)];
has sessions => 6;            # that an account may have
has accounts => sub { [] };
has gone     => sub { [] };   # deleted ones
has admin    => undef;
has sender   => sub { Test::Autoflow::Soak::Sender->new };
has truth    => sub ($self) { Test::Autoflow::Soak::Truth->new(t => $self->nodes->[0]) };
has count    => 0;
has actions  => sub {
    return {map { $_->actions } map { "Test::Autoflow::Soak::${_}Actions" }
        qw(Account Admin Directory Session)};
};

# how often a way is chosen: bodies that don't fit into a buffer are any way's
my @ways = (('kept') x 10, ('new') x 4, ('h2') x 5, 'slow', 'abort', 'part', 'cancel');
my %unanswered = map { $_ => 1 } qw(abort part cancel);

# what is said by whoever can't know
my %unknown = map { $_ => 1 } 0, 502, 503;

sub unique ($self, $what = 'r') {
    return sprintf 'soak-%d-%s%d', $self->number, $what, $self->count($self->count + 1)->count;
}


# Rounds

sub begin ($self) {
    $self->admin($self->new_account);
    my $epoch = $self->truth->promote($self->admin);
    $self->admin->state->{is_superuser} = 1;
    $self->admin->raise($epoch);
    push @{$self->accounts}, $self->new_account for 1 .. 4;
    return $self;
}

# registered, if need be by several attempts
sub new_account ($self) {
    my $account;
    wait_until(sub {
        my $op = Test::Autoflow::Soak::AccountActions::registration($self);
        $self->perform($op, way => 'new');
        $account = $op->{account};
        return $account->id;
    }) or die 'no account can be registered';
    return $account;
}

sub round ($self) {
    my $account = any(@{$self->accounts});
    my $kind    = $self->any_action;
    my $op      = $self->actions->{$kind}[1]->($self, $account) or return;
    $self->perform({kind => $kind, %$op});
    return;
}

sub any_action ($self) {
    my $all = $self->actions;
    my @kinds = sort keys %$all;
    my $n = rand sum0(map { $all->{$_}[0] } @kinds);
    for (@kinds) {
        return $_ if ($n -= $all->{$_}[0]) < 0;
    }
    return $kinds[-1];
}

# every account is as promised
sub end ($self) {
    $self->truth->settle;
    for my $account (@{$self->accounts}, @{$self->gone}, $self->admin) {
        $self->compare({account => $account, kind => 'the end'}, $account->state,
            $self->truth->of($account));
    }
    return;
}


# Operations

# the node is any, unless given; likewise the way
sub perform ($self, $op, %given) {
    my $node = $given{node} // any(@{$self->nodes});
    my $way  = $given{way} // any(@ways);
    $op->{request}{id} = $self->unique;
    my $begun  = time;
    my $answer = $self->sender->send($node, $way, $op->{request});
    $self->record($op, $node, $way, $answer->{status}, time - $begun);
    return $self->judge($op, $node, $answer, $unanswered{$way});
}

# whether it is done
sub judge ($self, $op, $node, $answer, $unanswered = 0) {
    my $status = $answer->{status};
    if ($unanswered || $unknown{$status}) {
        $self->fate($op) if $op->{effect} || $op->{unknown};
        return 0;
    }
    if ($status != $op->{status}) {
        $self->broken($op, "$op->{status} was due, not $status: "
            . substr($answer->{body} // '', 0, 300));
        $self->fate($op) if $op->{effect};
        return 0;
    }
    my $json = $answer->{body} =~ /^\{/ ? decode_json($answer->{body}) : undef;
    $op->{first}->($json) if $op->{first};
    $self->append('promises', "$op->{request}{id} $op->{audit}") if $op->{audit};
    $self->commit($op, $node);
    $op->{done}->($json) if $op->{done};
    return 1;
}

# it is done: so its effect is there
sub commit ($self, $op, $node) {
    my $account = $op->{account} // return;
    my $state   = $self->promised($op);
    if ($op->{effect} && (($state->{password} // '') eq '*' || chance(0.15))) {
        my $found = $self->truth->of($account);
        $self->compare($op, $state, $found);
        $state->{password} = $found->{password};
    }
    $self->adopt($op, $state, $node);
    return;
}

# either it was done or not
sub fate ($self, $op) {
    my $account = $op->{account};
    $self->truth->settle;
    $account->id($self->truth->id_of($account->email)) if !$account->id;
    my ($before, $after) = ($account->state, $self->promised($op));
    my $found = $account->id ? $self->truth->of($account) : {};
    my $done  = !differences($after, $found, $before);
    if (!$done && (my @wrong = differences($before, $found, {}))) {
        $self->broken($op, 'its fate is unknown, but neither of both is there',
            map({ "  done: $_" } differences($after, $found, $before)),
            map({ "  not done: $_" } @wrong));
        $done = 1;
    }
    $account->note(sprintf '%s: %s', $op->{request}{id} // '', $done ? 'done' : 'not done');
    if ($done) {
        delete $after->{$_} for keys %$after;
        %$after = %$found;
        $self->adopt($op, $after, undef, $found->{epoch});
    }
    delete $account->state->{epoch};
    $op->{unknown}->($done) if $op->{unknown};
    $self->order($account) if $account->id;
    return;
}

sub promised ($self, $op) {
    my $state = {%{$op->{account}->state}};
    $op->{effect}->($state) if $op->{effect};
    return $state;
}

# the account's new state; what it has ended is refused
sub adopt ($self, $op, $state, $node, $epoch = undef) {
    my $account = $op->{account};
    $account->raise($epoch) if $op->{raises} || defined $epoch && $epoch > $account->least;
    $account->state($state);
    $account->use_session($_)
        for grep { !$account->sessions->{$_} } $account->names('session');
    $account->bury_ended;
    my @tokens = grep { !$_->{seen} } @{$account->dead};
    $_->{seen} = {$node ? ($node => 1) : ()} for @tokens;
    for my $token (@tokens > 3 ? @tokens[-3 .. -1] : @tokens) {
        $self->refused($account, $token, $_)
            for grep { $node && $_ == $node || chance(0.3) } @{$self->nodes};
    }
    return;
}

# the sessions as the database has them by their last use
sub order ($self, $account) {
    $account->sessions->{$_} && $account->use_session($_)
        for reverse $self->truth->sessions_by_use($account);
    return;
}

# A token that must be refused is: by the node that ended it, and by those that
# have refused it before, at once; by another one soon.
sub refused ($self, $account, $token, $node) {
    return if $token->{exp} && $token->{exp} < time;
    my $request = $token->{access}
        ? {method => 'GET', path => '/app/ended', token => $token->{access}}
        : {method => 'POST', path => '/auth/refresh', json => {refresh_token => $token->{refresh}}};
    my $soon = !$token->{seen}{$node} || $self->is_upgraded($node);
    my ($begun, $status) = (time);
    wait_until(sub {
        my $sent = time;
        $request->{id} = $self->unique;
        $status = $self->sender->send($node, 'kept', $request)->{status};
        $self->record({kind => 'ended', request => $request, account => $account}, $node, 'kept',
            $status, time - $sent);
        return !$soon || $status == 401;
    }, 60);
    return if $unknown{$status};
    $self->broken({kind => 'ended', account => $account, request => $request},
        "$status for a token that is dead for " . (time - $token->{at}) . " s: $token->{why}")
        if $status != 401;
    $self->append('heard', sprintf '%.3f', time - $begun) if $soon;
    $token->{seen}{$node} = 1;
    return;
}

# its old workers and the new ones are like two nodes
sub is_upgraded ($self, $node) {
    my $file = path($node->dir, 'upgraded');
    return -e $file && time - (stat $file)[9] < 60;
}


# Promises

# what differs from what was promised; '*' is another password than before
sub differences ($promised, $found, $before) {
    my %keys = map { $_ => 1 } keys %$promised, keys %$found;
    delete $keys{epoch};
    delete $keys{password} if ($promised->{password} // '') eq '*'
        && ($found->{password} // '') ne ($before->{password} // '');
    return map { sprintf '%.60s: "%.60s", promised was "%.60s"', $_, map { $_ // '' }
        $found->{$_}, $promised->{$_} }
        grep { ($promised->{$_} // '') ne ($found->{$_} // '') } sort keys %keys;
}

sub compare ($self, $op, $promised, $found) {
    my $account = $op->{account};
    my @wrong = differences($promised, $found, $account->state);
    push @wrong, "the epoch is $found->{epoch}, less than @{[$account->least]}"
        if ($found->{epoch} // 0) < $account->least;
    $self->broken($op, 'the database has', map { "  $_" } @wrong) if @wrong;
    return;
}

sub broken ($self, $op, @what) {
    my $account = $op->{account};
    my $request = $op->{request} // {};
    my $text = join "\n", "client @{[$self->number]}, $op->{kind}, "
        . join(' ', map { $request->{$_} // () } qw(id method path))
        . ($account ? ', ' . $account->email . ' ' . ($account->id // '') : '') . ": $what[0]",
        @what[1 .. $#what], $account ? map({ "    $_" } @{$account->log}) : (), '', '';
    $self->append('broken', $text);
    return;
}

sub record ($self, $op, $node, $way, $status, $took) {
    $self->append('stats', sprintf '%.3f %s %s %d %s', time, $op->{kind}, $status, 1e6 * $took,
        $way);
    $op->{account}->note(join ' ', $op->{kind}, $op->{request}{id}, 'at', $node->port, $way,
        $status) if $op->{account};
    return;
}

# a line, or several, in one write
sub append ($self, $name, $text) {
    my $file = $self->{files}{$name} //= path($self->dir, $name)->open('>>');
    syswrite $file, Mojo::Util::encode('UTF-8', "$text\n");
    return;
}


# For actions

# an access token of an account; undef: not now
sub token ($self, $account) {
    my @good = $account->good;
    return $account->sessions->{any(@good)}{access} if @good;
    return if !$account->is_usable;
    my $op = Test::Autoflow::Soak::SessionActions::any_login($self, $account) or return;
    $self->perform($op, way => 'kept') or return;
    @good = $account->good;
    return @good ? $account->sessions->{any(@good)}{access} : undef;
}

# new mails to own accounts
sub read_mails ($self) {
    my $file = $self->smtp->log_file;
    return if !-e $file;
    my $handle = $self->{mails} //= $file->open('<');
    my $prefix = sprintf 'soak-%d-', $self->number;
    while (1) {
        my $start = tell $handle;
        my $line  = readline $handle // '';
        if ($line !~ /\n\z/) { seek $handle, $start, 0; last }
        next if $line !~ /\Q"$prefix\E/;
        my $mail = decode_json($line);
        my ($account) = grep { $_->email eq ($mail->{recipients} // [''])->[0] }
            @{$self->accounts} or next;
        my ($kind, $token) = $mail->{text} =~ m{/([\w-]+)\?token=([\w-]+)} or next;
        my ($id) = map { $_->[0] eq 'Message-ID' ? $_->[1] =~ /<([^@]+)/ : () } @{$mail->{headers}};
        push @{$account->mails}, {kind => $kind, token => $token, id => $id};
    }
    return;
}

1;
