package Test::Autoflow::Soak::DirectoryActions;

# What owners do with contacts, jobs, organizations and messages.

use Mojo::Base -strict, -signatures;

use Mojo::JSON qw(false true);
use Test::Autoflow::Generator qw(any chance);

# how many of a kind an account may have
use constant ITEMS => 8;

# each kind: its path, and a new item's key, fields, and value in the state
my %kinds = (
    contact => ['/contacts', sub ($client) {
        my ($type, $primary) = (any(qw(phone social)), chance(0.5));
        my $value = $client->unique('c');
        return ("contact $value", {type => $type, value => $value,
            is_primary => $primary ? true : false}, $type . ($primary ? ' primary' : ''));
    }],
    job => ['/jobs', sub ($client) {
        my ($title, $company) = map { $client->unique($_) } qw(j w);
        return ("job $title", {title => $title, company => $company}, $company);
    }],
    organization => ['/organizations', sub ($client) {
        my ($name, $description) = map { $client->unique($_) } qw(o d);
        return ("organization $name", {name => $name, description => $description}, $description);
    }],
);

sub actions {
    return (
        map({
            my $kind = $_;
            "create_$kind" => [2, sub (@of) { create($kind, @of) }],
                "save_$kind" => [1, sub (@of) { save($kind, @of) }],
                "delete_$kind" => [1, sub (@of) { remove($kind, @of) }],
                "list_$kind" => [0.5, sub (@of) { list($kind, @of) }],
        } sort keys %kinds),
        send_message   => [3, \&send_message],
        read_message   => [2, \&read_message],
        delete_message => [1, \&delete_message],
        conversations  => [0.5, sub (@of) { list('conversation', @of) }],
    );
}

# a primary contact replaces the one of its type
sub set ($state, $key, $value) {
    if ($value =~ /^(\w+) primary$/) {
        $_ eq $value and $_ = $1 for @$state{grep { /^contact / } keys %$state};
    }
    $state->{$key} = $value;
    return;
}

sub create ($kind, $client, $account) {
    my ($path, $item) = @{$kinds{$kind}};
    return if $account->names($kind) >= ITEMS;
    my $token = $client->token($account) // return;
    my ($key, $fields, $value) = $item->($client);
    return {
        account => $account,
        request => {method => 'POST', path => $path, token => $token, json => $fields},
        status  => 201,
        effect  => sub ($state) { set($state, $key, $value) },
    };
}

# one that it has: its key, and its path
sub item ($kind, $client, $account) {
    my $name = any($account->names($kind)) // return;
    my $id   = $client->truth->id_of_item($account, "$kind $name");
    return ("$kind $name", "$kinds{$kind}[0]/$id");
}

sub save ($kind, $client, $account) {
    my $token = $client->token($account) // return;
    my ($key, $path) = item($kind, $client, $account) or return;
    my ($new, $fields, $value) = $kinds{$kind}[1]->($client);
    return {
        account => $account,
        request => {method => any(qw(PUT PATCH)), path => $path, token => $token, json => $fields},
        status  => 200,
        effect  => sub ($state) { delete $state->{$key}; set($state, $new, $value) },
    };
}

sub remove ($kind, $client, $account) {
    my $token = $client->token($account) // return;
    my ($key, $path) = item($kind, $client, $account) or return;
    return {
        account => $account,
        request => {method => 'DELETE', path => $path, token => $token},
        status  => 204,
        effect  => sub ($state) { delete $state->{$key} },
    };
}

sub list ($kind, $client, $account) {
    my $token = $client->token($account) // return;
    return {account => $account, status => 200,
        request => {method => 'GET', path => "/${kind}s?size=20", token => $token}};
}


# Messages, to others of the client

sub send_message ($client, $account) {
    my $token = $client->token($account) // return;
    my ($to) = grep { $_ != $account && $_->is_usable } @{$client->accounts} or return;
    return if $account->names('message') >= ITEMS;
    my $content = $client->unique('m') . (chance(0.2) ? ' x' x 2500 : '');
    return {
        account => $account,
        request => {method => 'POST', path => '/messages', token => $token,
            json => {recipient_id => $to->id, content => $content}},
        status => 201,
        effect => sub ($state) { $state->{"message $content"} = 'unread' },
        done   => sub ($message) { $account->{to}{$content} = $to },
    };
}

sub read_message ($client, $account) {
    my ($content) = grep { $account->state->{"message $_"} eq 'unread' && $account->{to}{$_} }
        $account->names('message') or return;
    my $to    = $account->{to}{$content};
    my $token = $client->token($to) // return;
    my $id    = $client->truth->id_of_item($account, "message $content");
    return {
        account => $account,
        request => {method => 'PUT', path => "/messages/$id/read", token => $token},
        status  => 200,
        effect  => sub ($state) { $state->{"message $content"} = 'read' },
    };
}

sub delete_message ($client, $account) {
    my $token   = $client->token($account) // return;
    my $content = any($account->names('message')) // return;
    my $id      = $client->truth->id_of_item($account, "message $content");
    return {
        account => $account,
        request => {method => 'DELETE', path => "/messages/$id", token => $token},
        status  => 204,
        effect  => sub ($state) { delete $state->{"message $content"} },
    };
}

1;
