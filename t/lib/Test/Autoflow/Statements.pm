package Test::Autoflow::Statements;

# The statements of sql/queries, as the module has them.

use Mojo::Base -strict, -signatures;
use File::Temp;
use Mojo::File qw(curfile path);

# a list of {name, sql, count, reads}
sub all {
    my $dir = File::Temp->newdir;
    system($^X, curfile->dirname->sibling('../../../sql/embed'), $dir) == 0 or die;
    my $c = path($dir, 'queries.c')->slurp;
    my %c = (n => "\n");
    my @all;
    for my $statement ($c =~ /^const af_statement_t  \w+ = \{\n(.*?)^\};/msg) {
        my ($name, @lines) = $statement =~ /^\s+"(.*)",?$/mg;
        my $sql = join '', @lines;
        $sql =~ s/\\([0-7]{3}|.)/length $1 == 3 ? chr oct $1 : $c{$1} \/\/ $1/ge;
        my ($count, $reads) = $statement =~ /_params, (\d+), (\d),/;
        push @all, {name => $name, sql => $sql, count => $count, reads => $reads};
    }
    return @all;
}

1;
