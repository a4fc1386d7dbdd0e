package Test::Autoflow::Soak::SessionActions;

# What a soak's clients do with sessions: logins, refreshes, logouts, and requests
# with tokens, good and bad.  See Test::Autoflow::Soak::Client for what an
# operation is.

use Mojo::Base -strict, -signatures;

use Test::Autoflow::Generator qw(any chance);
use Time::HiRes qw(time);

# within the grace period, and well before its end
use constant {GRACE => 60, SURELY => 45};

# by name: how often, and what makes an operation of a client for an account, or
# undef if that is impossible now
sub actions {
    return (
        login          => [10, \&login],
        login_wrong    => [4, \&login_wrong],
        refresh        => [10, \&refresh],
        refresh_twice  => [3, \&refresh_twice],
        refresh_former => [1, \&refresh_former],
        logout         => [4, \&logout],
        logout_refresh => [2, \&logout_refresh],
        logout_others  => [1, \&logout_others],
        logout_all     => [1, \&logout_all],
        end_session    => [2, \&end_session],
        sessions       => [2, \&sessions],
        app            => [20, \&app],
        app_bad        => [5, \&app_bad],
        ended          => [8, \&ended],
        me             => [6, \&me],
    );
}

# without those that exceed the limit
sub within_limit ($client, $account, $state) {
    my @names = $account->by_use($state);
    delete $state->{"session $_"} for @names[$client->sessions .. $#names];
    return;
}

# a login or a refresh, whichever is possible
sub any_login ($client, $account) {
    return chance(0.5) && refresh($client, $account) || login($client, $account);
}

sub login ($client, $account, @) {
    my $name = $client->unique('s');
    my %op = (
        kind    => 'login',
        account => $account,
        request => {method => 'POST', path => '/auth/login', headers => {'User-Agent' => $name},
            json => {email => $account->email, password => $account->password}},
    );
    return {%op, status => 403} if !$account->is_usable;
    return {
        %op,
        status => 200,
        audit  => 'logged_in',
        effect => sub ($state) {
            $account->use_session($name);
            $state->{"session $name"} = 'lives';
            within_limit($client, $account, $state);
        },
        done   => sub ($pair) { $account->got($name, $pair) },
    };
}

sub login_wrong ($client, $account) {
    return {
        account => $account,
        request => {method => 'POST', path => '/auth/login',
            json => {email => $account->email,
                password => $account->password . any('x', ' ', '?')}},
        status => 401,
        audit  => 'login_failed',
    };
}

sub refresh_of ($token) {
    return {method => 'POST', path => '/auth/refresh', json => {refresh_token => $token}};
}

# If a response was lost, the session's token is the former one: within the grace
# period it gets the same successor, later it counts as stolen.
sub refresh ($client, $account) {
    my $name    = any($account->refreshable) // return;
    my $session = $account->sessions->{$name};
    my $lost    = $session->{lost};
    if ($lost && time > $lost + SURELY) {
        return time > $lost + 2 * GRACE ? reuse($account, $name, $session->{refresh}) : undef;
    }
    my $begun = time;
    return {
        kind    => 'refresh',
        account => $account,
        request => refresh_of($session->{refresh}),
        status  => 200,
        effect  => sub ($state) { },
        done    => sub ($pair) {
            $account->got($name, $pair);
            $client->order($account) if $lost;
        },
        unknown => sub ($done) { lost($client, $session, $begun) },
    };
}

# after a response that is unknown
sub lost ($client, $session, $begun) {
    $session->{lost} //= $begun
        if ($client->truth->number($session->{sid}) // 0) > $session->{number};
    return;
}

# the same token, at each node, at the same time
sub refresh_twice ($client, $account) {
    my $name    = any($account->refreshable) // return;
    my $session = $account->sessions->{$name};
    return if $session->{lost};
    my %op = (kind => 'refresh_twice', account => $account,
        request => refresh_of($session->{refresh}), effect => sub ($state) { });
    my @requests = map { {%{$op{request}}, id => $client->unique} } 1 .. 2;
    my @nodes    = @{$client->nodes}[0, -1];
    my $begun    = time;
    my @answers  = $client->sender->at_once(map { [$nodes[$_], $requests[$_]] } 0, 1);
    my @pairs;
    for (0, 1) {
        my $op = {%op, request => $requests[$_], status => 200, done => sub ($pair) {
            push @pairs, $pair;
        }};
        $client->record($op, $nodes[$_], 'new', $answers[$_]{status}, time - $begun);
        $client->judge($op, $nodes[$_], $answers[$_]);
    }
    $account->got($name, $_) for @pairs;
    lost($client, $session, $begun) if !@pairs;
    $client->broken(\%op, 'two refreshes at once have different successors')
        if @pairs == 2 && $pairs[0]{refresh_token} ne $pairs[1]{refresh_token};
    return;
}

# an earlier one than the former: it was stolen
sub refresh_former ($client, $account) {
    my ($name) = grep { @{$account->sessions->{$_}{former}} > 1 } $account->refreshable or return;
    return reuse($account, $name, $account->sessions->{$name}{former}[-2]);
}

sub reuse ($account, $name, $token) {
    return {
        account => $account,
        request => refresh_of($token),
        status  => 401,
        audit   => 'refresh_token_reused',
        effect  => sub ($state) { delete $state->{"session $name"} },
    };
}

# ends one, by its access token or its refresh token
sub logout ($client, $account) {
    my $name = any($account->good) // return;
    return {%{ending($account, sub ($other) { $other eq $name })},
        request => {method => 'POST', path => '/auth/logout',
            token => $account->sessions->{$name}{access}}};
}

sub logout_refresh ($client, $account) {
    my $name = any(grep { !$account->sessions->{$_}{lost} } $account->refreshable) // return;
    return {%{ending($account, sub ($other) { $other eq $name })},
        request => {method => 'POST', path => '/auth/logout',
            json => {refresh_token => $account->sessions->{$name}{refresh}}}};
}

sub logout_others ($client, $account) {
    my $name = any($account->good) // return;
    return if $account->names('session') < 2;
    return {%{ending($account, sub ($other) { $other ne $name })},
        request => {method => 'POST', path => '/auth/logout?scope=others',
            token => $account->sessions->{$name}{access}}};
}

sub logout_all ($client, $account) {
    my $name = any($account->good) // return;
    return {%{ending($account, sub ($other) { 1 })}, raises => 1,
        request => {method => 'POST', path => '/auth/logout-all',
            token => $account->sessions->{$name}{access}}};
}

sub end_session ($client, $account) {
    my $name  = any($account->good) // return;
    my $which = any(grep { $account->sessions->{$_}{sid} } $account->names('session'));
    return {%{ending($account, sub ($other) { $other eq $which })},
        request => {method => 'DELETE', path => "/auth/sessions/$account->{sessions}{$which}{sid}",
            token => $account->sessions->{$name}{access}}};
}

# what ends the sessions that are so
sub ending ($account, $are) {
    return {
        account => $account,
        status  => 204,
        audit   => 'logged_out',
        effect  => sub ($state) {
            for (keys %$state) {
                delete $state->{$_} if /^session (.*)/ && $are->($1);
            }
        },
    };
}

sub sessions ($client, $account) {
    my $token = $client->token($account) // return;
    my %op = (account => $account, kind => 'sessions',
        request => {method => 'GET', path => '/auth/sessions?size=100', token => $token});
    return {
        %op,
        status => 200,
        done   => sub ($list) {
            my $got    = join ' ', sort map { $_->{device_info} } @{$list->{data}};
            my $having = join ' ', $account->names('session');
            $client->broken(\%op, "it has the sessions $having, and is told $got")
                if $got ne $having;
        },
    };
}

sub app ($client, $account) {
    my $token = $client->token($account) // return;
    my %op = (account => $account, kind => 'app',
        request => {method => 'GET', path => '/app/x', token => $token});
    return {
        %op,
        status => 200,
        done   => sub ($json) {
            $client->broken(\%op, "the upstream sees $json->{user_id}")
                if $json->{user_id} ne $account->id;
        },
    };
}

# expired, forged, malformed or none
sub app_bad ($client, $account) {
    my $t = $client->nodes->[0];
    my %claims = (sub => $account->id, sid => $account->id, epoch => 1e9, iat => int(time - 100));
    my $token = any(
        $t->token({%claims, exp => int(time - 50)}),
        $t->token(\%claims, key => 'another key, of 32 octets at least'),
        $t->token(\%claims, header => {alg => 'none'}),
        'x.y.z', 'x' x 3000, undef,
    );
    return {request => {method => 'GET', path => '/app/x', token => $token}, status => 401};
}

sub ended ($client, $account) {
    my $token = any(@{$account->dead}) // return;
    $client->refused($account, $token, any(@{$client->nodes}));
    return;
}

sub me ($client, $account) {
    my $token = $client->token($account) // return;
    my %op = (account => $account, kind => 'me',
        request => {method => 'GET', path => '/auth/me', token => $token});
    return {
        %op,
        status => 200,
        done   => sub ($user) {
            my $state = $account->state;
            for (qw(email full_name bio)) {
                $client->broken(\%op, "$_ is not $state->{$_}")
                    if ($user->{$_} // '') ne ($state->{$_} // '');
            }
        },
    };
}

1;
