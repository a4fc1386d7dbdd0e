# The benchmarks run, and read what wrk and pgbench report.  How fast anything is
# doesn't matter here: docs/performance.md tells how to measure that.
# Not under the sanitizers: it is about the benchmarks.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(curfile path tempdir);
use Mojo::JSON qw(decode_json);
use Test::More;

my $root;
BEGIN { $root = curfile->dirname->dirname->to_abs }
use lib "$root/bench/lib";
use Bench::Chart qw(draw);
use Bench::Documents qw(documents);
use Bench::Pgbench;
use Bench::Results;
use Bench::Stats qw(median ratios spread);
use Bench::Table qw(number suite_table);
use Bench::Wrk;

subtest 'medians and ratios' => sub {
    is median(3, 1, 2), 2, 'of three';
    is median(4, 1, 2, 3), 2.5, 'of four';
    is median(), undef, 'of none';
    is_deeply spread(3, 1, 2), [1, 3], 'between the lowest and the highest';
    is_deeply [ratios([10, 30], [20, 30])], [0.5, 1], 'each round to its own base';
    is number(rate => 1234567.6), '1,234,568', 'a large number';
};

subtest 'what wrk reports' => sub {
    my $line = 'report: requests=42 microseconds=2000000 errors=1 p50=100.0 p99=2500.0 p999=3e+03';
    is_deeply Bench::Wrk::parse("Running 2s test\n$line\n"),
        {rate => 21, requests => 42, errors => 1, p50 => 0.1, p99 => 2.5, p999 => 3}, 'numbers';
    is Bench::Wrk::parse('Usage: wrk'), undef, 'none';
};

subtest 'pgbench' => sub {
    my $n   = 'number of transactions actually processed: 42';
    my $tps = 'tps = 123.456 (without initial connection time)';
    is_deeply Bench::Pgbench::parse("$n\n$tps\n"), {rate => 123.456, requests => 42},
        'a rate';
    is Bench::Pgbench::parse("$n\npgbench: error: client 0 aborted\n$tps\n"), undef, 'an error';
    is Bench::Pgbench::parse("$n\nnumber of failed transactions: 3 (1%)\n$tps\n"), undef,
        'failures';

    my $me = Bench::Pgbench->new(statement => 'auth/me',
        values => {user_id => 1, dialect => undef});
    like $me->script, qr/user_as\(NULL::text, u\).* id = :user_id::uuid.*NULL;\n\z/s,
        'gets the statement with its parameters';
};

subtest 'documents' => sub {
    plan skip_all => 'no results yet' if !-e "$root/bench/results/results.json";
    for (documents(Bench::Results->load("$root/bench/results"), $root)) {
        my ($file, $text) = @$_;
        is $file->slurp, Mojo::Util::encode('UTF-8', $text), $file->basename . ' has the results';
    }
};

my %result = (
    heading => 'case', columns => [[rate => 'requests/s'], [ratio => 'ratio']],
    chart   => {kind => 'bars', key => 'rate', title => 'a < b'},
    cases   => [{label => 'one', values => {rate => [1000, 3000, 2000]}},
        {label => 'two', values => {rate => [500], ratio => [0.5]}}],
);
is suite_table(\%result), <<'END', 'a table';
| case | requests/s | ratio |
| --- | ---: | ---: |
| one | 2,000 (1,000–3,000) |  |
| two | 500 | 0.50 |
END
like draw(\%result), qr{<svg .*a &lt; b.*<rect .*</svg>\n\z}s, 'a chart';

subtest 'a run' => sub {
    my $into = tempdir;
    my $text = `$root/bench/run --smoke --into $into protect 2>&1`;
    is $?, 0, 'it ends well' or diag $text;
    my $results = decode_json path($into, 'results.json')->slurp;
    my %case = map { $_->{name} => $_->{values} } @{$results->{suites}{protect}{cases}};
    for my $name ('bare HS256', 'hit HS256', 'miss HS256') {
        cmp_ok $case{$name}{rate}[0], '>', 0, "$name has a rate";
    }
    cmp_ok $case{'hit HS256'}{ratio}[0], '>', 0, 'and a ratio';
    like path($into, 'results.md')->slurp, qr/nginx \| [\d.]+ \|/, 'with versions';
    ok -s path($into, 'protect.svg'), 'and a chart';
};

subtest 'any number of nodes' => sub {
    my $into = tempdir;
    my $text = `$root/bench/run --smoke --nodes 3 --logouts 30 --into $into feed 2>&1`;
    is $?, 0, 'it ends well' or diag $text;
    my $results = decode_json path($into, 'results.json')->slurp;
    my ($case)  = @{$results->{suites}{feed}{cases}};
    is $case->{name}, '3 30', 'the one that was asked for';
    my %is = map { $_ => $case->{values}{$_}[0] } keys %{$case->{values}};
    cmp_ok $is{p50}, '<=', $is{p99}, 'times';
    cmp_ok $is{kb}, '>', 30 * 100 / 1000 / 2, 'octets: a hundred or so for each logout';
};

done_testing;
