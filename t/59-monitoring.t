# conf/monitoring/: a real Prometheus scrapes this nginx, evaluates the alerts,
# and answers each query of the dashboard.

use Mojo::Base -strict, -signatures;
use List::Util qw(uniq);
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(url_escape);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $good = 'correct horse battery staple';
my $root = $Test::Autoflow::root;
my $conf = path($root, 'conf', 'monitoring');
my $t    = Test::Autoflow->new(server => <<~'END');
    location /app/      { autoflow_auth on; proxy_pass http://echo; }
    location = /metrics { allow 127.0.0.1; deny all; autoflow_metrics; }
    END
Test::Autoflow::Maildir->new(t => $t)->configure->start;


# docs/operations.md's configuration, with this test's port, and more often
my ($scrape) = path($root, 'docs', 'operations.md')->slurp
    =~ /^```yaml\n(scrape_configs:.*?)^```/ms;
my $target = '127.0.0.1:' . $t->port;
$scrape =~ s/targets: \[.*?\]/targets: ['$target']/ or die;
path($t->dir, 'prometheus.yml')->spurt(<<~"END" . $scrape);
    global: {scrape_interval: 1s, evaluation_interval: 1s}
    rule_files: ['$conf/alerts.yml']
    END

my $port = Test::Autoflow::free_port();
my $prometheus = Test::Autoflow::Process->new(log => $t->dir . '/prometheus.log', command => [
    'prometheus', '--config.file=' . $t->dir . '/prometheus.yml',
    '--storage.tsdb.path=' . $t->dir . '/prometheus', "--web.listen-address=127.0.0.1:$port",
])->start;

sub api ($path) {
    my $res = $t->ua->get("http://127.0.0.1:$port$path")->res;
    return ($res->code // 0) == 200 ? $res->json('/data') : undef;
}
$prometheus->serves(
    sub { ($t->ua->get("http://127.0.0.1:$port/-/ready")->res->code // 0) == 200 });

# something of everything
my $ada = $t->register(email => 'ada@example.com');
sub load {
    $t->ua->post('/auth/login' => json => {email => 'ada@example.com', password => $_})
        for $good, 'wrong';
    $t->ua->get($_ => $t->bearer($ada)) for '/auth/me', '/auth/users', '/app/x', '/directory';
    $t->ua->get('/app/x');
}
$t->jobs_due;


subtest 'Prometheus accepts what it scrapes' => sub {
    my $up = sub { (api('/api/v1/targets') // {})->{activeTargets}[0] // {health => 'no'} };
    # on a busy machine a scrape may time out
    my $now;
    $t->wait_for(sub {
        load();
        $now = $up->();
        $now->{health} eq 'up' || ($now->{lastError} // '') =~ /^(?!.*deadline exceeded)./;
    });
    is $now->{lastError}, '', 'in OpenMetrics, which it prefers';
    my %types = map { $_ => api("/api/v1/metadata?metric=$_")->{$_}[0]{type} }
        qw(autoflow_logins autoflow_hash_waiting autoflow_hash_wait_seconds autoflow_build);
    is_deeply \%types, {autoflow_logins => 'counter', autoflow_hash_waiting => 'gauge',
        autoflow_hash_wait_seconds => 'histogram', autoflow_build => 'info'};
};

subtest 'the dashboard' => sub {
    my $dashboard = decode_json $conf->child('grafana.json')->slurp;
    my @panels = grep { $_->{targets} } @{$dashboard->{panels}};
    is scalar(uniq map { $_->{id} } @{$dashboard->{panels}}), @{$dashboard->{panels}}, 'ids';

    for my $panel (@panels) {
        for my $target (@{$panel->{targets}}) {
            my $query = $target->{expr} =~ s/\$__rate_interval/15s/gr =~ s/\$instance/.*/gr;
            my @values;
            my $values = sub {
                load();
                my $answer = $t->ua->get(
                    "http://127.0.0.1:$port/api/v1/query?query=" . url_escape $query)->res->json;
                die "$query: $answer->{error}" if $answer->{status} ne 'success';
                @values = grep { $_ ne 'NaN' } map { $_->{value}[1] } @{$answer->{data}{result}};
            };
            ok eval { $t->wait_for($values, 60); 1 }, "$panel->{title}: $target->{legendFormat}"
                or diag "$query: $@";
        }
    }

    my $known = api('/api/v1/label/__name__/values');
    my %known = map { $_ => 1 } @$known;
    is_deeply [grep { !$known{$_} } uniq $conf->child('grafana.json')->slurp =~ /(autoflow_\w+)/g],
        [], 'it names no other metrics';
};

subtest 'the alerts' => sub {
    is system("promtool test rules $root/t/monitoring/alerts.yml >@{[$t->dir]}/rules 2>&1"), 0,
        'they fire when they should' or diag path($t->dir, 'rules')->slurp;

    my $rules = sub { map { @{$_->{rules}} } @{api('/api/v1/rules')->{groups}} };
    $t->wait_for(sub { !grep { $_->{health} eq 'unknown' } $rules->() });
    is_deeply [map { $_->{lastError} || () } $rules->()], [], 'all can be evaluated';

    my $docs = path($root, 'docs', 'operations.md')->slurp;
    my $tests = path($root, 't', 'monitoring', 'alerts.yml')->slurp;
    for my $rule ($rules->()) {
        like $docs, qr/^\*\*$rule->{name}\*\*: /m, "what to do about $rule->{name}";
        like $tests, qr/alertname: $rule->{name}\n/, 'and it is tested';
    }
};

$prometheus->signal('TERM');
is $prometheus->ended, 0, 'Prometheus ends';
$t->finish;
done_testing;
