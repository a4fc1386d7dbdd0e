# Password hashes of other systems: which are accepted.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new->start;

# the rows of t/unit/hashes.h: [problem, password, hash]
my $table = path(__FILE__)->sibling('unit', 'hashes.h')->slurp =~ s{/\*.*?\*/}{}gsr;
my @rows;
while ($table =~ /\{((?:\s*"[^"]*"\s*,?)+)\}/g) {
    my @row = ($1 =~ s/"\s+"//gr) =~ /"([^"]*)"/g;
    s/\\x(..)/chr hex $1/ge, utf8::decode($_) for @row;
    push @rows, \@row;
}

subtest 'what is wrong with a hash, as the module judges' => sub {
    cmp_ok scalar @rows, '>', 100, 'there are rows';

    my $problem = $t->db->prepare('SELECT autoflow.password_hash_problem(?)');
    for my $row (@rows) {
        my ($expected, undef, $hash) = @$row;
        is $t->db->selectrow_array($problem, {}, $hash), $expected || undef, $hash;
    }
    is $t->db->selectrow_array($problem, {}, undef), undef, 'an account without a password';
};

$t->finish;
done_testing;
