package Test::Autoflow::Plans;

# How PostgreSQL executes a list's statement, from its log: the plan, and the
# number of rows that it reads.
#
#     my $plans = Test::Autoflow::Plans->new(test => $t, as => $t->bearer($root))->start;
#     $plans->reads_at_most(250, '/auth/users?sort=email');

use Mojo::Base -base, -signatures;
use Mojo::File qw(path);
use Test::More ();

has [qw(test as)];
has nested => 'off';           # "on": the statements of functions, too

# the server logs the plans of new connections
sub start ($self) {
    my $admin = $self->test->postgresql->connect('postgres');
    $admin->do("ALTER ROLE autoflow_app SET $_")
        for q{session_preload_libraries = 'auto_explain'}, q{auto_explain.log_min_duration = 0},
        q{auto_explain.log_analyze = on}, "auto_explain.log_nested_statements = @{[$self->nested]}";
    $self->test->reload->ready;
    return $self;
}

# the log of an action, up to the plan of the last statement that has this text
sub logged ($self, $text, $do) {
    my $log    = path($self->test->postgresql->log);
    my $before = length $log->slurp;
    my $plans;
    $do->();
    my $last = qr/\A(.*duration: [^\n]*plan:(?:\n(?!\d{4}-)[^\n]*)*\Q$text\E.*?)(?=^\d{4}-|\z)/ms;
    $self->test->wait_for(sub { ($plans) = substr($log->slurp, $before) =~ $last });
    return $plans;
}

# that of the list's statement, which is the only one with a column "next"
sub plan ($self, $url) {
    my $get = sub { $self->test->get_ok($url => $self->as)->status_is(200) };
    return $self->logged("AS next\n", $get) =~ s/.*(?=duration: )//sr;
}

# the number of table rows that a plan reads, used or not
sub rows_read ($self, $plan) {
    my ($sum, $loops) = (0, 0);
    for (split /\n/, $plan) {
        if (/->\s/) { $loops = /Scan.* on .*actual time=\S+ rows=(\d+) loops=(\d+)/
            && !/CTE Scan|Subquery Scan/ ? ($sum += $1 * $2, $2)[1] : 0 }
        elsif (/Rows Removed by (?:Filter|Index Recheck): (\d+)/) { $sum += $1 * $loops }
    }
    return $sum;
}

# undef: any number.  Returns the cursor of the next page.
sub reads_at_most ($self, $max, $url) {
    my $plan = $self->plan($url);
    my $rows = $self->rows_read($plan);
    my ($total, $next) = @{$self->test->tx->res->json}{qw(total next)};
    Test::More::cmp_ok($rows, '<=', $max, $url) or Test::More::diag($plan) if defined $max;
    Test::More::note(sprintf '%6.1f ms, %6d rows read, %5s found: %s',
        $plan =~ /duration: ([\d.]+) ms/, $rows, $total // '-', $url);
    Test::More::note($plan) if $ENV{AUTOFLOW_PLANS};
    return $next;
}

1;
