# Two nginx of different users on one Maildir: they share it, if its permissions
# allow that, or one of them is refused; neither takes it away from the other.

use Mojo::Base -strict, -signatures;
use Mojo::File qw(path);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

plan skip_all => 'only root can start nginx as several users' if $> != 0;

my $refused = qr/the workers can't write to /;
my $t     = Test::Autoflow->new(allow => [$refused]);
my $mails = Test::Autoflow::Maildir->new(t => $t);
my $mail  = $mails->dir;
$mails->configure->postgresql->start;

# where workers of both users can connect
my $map = path($t->postgresql->data, 'pg_ident.conf');
$map->spurt($map->slurp . "autoflow nobody autoflow_app\n");
$t->postgresql->process->signal('HUP');
$t->start;

# another nginx on the same database and folder
sub other ($user) {
    my $other = Test::Autoflow->new(user => $user, beside => $t);
    Test::Autoflow::Maildir->new(t => $other, dir => $mail)->configure;
    return $other;
}

sub owner ($path) { scalar getpwuid((stat $path)[4]) }
sub owners { map { owner($_) } $mail, map { "$mail/$_" } qw(tmp new cur) }

# checks that an nginx sends a mail, by a worker of this user
sub sends ($nginx, $user) {
    state $n = 0;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $address = 'account' . ++$n . '@example.com';
    $nginx->register(email => $address);
    ok $t->wait_for(sub { $mails->to($address) }), "$user sends a mail";
    my ($file) = grep { $_->slurp =~ /^To: \Q$address\E$/m } $mails->files;
    is owner($file), $user, 'whose file it is';
}

sub is_refused ($nginx, $folder, $owner) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $whose = qr/\Q"$folder", which belongs to user "$owner", in /;
    my $where = qr/$whose\S+nginx.conf:\d+ \(13: Permission denied\)/;
    my ($exit, $text) = $nginx->check;
    is $exit, 1, 'nginx -t fails';
    like $text, qr/\[emerg\].*$refused$where/, 'and says whose it is';
    ok !eval { $nginx->start_nginx }, 'nginx does not start';
    like $nginx->error_log, qr/\[emerg\].*$refused$where/, 'for this reason';
    $nginx->finished(1);
}

subtest "another user's nginx starts second" => sub {
    is_deeply [owners()], [('www-data') x 4], 'the folders are the first one\'s';
    is_refused(other('nobody nogroup'), $mail, 'www-data');
    is_deeply [owners()], [('www-data') x 4], 'and stay so';
    sends($t, 'www-data');
};

subtest "the same user's nginx starts second" => sub {
    my $second = other('www-data');
    $second->start;
    sends($_, 'www-data') for $second, $t;
    $second->finish;
};

subtest 'the user is changed, and nginx reloads' => sub {
    my @workers = $t->worker_pids;
    $t->user('nobody nogroup')->write_conf;
    $t->process->signal('HUP');
    ok $t->wait_for(sub { $t->error_log =~ /$refused"\Q$mail"/ }),
        'the new configuration is refused';
    is_deeply [owners()], [('www-data') x 4], 'the folders stay';
    is_deeply [$t->worker_pids], \@workers, 'and so do the workers';
    sends($t, 'www-data');

    system('chown', '-R', 'nobody', $mail) == 0 or die;
    $t->reload->ready;
    sends($t, 'nobody');
};

subtest 'the other way round' => sub {
    is_refused(other('www-data'), $mail, 'nobody');
    is_deeply [owners()], [('nobody') x 4], 'the folders stay';
    sends($t, 'nobody');
};

subtest 'one of the folders has another owner' => sub {
    system('chown', 'www-data', "$mail/new") == 0 or die;
    is_refused(other('nobody nogroup'), "$mail/new", 'www-data');
    system('chown', 'nobody', "$mail/new") == 0 or die;
};

subtest 'a folder shared by a group' => sub {
    path($mail)->remove_tree;
    mkdir $mail;
    chown 0, scalar(getgrnam 'www-data'), $mail;
    chmod 02770, $mail;
    $t->user('nobody www-data')->reload->ready;
    my $second = other('www-data');
    $second->start;
    sends($t, 'nobody');
    sends($second, 'www-data');
    $second->finish;
    is_deeply [owners()], ['root', ('nobody') x 3], 'nobody has taken it';
};

subtest "a folder below one that workers can't access" => sub {
    my $closed = $t->dir . '/closed';
    mkdir $closed, 0700;
    my ($exit, $text) = other('www-data')->settings(
        {%{$t->settings}, autoflow_mail => "maildir:$closed/mail"})->check;
    is $exit, 1, 'nginx -t fails';
    like $text, qr/$refused\Q"$closed\E\/mail" in .*Permission denied/, 'and says so';
};

$t->finish;
done_testing;
