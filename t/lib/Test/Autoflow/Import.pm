package Test::Autoflow::Import;

# import/autoflow, on the database of a test.
#
#     my $import = Test::Autoflow::Import->new(t => $t);
#     my ($exit, $said) = $import->run('import', $import->lines({email => …}));

use Mojo::Base -base, -signatures;

use Mojo::File qw(path tempdir);
use Mojo::JSON qw(decode_json encode_json);
use Test::Autoflow::Process;

has 't';
has url   => sub ($self) { $self->t->postgresql->url('autoflow') };
has dir   => sub { my $dir = tempdir; chmod 0755, $dir; $dir };
has files => 0;

my $program = path(__FILE__)->dirname->sibling('../../../import/autoflow')->to_abs->realpath;

sub command ($self, $command, @arguments) {
    return ($program, $command, '--database', $self->url, @arguments);
}

# the exit status, and all output
sub run ($self, @command) {
    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', $self->command(@command) or die $!;
    my $said = join '', <$out>;
    close $out;
    return ($? >> 8, $said);
}

# one that runs while the test goes on
sub start ($self, @command) {
    return Test::Autoflow::Process->new(
        log => $self->dir . '/output', command => [$self->command(@command)])->start;
}

# files of accounts, a line of JSON each, or of any text
sub lines ($self, @accounts) { $self->file('jsonl', map { encode_json($_) . "\n" } @accounts) }

sub file ($self, $suffix, @text) {
    $self->files($self->files + 1);
    return $self->dir->child('accounts' . $self->files . ".$suffix")->spurt(@text)->to_string;
}

sub report ($self, $file, $kind = 'report') {
    my $report = path("$file.$kind.jsonl");
    return -e $report ? map { decode_json($_) } split /\n/, $report->slurp : ();
}

# by number: the problems of what was refused
sub refused ($self, $file, @kind) {
    return {map { $_->{record} => $_->{problems} }
        grep { $_->{outcome} eq 'refused' } $self->report($file, @kind)};
}

1;
