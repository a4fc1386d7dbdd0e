# A node's counters: read from the workers' shared memory by a program with the
# module's own table of them.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Mojo::File qw(curfile path);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my $t = Test::Autoflow->new(workers => 2, allow => ['worker process \d+ exited on signal 9'],
    server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }');
my $mails = Test::Autoflow::Maildir->new(t => $t);
$mails->configure(autoflow_zone => '1m');
$t->start;

# prints the memory that it reads from standard input
my $dir = File::Temp->newdir;
system('gcc', '-std=gnu11', '-pthread', '-o', "$dir/counters", '-I', "$Test::Autoflow::root/src",
    curfile->sibling('counters', 'counters.c'), "$Test::Autoflow::root/src/shm/block.c") == 0
    or BAIL_OUT("can't build t/counters/counters.c");

# the zone, which the master maps, too: no other shared memory is as large
sub zone {
    my $pid = $t->process->pid;
    my ($at, $size) = (0, 0);
    no warnings 'portable';     # addresses have 64 bits
    for (split /\n/, path("/proc/$pid/maps")->slurp) {
        my ($from, $to) = map { hex } /^(\w+)-(\w+) rw-s / or next;
        ($at, $size) = ($from, $to - $from) if $to - $from > $size;
    }
    open my $memory, '<:raw', "/proc/$pid/mem" or die "mem: $!";
    sysseek $memory, $at, 0 or die "mem: $!";
    my $zone = '';
    while (length $zone < $size) {
        sysread $memory, $zone, $size - length $zone, length $zone or die "mem: $!";
    }
    return $zone;
}

# name => value of its label, or '-' => [count, of times their sum and buckets]
sub counters {
    open my $out, '|-', "$dir/counters > $dir/out" or die $!;
    binmode $out;
    print $out zone();
    close $out or die 'nothing is counted';
    my %counters;
    for (split /\n/, path("$dir/out")->slurp) {
        my ($name, $value, @numbers) = split / /;
        $counters{$name =~ s/^autoflow_//r}{$value} = \@numbers;
    }
    return \%counters;
}

# the changes since the last call, without zeros
my $last;
sub counted ($name) {
    my $now = counters();
    my %more = map { $_ => $now->{$name}{$_}[0] - $last->{$name}{$_}[0] } keys %{$now->{$name}};
    return {map { $more{$_} ? ($_ => $more{$_}) : () } keys %more};
}
sub from_now { $last = counters() }

sub app ($token) { $t->get_ok('/app/x' => $token ? {Authorization => "Bearer $token"} : ()) }


subtest 'tokens by result' => sub {
    my $pair = $t->register(email => 'ada@example.com');
    from_now();
    app($pair->{access_token})->status_is(200) for 1 .. 3;
    app(undef)->status_is(401);
    app('x')->status_is(401);
    app($t->token({exp => time - 3600}))->status_is(401) for 1, 2;
    is_deeply counted('verifications_total'), {ok => 3, missing => 1, malformed => 1, expired => 2};
    is_deeply counted('answers_total'), {}, 'what is protected is none of the API';
};

subtest 'responses of the API' => sub {
    my $pair = $t->register(email => 'eve@example.com');
    from_now();
    $t->get_ok('/auth/me' => $t->bearer($pair))->status_is(200);
    $t->get_ok('/auth/me')->status_is(401);
    $t->get_ok('/auth/nowhere')->status_is(404);
    $t->post_ok('/auth/login' => json => {})->status_is(422);
    $t->post_ok('/auth/logout' => $t->bearer($pair))->status_is(204);
    is_deeply counted('answers_total'), {'2xx' => 2, '4xx' => 3};
};

subtest 'times' => sub {
    from_now();
    my $login = {email => 'ada@example.com', password => $good};
    $t->post_ok('/auth/login' => json => $login)->status_is(200) for 1 .. 3;
    is_deeply counted($_), {'-' => 3}, $_ for qw(hash_seconds hash_wait_seconds);
    cmp_ok counted('database_seconds')->{'-'}, '>=', 6, 'two statements each, or more';

    my $now = counters();
    for my $name (qw(hash_seconds hash_wait_seconds database_seconds)) {
        my ($count, $sum, @below) = @{$now->{$name}{'-'}};
        is_deeply \@below, [sort { $a <=> $b } @below], "$name: one bound after the other";
        cmp_ok $below[-1], '<=', $count;
        cmp_ok $sum, '>', 0;
    }
};

subtest 'mails' => sub {
    my $mailed = sub { counters()->{mails_total}{sent}[0] };
    $t->wait_for(sub { $mailed->() == 2 });
    $t->register(email => 'bob@example.com');
    $t->wait_for(sub { $mailed->() == 3 });
    pass 'one to each who has registered';
};

subtest 'counters survive a reload' => sub {
    my $pair = $t->register(email => 'dan@example.com');
    from_now();
    app($pair->{access_token})->status_is(200);
    $t->reload->ready;
    app($pair->{access_token})->status_is(200);
    is_deeply counted('verifications_total'), {ok => 2}, 'over a reload';

    my ($killed) = $t->worker_pids;
    kill KILL => $killed;
    $t->wait_for(sub { $t->workers_are($killed) });
    $t->ready;
    app($pair->{access_token})->status_is(200);
    is_deeply counted('verifications_total'), {ok => 3}, 'and of a worker that was killed';
};

$t->finish;
done_testing;
