# Codes at two nodes of one database, at once and in turn: each is good once, and wrong
# ones are counted together.

use Mojo::Base -strict, -signatures;
use Mojo::Promise;
use Test::Autoflow;
use Test::Autoflow::Factors;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my $t    = Test::Autoflow->new(clock => 1);
my %conf = (autoflow_seal_key => 'hex:' . 'a1' x 32,
    autoflow_attempts => 'account=10/15m address=100000/1m');
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(%conf);
$t->start->hold;
factors_at($t);

my $other = Test::Autoflow->new(beside => $t, clock => 1, settings => {%conf})->start->hold;
my @nodes = ($t, $other);

# of as many requests at once, half of them at each node
sub statuses (@requests) {
    my %statuses;
    my @sent = map {
        my ($node, $path, @more) = @$_;
        $node->ua->post_p($node->url($path) => @more);
    } @requests;
    Mojo::Promise->all(@sent)->then(sub { $statuses{$_->[0]->res->code}++ for @_ })->wait;
    return \%statuses;
}

sub sessions ($user) {
    return $t->db->selectrow_array('SELECT count(*) FROM autoflow.sessions WHERE user_id = ?', {},
        $user->{user}{id});
}

sub guess ($node, $token, $code) {
    my $tx = $node->ua->post($node->url('/auth/mfa/verify') => json =>
        {mfa_token => $token, code => $code});
    return ($tx->res->code, $tx->res->headers->header('Retry-After'));
}


subtest 'one code, as a login and as a proof' => sub {
    my $ada   = guarded('ada');
    my $token = asked('ada');
    my $code  = code($ada->{secret});
    my $before = sessions($ada);
    my $got = statuses(map { my $n = $_; $n % 4 < 2
        ? [$nodes[$n % 2], '/auth/mfa/verify', json => {mfa_token => $token, code => $code}]
        : [$nodes[$n % 2], '/auth/reauth', $t->bearer($ada), json => {code => $code}] } 0 .. 31);
    is $got->{200}, 1, 'is good once, wherever' or diag explain $got;
    cmp_ok sessions($ada) - $before, '<=', 1;
};

subtest 'one recovery code' => sub {
    my $bob   = guarded('bob');
    my $token = asked('bob');
    my $before = sessions($bob);
    my $got = statuses(map { [$nodes[$_ % 2], '/auth/mfa/verify', json =>
        {mfa_token => $token, recovery_code => $bob->{codes}[0]}] } 0 .. 31);
    is_deeply $got, {200 => 1, 401 => 31}, 'is good once, too';
    is sessions($bob) - $before, 1;
    $got = statuses(map { [$nodes[$_ % 2], '/auth/mfa/verify', json =>
        {mfa_token => $token, recovery_code => $bob->{codes}[1 + $_ % 9]}] } 0 .. 31);
    is $got->{200}, 9, 'and each of nine';
    $t->get_ok('/auth/mfa/factors' => $t->bearer($bob))->json_is('/recovery_codes' => 0);
};

subtest 'a right password and guessed codes in turn' => sub {
    my $cleo = guarded('cleo');
    $t->db->do('DELETE FROM autoflow.user_addresses WHERE user_id = ?', {}, $cleo->{user}{id});
    my $familiar = sub {
        $t->db->selectrow_array('SELECT count(*) FROM autoflow.user_addresses WHERE user_id = ?',
            {}, $cleo->{user}{id});
    };
    my @got;
    for my $n (0 .. 9) {
        my $node = $nodes[$n % 2];
        my $answer = $node->ua->post($node->url('/auth/login') => json =>
            {username => 'cleo', password => $good})->res->json;
        is $answer->{code}, 'mfa_required';
        push @got, (guess($node, $answer->{mfa_token}, wrong($cleo->{secret})))[0];
    }
    is_deeply \@got, [(401) x 5, (429) x 5], 'five are compared, at both nodes together';
    is $t->db->selectrow_array(q{SELECT count(*) FROM autoflow.audit_events WHERE target_id = ?
        AND action = 'factor_requested'}, {}, $cleo->{user}{id}), 10, 'each is audited';
    is $familiar->(), 0, 'no address becomes familiar by that';
    is +(guess($t, asked('cleo'), $cleo->{codes}[0]))[0], 429, 'nor is a recovery code an app\'s';
    verify(asked('cleo'), recovery_code => $cleo->{codes}[0])->status_is(200);
    is $familiar->(), 1, 'but by a factor that is right';

    # nor are wrong passwords forgotten by a right one
    my $dora = guarded('dora');
    my @passwords;
    for my $n (1 .. 11) {
        login('dora', 'wrong');
        push @passwords, $t->tx->res->code;
        login('dora')->status_is($n < 10 ? 401 : 429) if $n < 11;
    }
    is_deeply \@passwords, [(401) x 10, 429], 'wrong passwords count on';
};

subtest 'pauses over nodes' => sub {
    my $emil  = guarded('emil');
    my $token = asked('emil');
    is +(guess($nodes[$_ % 2], $token, wrong($emil->{secret})))[0], 401 for 1 .. 5;
    my @pauses;
    for my $n (1 .. 13) {
        my ($status, $wait) = guess($nodes[$n % 2], $token, code($emil->{secret}));
        is $status, 429, "pause $n";
        push @pauses, $wait;
        pause_over($emil);
        $t->db->do(q{UPDATE autoflow.failed_attempts SET ends_at = now() + interval '7 days'
            WHERE kind = 'code' AND account = ?}, {}, $emil->{user}{id});
        is +(guess($nodes[($n + 1) % 2], $token, wrong($emil->{secret})))[0], 401, 'then one more';
    }
    for my $n (0 .. 12) {
        my $pause = 60 * 2 ** $n;
        $pause = 86_400 if $pause > 86_400;
        ok $pauses[$n] <= $pause && $pauses[$n] > $pause - 60, "of $pause seconds"
            or diag $pauses[$n];
    }
    is +(guess($other, $token, code($emil->{secret})))[0], 429;
    pause_over($emil);
    $t->db->do(q{UPDATE autoflow.failed_attempts SET ends_at = now() + interval '7 days'
        WHERE kind = 'code' AND account = ?}, {}, $emil->{user}{id});
    is +(guess($other, $token, code($emil->{secret})))[0], 200, 'and a right one ends it';
    unused('emil');
    is +(guess($t, asked('emil'), code($emil->{secret})))[0], 200, 'at all nodes';
};

$other->finish;
done_testing;
