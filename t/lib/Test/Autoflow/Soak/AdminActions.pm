package Test::Autoflow::Soak::AdminActions;

# What a client's superuser does to its other accounts.

use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(false true);
use Test::Autoflow::Generator qw(any chance);

our @roles = qw(editor reader writer);

sub actions {
    return (
        disable   => [1, \&disable],
        enable    => [5, \&enable],
        roles     => [2, \&roles],
        superuser => [1, \&superuser],
        change    => [1, \&change],
        users     => [0.5, sub ($client, $account) { list($client, '/auth/users?size=20') }],
        audit     => [0.5, sub ($client, $account) { list($client, '/auth/audit?size=20') }],
    );
}

# by the superuser, about an account
sub request ($client, $account, $method, $path, $json = undef) {
    my $token = $client->token($client->admin) // return;
    return {method => $method, path => '/auth/users/' . $account->id . $path, token => $token,
        json => $json};
}

sub disable ($client, $account) {
    return if !$account->is_usable;
    my $request = request($client, $account, PUT => '/disable') // return;
    return {
        account => $account,
        request => $request,
        status  => 200,
        audit   => 'disabled',
        raises  => 1,
        effect  => sub ($state) {
            $state->{is_active} = 0;
            delete @$state{grep { /^session / } keys %$state};
        },
    };
}

sub enable ($client, $account) {
    ($account) = grep { !$_->is_usable } @{$client->accounts} or return;
    my $request = request($client, $account, PUT => '/enable') // return;
    return {
        account => $account,
        request => $request,
        status  => 200,
        audit   => 'enabled',
        effect  => sub ($state) { $state->{is_active} = 1 },
    };
}

sub roles ($client, $account) {
    my @given = grep { chance(0.5) } @roles;
    return if "@given" eq ($account->state->{roles} // '');
    my $request = request($client, $account, PUT => '/roles', {roles => \@given}) // return;
    return {
        account => $account,
        request => $request,
        status  => 200,
        audit   => 'roles_changed',
        raises  => 1,
        effect  => sub ($state) {
            $state->{roles} = "@given";
            delete $state->{roles} if !@given;
        },
    };
}

sub superuser ($client, $account) {
    my $is = !$account->state->{is_superuser};
    my $request = request($client, $account, PUT => '/superuser',
        {is_superuser => $is ? true : false}) // return;
    return {
        account => $account,
        request => $request,
        status  => 200,
        audit   => $is ? 'promoted' : 'demoted',
        raises  => 1,
        effect  => sub ($state) { $state->{is_superuser} = $is ? 1 : 0 },
    };
}

sub change ($client, $account) {
    my $name = $client->unique('n');
    my $request = request($client, $account, PATCH => '', {full_name => $name}) // return;
    return {
        account => $account,
        request => $request,
        status  => 200,
        audit   => 'updated',
        effect  => sub ($state) { $state->{full_name} = $name },
    };
}

sub list ($client, $path) {
    my $token = $client->token($client->admin) // return;
    return {request => {method => 'GET', path => $path, token => $token}, status => 200};
}

1;
