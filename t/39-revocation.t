# Revocation: a token is rejected from the next request on, by every worker and
# node, across restarts and failures of the listener; without queries to the
# database.

use Mojo::Base -strict, -signatures;
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Mojo::File qw(path);
use POSIX ();
use Test::Autoflow;
use Test::More;
use Time::HiRes qw(time);

my $good = 'correct horse battery staple';
my $app  = 'location /app/ { autoflow_auth on; proxy_pass http://echo; }
            location /open/ { proxy_pass http://echo; }
            location /metrics { autoflow_metrics; }';
my %common = (workers => 2, clock => 1, server => $app);
my $t = Test::Autoflow->new(%common)->start;

sub login ($account) {
    my $tx = $t->ua->post($t->url('/auth/login') => json =>
        {email => $account->{user}{email}, password => $good});
    return $tx->res->json;
}

sub claims ($pair) {
    Mojo::JSON::decode_json(
        MIME::Base64::decode_base64url((split /\./, $pair->{access_token})[1])) }

# over a new connection, so that it may be any worker
sub app ($node, $pair) {
    my $res = Mojo::UserAgent->new->get($node->url('/app/x') => $t->bearer($pair))->res;
    return $res->code . ' '
        . ($res->headers->www_authenticate // '') =~ s/.*error_description="(\w+)".*/$1/r;
}

sub logout ($pair) {
    $t->post_ok('/auth/logout' => $t->bearer($pair))->status_is(204);
}

# waits until a node has been notified
sub heard ($node, $pair) {
    my $start = time;
    $node->wait_for(sub { app($node, $pair) ne '200 ' });
    return time - $start;
}

sub next_second {
    my $second = int time;
    $t->wait_for(sub { int time > $second });
}

my $ada = $t->register(email => 'ada@example.com');


subtest 'logout, then 24 concurrent requests' => sub {
    my $pair = login($ada);
    is app($t, $pair), '200 ', 'it was good';
    logout($pair);

    # a backend reports its statistics when it exits, at the latest
    my $asked = sub {
        my $of = q{FROM pg_stat_activity WHERE usename = 'autoflow_app'};
        my $pids = $t->db->selectcol_arrayref("SELECT pid $of");
        $t->reload;
        my $left = "SELECT count(*) $of AND pid = ANY (?)";
        $t->wait_for(sub { !$t->db->selectrow_array($left, {}, $pids) });
        $t->ready;
        # without those that are purged periodically
        $t->db->selectrow_array(q{SELECT sum(idx_scan) + sum(seq_scan) FROM pg_stat_user_tables
            WHERE schemaname = 'autoflow' AND relname IN ('users', 'profiles')});
    };
    my $ua = Mojo::UserAgent->new(max_connections => 0);
    my $refused = sub {
        my %said;
        my @paths = ('/app/x', '/auth/me') x 12;
        Mojo::Promise->all(map { $ua->get_p($t->url($_) => $t->bearer($pair)) } @paths)
            ->then(sub (@got) { $said{$_->[0]->res->code}++ for @got })->wait;
        return \%said;
    };
    my $begun = sub {
        return $t->db->selectrow_array(q{SELECT max(query_start) FROM pg_stat_activity
            WHERE application_name = 'autoflow'});
    };
    my @seen;
    for (1 .. 5) {
        my ($before, $started) = ($asked->(), $begun->());
        is_deeply $refused->(), {401 => 24}, 'all are refused';
        @seen = ($begun->() ne $started ? 1 : 0, $asked->() - $before);
        # a job may have come between, such as that which seals anew, but not each time
        last if !grep { $_ } @seen;
    }
    is_deeply \@seen, [0, 0], 'no statement was begun for them, and no table was looked into';
};

# another node: a separate nginx on the same database
my $other = Test::Autoflow->new(%common, beside => $t)->start;

subtest 'another node is notified' => sub {
    my $worst = 0;
    for (1 .. 10) {
        my $pair = login($ada);
        is app($other, $pair), '200 ', 'good there' or last;
        logout($pair);
        my $took = heard($other, $pair);
        $worst = $took if $took > $worst;
    }
    note sprintf 'at most %.0f ms', 1000 * $worst;
    my $pair = login($ada);
    is app($other, $pair), '200 ';
    $t->post_ok('/auth/logout-all' => $t->bearer($pair))->status_is(204);
    heard($other, $pair);
    is app($other, $pair), '401 token_revoked', 'of an epoch, too';
    is app($other, login($ada)), '200 ', 'which does not concern later tokens';
};

subtest 'manual changes' => sub {
    for my $sql (
        q{UPDATE autoflow.users SET is_superuser = NOT is_superuser WHERE id = '%s'},
        q{UPDATE autoflow.users SET email_verified = true WHERE id = '%s';
          UPDATE autoflow.users SET email_verified = false WHERE id = '%s'},
        q{INSERT INTO autoflow.roles (name) VALUES ('r%s');
          INSERT INTO autoflow.user_roles (user_id, role_id) SELECT '%s', id FROM autoflow.roles},
        q{UPDATE autoflow.roles SET name = 'another'},
        q{INSERT INTO autoflow.roles (name) VALUES ('third');
          UPDATE autoflow.user_roles SET role_id = (SELECT id FROM autoflow.roles
          WHERE name = 'third')
           WHERE user_id = '%s'},
        q{DELETE FROM autoflow.roles},
        q{UPDATE autoflow.sessions SET ended_at = now() WHERE user_id = '%s'},
        q{DELETE FROM autoflow.sessions WHERE user_id = '%s'},
        q{UPDATE autoflow.users SET is_active = false WHERE id = '%s'},
        q{UPDATE autoflow.users SET is_active = true WHERE id = '%s';
          DELETE FROM autoflow.users WHERE id = '%s'},
    ) {
        state $eve = $t->register(email => 'eve@example.com');
        my $pair = $sql =~ /^UPDATE autoflow.users SET is_active = true/ ? next : login($eve);
        is app($_, $pair), '200 ' for $t, $other;
        $t->db->do($sql =~ s/%s/$eve->{user}{id}/gr);
        heard($_, $pair) for $t, $other;
        is app($_, $pair), '401 token_revoked', $sql =~ s/%s/x/gr for $t, $other;
    }
};

subtest 'a change and a login in the same second' => sub {
    for (1 .. 5) {
        my $old = login($ada);
        $t->db->do('UPDATE autoflow.users SET is_superuser = NOT is_superuser WHERE id = ?', {},
            $ada->{user}{id});
        my $new = login($ada);
        heard($_, $old) for $t, $other;
        is app($_, $old) . ', ' . app($_, $new), '401 token_revoked, 200 ',
            'the old is dead, the new is not'
            for $t, $other;
    }
    is claims(login($ada))->{is_superuser}, 1, 'which is up to date';
};

subtest "the listener's connection breaks" => sub {
    my $feed = sub ($node) {
        $t->db->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity
            WHERE application_name = 'autoflow feed'});
    };
    for my $round (1 .. 3) {
        my $pair = login($ada);
        $t->db->do('SELECT pg_terminate_backend(?)', {}, $_) for @{$feed->($other)};
        logout($pair);
        heard($other, $pair);
        is app($_, $pair), '401 token_revoked', 'what happened meanwhile is caught up with'
            for $t, $other;
        $t->wait_for(sub { @{$feed->($other)} == 2 });
    }
};

