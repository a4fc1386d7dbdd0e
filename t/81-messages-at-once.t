# Many concurrent messages: none is lost, there are no deadlocks, and a poll
# sees each of them once.

use Mojo::Base -strict, -signatures;
use List::Util qw(shuffle);
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Mailboxes qw(faults);
use Test::More;

my $t = Test::Autoflow->new(workers => 2)->start;

sub account { my $pair = $t->register; return {%$pair, id => $pair->{user}{id}} }

# anyone's requests, for at_once()
sub ask ($who, $method, $path, @body) {
    return [$method => "/api/v1$path" => $t->bearer($who), @body ? (json => $body[0]) : ()];
}

sub message ($from, $to, %fields) {
    my %body = (recipient_id => $to->{id}, content => 'Hello', %fields);
    return ask($from, POST => '/messages', \%body);
}

# their responses, if each has this status
sub done ($status, @requests) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @txs = $t->at_once(@requests);
    is_deeply [grep { $_ !~ $status } map { $_->res->code } @txs], [], @requests . ' at once';
    return map { $_->res->json } @txs;
}

sub list ($who, $query) { (done(qr/^200$/, ask($who, GET => "/messages?$query")))[0] }
sub ids ($messages) { [sort map { $_->{id} } @$messages] }
sub sound { is_deeply [faults($t->db)], [], 'mailboxes are as they must be' }

my @all = map { account() } 1 .. 33;
my ($me, @others) = @all;


subtest 'to one account' => sub {
    my @sent = done(qr/^201$/, map { message($_, $me) } @others);
    my $inbox = list($me, 'box=inbox&size=100');
    is_deeply ids($inbox->{data}), ids(\@sent), 'all have come';
    is list($me, 'unread=true')->{total}, 32, 'unread';
    sound();
};

subtest 'from one account' => sub {
    done(qr/^201$/, map { message($me, $_) } @others);
    is list($me, 'box=sent')->{total}, 32, 'all are sent';
    sound();
};

subtest 'in both directions, in one conversation' => sub {
    for my $round (1 .. 3) {
        my ($first) = done(qr/^201$/, message(@all[1, 2]));
        my @of = (conversation_id => $first->{conversation_id});
        done(qr/^201$/, map { (message(@all[1, 2], @of), message(@all[2, 1], @of),
            message((shuffle @all[0 .. 5])[0, 1])) } 1 .. 16);
    }
    sound();
};

# reads, deletions by both, and replies to what is being deleted
subtest 'everything at once' => sub {
    my ($ada, $bob) = map { account() } 1, 2;
    for my $round (1 .. 4) {
        my @sent = done(qr/^201$/, map { message($ada, $bob) } 1 .. 4);
        push @sent, done(qr/^201$/,
            map { message($bob, $ada, parent_id => $_->{id}) } @sent, @sent);
        done(qr/^(?:20[014]|404|422)$/, shuffle map {
            my $path = "/messages/$_->{id}";
            my ($from, $to) = $_->{sender_id} eq $ada->{id} ? ($ada, $bob) : ($bob, $ada);
            ((ask($to, PUT => "$path/read")) x 2, ask($from, DELETE => $path),
                (ask($to, DELETE => $path)) x (rand > 0.3),
                message($to, $from, parent_id => $_->{id}))
        } @sent);
        sound();
    }
};

# Each sends one after another, all of them beside the poll, which each time
# begins with the latest that it has seen.
subtest 'a poll' => sub {
    my $poller = account();
    my ($last) = map { $_->{id} } done(qr/^201$/, message($others[0], $poller));
    my ($each, $sending, @seen) = (20, 8);
    my %sent;
    my $request = sub ($request) {
        return $t->ua->start_p($t->ua->build_tx(@$request))->then(sub ($tx) { $tx->res->json });
    };
    my $send;
    $send = sub ($who, $left) {
        return $request->(message($who, $poller))->then(sub ($message) {
            $sent{$message->{id}}++;
            return $left > 1 ? $send->($who, $left - 1) : undef;
        });
    };
    my $poll;
    $poll = sub {
        my $ended = !$sending;     # then this one sees the rest, or begins it
        return $request->(ask($poller, GET => "/messages?size=7&after=$last"))->then(sub ($page) {
            push @seen, map { $_->{id} } @{$page->{data}};
            $last = $seen[-1] if @{$page->{data}};
            return $ended && !@{$page->{data}} ? undef : $poll->();
        });
    };
    my @senders = map { $send->($_, $each)->then(sub { $sending-- }) } @others[0 .. $sending - 1];
    Mojo::Promise->all($poll->(), @senders)
        ->catch(sub ($error) { fail($error) })->wait;

    is scalar keys %sent, 8 * $each, 'all were sent';
    is_deeply [sort @seen], [sort keys %sent], 'and seen, each of them once';
    my @list = map { @{list($poller, "size=100&page=$_")->{data}} } 1, 2;
    is_deeply \@seen, [map { $_->{id} } reverse @list[0 .. $#list - 1]], 'in their order';
    sound();
};

$t->finish;
done_testing;
