package Bench::Documents;

# The results in README.md and docs/performance.md, between <!-- bench --> and
# <!-- /bench -->: written from what a run has kept, so that they agree.

use Mojo::Base -strict, -signatures;
use Bench::Table qw(cell row);
use Exporter qw(import);
use Mojo::File qw(path);
use Mojo::Util qw(decode encode);

our @EXPORT_OK = qw(documents write_documents);

# what the README shows: [text, benchmark, case, [key, what it is of]…]
my @headline = (
    map({ my ($text, $name) = @$_; [$text, 'protect', $name, [work => 'of nginx alone']] }
        ['Protected, with a token that the worker knows', 'hit HS256'],
        ['Protected, each time with another token of HS256', 'miss HS256'],
        ['Protected, each time with another token of ES256', 'miss ES256'],
        ['nginx\'s Lua module with a check of HS256', 'lua']),
    ['`auth_request` to FastAPI', 'protect', 'fastapi', [ratio => 'of nginx alone']],
    ['`GET /auth/me`', 'api', 'me', [rate => 'a second'],
        [ratio => 'of pgbench with the same SQL']],
    ['`GET /auth/me` of FastAPI', 'api', 'fastapi me', [rate => 'a second'],
        [ratio => 'of pgbench with the module\'s SQL']],
    ['`POST /auth/refresh`', 'api', 'refresh', [rate => 'a second'],
        [ratio => 'of pgbench with the same SQL']],
    ['`POST /auth/login`', 'api', 'login', [rate => 'a second'], [ratio => 'of Argon2id alone']],
    ['99 % of `GET /auth/me`, 900 a second', 'latency', '`GET /auth/me`', [p99 => 'ms']],
    ['The same in a flood of logins', 'latency', '`GET /auth/me` logins', [p99 => 'ms']],
    ['A worker without load', 'memory', 'a worker without load', [mb => 'MB']],
);

sub headline ($results) {
    my @rows;
    for (@headline) {
        my ($text, $suite, $name, @keys) = @$_;
        my $result = $results->suites->{$suite} // {};
        my ($case) = grep { $_->{name} eq $name } @{$result->{cases} // []};
        next if !$case;
        push @rows, row($text, join ', ', map { my ($key, $of) = @$_;
            cell($key, $case->{values}{$key}) . " $of" } @keys);
    }
    return join '', map { "$_\n" } row('', 'median of all rounds, and what they were between'),
        row('---', '---'), @rows;
}

# what a run of these results says of itself
sub about ($results) {
    my %machine = map { @$_ } @{$results->machine};
    return sprintf "Measured on %s, %s, nginx %s, PostgreSQL %s.%s\n", $results->date,
        @machine{qw(processor nginx PostgreSQL)},
        $results->scale eq 'full' ? '' : ' These are preliminary: a quick run on a busy machine.';
}

# a list of [file, its text]
sub documents ($results, $root) {
    my %text = (
        'README.md'           => about($results) . "\n" . headline($results),
        'docs/performance.md' => about($results) . "\n"
            . $results->markdown('###', '../bench/results'),
    );
    return map {
        my $file = path($root, $_);
        my $old  = decode 'UTF-8', $file->slurp;
        my $text = $text{$_};
        $old =~ s/(<!-- bench -->\n).*?(<!-- \/bench -->)/$1\n$text\n$2/s ? [$file => $old] : ();
    } sort keys %text;
}

sub write_documents ($results, $root) {
    $_->[0]->spurt(encode 'UTF-8', $_->[1]) for documents($results, $root);
    return;
}

1;
