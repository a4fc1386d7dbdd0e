package Test::Autoflow::Soak::AccountActions;

# What owners do with their accounts: registration, profile, password, mails.

use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(false true);
use Test::Autoflow::Generator qw(any chance);

sub actions {
    return (
        register       => [1, sub ($client, $account) {
            @{$client->accounts} < 8 ? registration($client) : undef }],
        update         => [6, \&update],
        password       => [2, \&password],
        password_wrong => [1, \&password_wrong],
        forgot         => [2, \&forgot],
        reset          => [3, \&reset],
        verify         => [2, \&verify],
        delete_account => [0.5, \&delete_account],
        profile        => [3, \&profile],
    );
}

# a text that doesn't fit into nginx's buffer, sometimes
sub text ($client) { $client->unique('t') . (chance(0.3) ? ' x' x 2500 : '') }

sub registration ($client) {
    my $name    = $client->unique('s');
    my $account = Test::Autoflow::Soak::Account->new(
        email    => $client->unique('') . '@example.com',
        password => 'the first horse ' . $client->unique('p'),
    );
    return {
        kind    => 'register',
        account => $account,
        request => {method => 'POST', path => '/auth/register', headers => {'User-Agent' => $name},
            json => {email => $account->email, password => $account->password}},
        status => 201,
        audit  => 'registered',
        effect => sub ($state) {
            $account->use_session($name);
            %$state = (email => $account->email, password => '*', is_active => 1,
                "session $name" => 'lives', map { $_ => 0 } qw(is_superuser email_verified deleted
                profile));
        },
        first  => sub ($pair) { $account->id($pair->{user}{id}) },
        done   => sub ($pair) { $account->got($name, $pair); belongs($client, $account) },
        unknown => sub ($done) { belongs($client, $account) if $done },
    };
}

sub belongs ($client, $account) {
    push @{$client->accounts}, $account if $client->admin && @{$client->accounts} >= 4;
    return;
}

sub update ($client, $account) {
    my $token  = $client->token($account) // return;
    my %fields = map { $_ => text($client) }
        any([qw(bio)], [qw(full_name)], [qw(bio full_name)])->@*;
    $fields{full_name} =~ s/ .*// if $fields{full_name};
    return {
        account => $account,
        request => {method => any(qw(PATCH PUT)), path => '/auth/me', token => $token,
            json => \%fields},
        status => 200,
        effect => sub ($state) { %$state = (%$state, %fields) },
    };
}

sub password ($client, $account) {
    my $name = any($account->good) // return;
    my $new  = 'another horse ' . $client->unique('p');
    return {
        %{replaced($account, $new)},
        request => {method => 'PUT', path => '/auth/me/password',
            token => $account->sessions->{$name}{access},
            json => {current_password => $account->password, new_password => $new}},
        audit  => 'password_changed',
        effect => sub ($state) {
            $state->{password} = '*';
            for (keys %$state) {
                delete $state->{$_} if /^session (.*)/ && $1 ne $name;
            }
        },
    };
}

sub replaced ($account, $new) {
    return {
        account => $account,
        status  => 204,
        done    => sub ($nothing) { $account->password($new) },
        unknown => sub ($done) { $account->password($new) if $done },
    };
}

sub password_wrong ($client, $account) {
    my $token = $client->token($account) // return;
    return {
        account => $account,
        request => {method => 'PUT', path => '/auth/me/password', token => $token,
            json => {current_password => 'not that one', new_password => 'another horse entirely'}},
        status => 403,
    };
}

sub forgot ($client, $account) {
    return {
        account => $account,
        request => {method => 'POST', path => '/auth/forgot-password',
            json => {email => $account->email}},
        status => 202,
        audit  => 'password_reset_requested',
    };
}

# a mail of a kind that the account has received, once
sub mail ($client, $account, $kind) {
    $client->read_mails;
    my ($mail) = grep { $_->{kind} eq $kind } @{$account->mails} or return;
    @{$account->mails} = grep { $_ != $mail } @{$account->mails};
    return $mail;
}

sub reset ($client, $account) {
    my $mail = mail($client, $account, 'reset-password') // return;
    my $new  = 'a fresh horse ' . $client->unique('p');
    my $request = {method => 'POST', path => '/auth/reset-password',
        json => {token => $mail->{token}, new_password => $new}};
    return {account => $account, request => $request, status => 400}
        if !$client->truth->is_usable($mail);
    return {
        %{replaced($account, $new)},
        request => $request,
        audit   => 'password_reset',
        raises  => 1,
        effect  => sub ($state) {
            %$state = (%$state, password => '*', email_verified => 1);
            delete @$state{grep { /^session / } keys %$state};
        },
    };
}

sub verify ($client, $account) {
    my $mail = mail($client, $account, 'verify-email') // return;
    my $request = {method => 'POST', path => '/user/verify-email',
        json => {token => $mail->{token}}};
    return {account => $account, request => $request, status => 400}
        if !$client->truth->is_usable($mail) || !$account->is_usable;
    return {
        account => $account,
        request => $request,
        status  => 204,
        audit   => 'email_verified',
        effect  => sub ($state) { $state->{email_verified} = 1 },
    };
}

sub delete_account ($client, $account) {
    return if @{$client->accounts} < 5;
    my $token = $client->token($account) // return;
    my $leave = sub {
        @{$client->accounts} = grep { $_ != $account } @{$client->accounts};
        push @{$client->gone}, $account;
    };
    return {
        account => $account,
        request => {method => 'DELETE', path => '/auth/me', token => $token},
        status  => 204,
        audit   => 'deleted',
        raises  => 1,
        effect  => sub ($state) {
            %$state = (%$state, deleted => 1, is_active => 0);
            delete @$state{grep { /^profile$|^\w+ / } keys %$state};     # what it had
        },
        done    => sub ($nothing) { $leave->() },
        unknown => sub ($done) { $leave->() if $done },
    };
}

sub profile ($client, $account) {
    my $token = $client->token($account) // return;
    my ($name, $public) = ($client->unique('f'), any(true, false));
    return {
        account => $account,
        request => {method => 'PATCH', path => '/profiles/me', token => $token,
            json => {first_name => $name, is_public => $public}},
        status => 200,
        effect => sub ($state) { $state->{profile} = "$name " . ($public ? 'true' : 'false') },
    };
}

1;