subtest 'expired revocations are purged as fast as they are added' => sub {
    $t->db->do(q{INSERT INTO autoflow.revocations SELECT gen_random_uuid(), NULL, now(),
        now() - interval '2 days'
                   FROM generate_series(1, 10000)});
    my $left = sub { $t->db->selectrow_array('SELECT count(*) FROM autoflow.revocations
        WHERE expires_at < now()') };
    $_->hold for $t, $other;
    $t->jobs_due;
    $_->pass(2) for $t, $other;
    # moments, a minute's tenth at most: a busy machine may need several
    my $polls = 0;
    for my $round (1 .. 10) {
        $t->wait_for(sub {
            ++$polls % 100 or map { $_->pass(0.2) } $t, $other;
            $left->() <= 10_000 - 1000 * $round;
        });
        $_->pass(0.2) for $t, $other;
    }
    pass 'a thousand, and in the next moment another';
    $_->go for $t, $other;
};

subtest 'reading revocations takes long' => sub {
    $other->stop;
    $t->db->do(q{ALTER ROLE autoflow_app SET statement_timeout = '1s'});
    my $pair = login($ada);
    logout($pair);
    my $lock = $t->locked('revocations');
    $other->start_nginx;
    my $waits = sub {
        $t->db->selectrow_array(q{SELECT pid FROM pg_stat_activity
            WHERE application_name = 'autoflow feed'
            AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '1.5 s'});
    };
    $t->wait_for($waits);
    is app($other, $pair), '503 ', 'nobody is trusted meanwhile';
    my $pid = $waits->();
    $lock->rollback;
    $other->wait_for(sub { app($other, $pair) !~ /^503/ });
    is app($other, $pair), '401 token_revoked', 'longer than a statement may take';
    is_deeply $t->db->selectcol_arrayref(q{SELECT pid FROM pg_stat_activity
        WHERE application_name = 'autoflow feed' AND pid = ?}, {}, $pid), [$pid],
        'at the first attempt';
    $t->db->do(q{ALTER ROLE autoflow_app SET statement_timeout = '60s'});
};

# longer than workers wait for the first of them: a millisecond each, and about a
# hundred in one piece
subtest 'there are many revocations' => sub {
    $other->stop;
    my $pair = login($ada);
    $t->db->do($_) for
        q{INSERT INTO autoflow.revocations SELECT gen_random_uuid(), NULL, now(),
            now() + interval '1 hour' FROM generate_series(1, 2000)},
        q{CREATE POLICY slowly ON autoflow.revocations FOR SELECT
            USING (pg_sleep(0.001) IS NOT NULL)},
        'ALTER TABLE autoflow.revocations ENABLE ROW LEVEL SECURITY';
    $other->start_nginx;
    is app($other, $pair), '200 ', 'no request is refused until all are read';
    $t->db->do($_) for 'ALTER TABLE autoflow.revocations DISABLE ROW LEVEL SECURITY',
        'DROP POLICY slowly ON autoflow.revocations',
        q{DELETE FROM autoflow.revocations WHERE expires_at > now() + interval '50 minutes'};
};

subtest 'worker 0 is killed' => sub {
    my $pair  = login($ada);
    my ($pid) = sort { $a <=> $b } $other->worker_pids;
    kill 'KILL', $pid;
    logout($pair);
    heard($other, $pair);
    is app($other, $pair), '401 token_revoked', 'another one takes over';
    $other->wait_for(sub { $other->workers_are });
    $other->ready;
    my $next = login($ada);
    is app($other, $next), '200 ';
    logout($next);
    heard($other, $next);
    push @{$other->allow}, "worker process $pid exited on signal 9", "exited with code";
    pass 'and hears of what comes';
};

subtest 'nginx is reloaded and restarted' => sub {
    my ($dead, $good) = (login($ada), login($ada));
    logout($dead);
    heard($other, $dead);
    $other->reload->ready;
    is app($other, $dead), '401 token_revoked', 'reloaded';
    is app($other, $good), '200 ';

    $other->settings->{autoflow_zone} = '1m';
    $other->reload->ready;
    is app($other, $dead), '401 token_revoked', 'with another size';
    is app($other, $good), '200 ';

    $other->stop;
    $other->start_nginx->ready;
    is app($other, $dead), '401 token_revoked', 'started';
    is app($other, $good), '200 ';
};

subtest 'a flood of revocations in a small zone' => sub {
    $other->settings->{autoflow_zone} = '256k';
    $other->reload->ready;
    my ($dead, $good) = (login($ada), login($ada));
    logout($dead);
    heard($other, $dead);
    next_second();      # what is revoked in the same second counts as issued before
    $t->db->do(q{INSERT INTO autoflow.revocations SELECT gen_random_uuid(), NULL, now(),
        now() + interval '1 hour'
                   FROM generate_series(1, 20000)});
    $other->stop;
    $other->start_nginx->ready;
    is app($other, $dead), '401 token_revoked', 'nothing is forgotten';
    is app($other, $good), '401 token_revoked', 'at the cost of the innocent';
    next_second();
    my $again = $t->post_ok('/auth/refresh' => json => {refresh_token => $good->{refresh_token}})
        ->tx->res->json;
    is app($other, $again), '200 ', 'who can refresh';
    $t->db->do('TRUNCATE autoflow.revocations');
};

# A node whose date was a day ahead for a while knows what was revoked before.
subtest 'the date is wrong' => sub {
    my $known = sub { $other->ua->get($other->url('/metrics'))->res->body
        =~ /^autoflow_revocations (\d+)$/m ? $1 : die };
    $t->db->do(q{INSERT INTO autoflow.revocations SELECT gen_random_uuid(), NULL, now(),
        now() + interval '1 minute'});
    $other->stop;
    $other->start_nginx->ready;
    my ($ended, $pair) = (login($ada), login($ada));
    logout($ended);
    heard($other, $ended);
    my $before = $known->();

    $other->misdate(86_400);
    is app($other, $pair), '401 token_expired', 'to it all tokens have expired';
    $other->pass_until(5, sub { $known->() < $before });
    pass 'what has expired is swept';
    $other->misdate(0);
    is app($other, $ended), '401 token_revoked', 'what was revoked before still is';
    is app($other, $pair), '200 ', 'and others are good again';
};

# between a client and PostgreSQL, like some poolers: passes everything but
# notifications
sub deaf_pooler {
    my $listener = IO::Socket::IP->new(Listen => 5, LocalHost => '127.0.0.1', LocalPort => 0)
        or die $@;
    my $socket   = $t->postgresql->dir . '/.s.PGSQL.5432';
    my $pid      = fork // die $!;
    return ($listener->sockport, $pid) if $pid;

    while (my $client = $listener->accept) {
        next if fork;
        my $server = IO::Socket::UNIX->new(Peer => $socket) or POSIX::_exit(1);
        my $select = IO::Select->new($client, $server);
        my $rest   = '';
        while (my @ready = $select->can_read) {
            for my $from (@ready) {
                sysread $from, my $octets, 65_536 or POSIX::_exit(0);
                if ($from == $client) { syswrite $server, $octets; next }
                $rest .= $octets;
                while (length $rest >= 5 && length $rest > (my $length = unpack 'x N', $rest)) {
                    my $message = substr $rest, 0, $length + 1, '';
                    syswrite $client, $message if $message !~ /^A/;
                }
            }
        }
    }
    POSIX::_exit(0);
}

subtest 'a pooler that drops notifications' => sub {
    my ($port, $pid) = deaf_pooler();
    my $pair = login($ada);
    $other->database(
        "'notify=host=127.0.0.1 port=$port dbname=autoflow user=autoflow_app sslmode=disable "
            . "gssencmode=disable'")
        ->settings({autoflow_revocation_staleness => '5s'})->reload->ready;
    is app($other, $pair), '200 ', 'at first nobody knows';
    $other->pass_until(1, sub { app($other, $pair) =~ /^503/ });
    ok $other->pass_until(1, sub {
        $other->error_log =~ /\[error\] .*feed: no notifications arrive/
    }), 'then it shows, and the log tells';
    $other->database('')->settings({})->reload->ready;
    is app($other, $pair), '200 ';
    kill 'TERM', $pid;
};

subtest 'the feed is down for a long time' => sub {
    my $pair = login($ada);
    $t->settings({autoflow_revocation_staleness => '5s'})->reload;
    $other->settings({autoflow_revocation_staleness => '5s fail=open'})->reload;
    $other->ready;
    is app($_, $pair), '200 ' for $t, $other;
    $_->hold for $t, $other;
    $t->postgresql->stop;
    is app($_, $pair), '200 ', 'at first all goes on' for $t, $other;
    $_->pass(5.1) for $t, $other;
    is app($t, $pair) =~ /^503/, 1, 'then nobody is trusted';
    is app($other, $pair), '200 ', 'unless configured so';
    $t->get_ok('/open/')->status_is(200, 'what is not protected goes on');
    $t->get_ok('/auth/me' => $t->bearer($pair))->problem_is(503, 'unavailable');
    $_->go for $t, $other;
    $t->postgresql->start;
    for my $node ($t, $other) {
        $t->wait_for(sub { app($node, $pair) eq '200 ' });
    }
    pass 'it recovers';
};

$other->finish;
$t->finish;
done_testing;
