# autoflow_password_blocklist: passwords that nobody may choose, and the command
# that makes the file.

use Mojo::Base -strict, -signatures;
use Digest::SHA qw(sha1_hex);
use Mojo::File qw(path tempdir);
use Test::Autoflow;
use Test::Autoflow::Maildir;
use Test::More;

my $dir  = tempdir;
my $file = $dir->child('passwords.blocklist');
my $good = 'correct horse battery staple';

# lists have these as zxcvbn would accept them
my @listed = ('kX9#mP2vLq8w', 'Zebra-Umbrella-77', "\x{e7}ok g\x{fc}zel bir g\x{fc}n");

# the exit status and the output of build.sh blocklist
sub build (@arguments) {
    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', "$Test::Autoflow::root/build.sh",
        'blocklist', @arguments or die $!;
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

sub list ($name, @lines) {
    my $text = join '', map {"$_\n"} @lines;
    utf8::encode($text);
    return $dir->child($name)->spurt($text);
}

sub made (@arguments) {
    my ($exit, $text) = build(@arguments);
    is $exit, 0, 'the command succeeds' or diag $text;
    return $text;
}

subtest 'build.sh blocklist' => sub {
    like made(list(passwords => @listed, '', "with CR\r", 'x' x 1025, $listed[0]), $file),
        qr/^7 lines of passwords, 1 of them longer than 1024 octets
.*passwords\.blocklist: 4 passwords in 0\.0 MB
it refuses \d+ of 200000 random passwords; a look-up takes \d\.\d\d us$/m, 'says what it did';

    my @digests = map { utf8::encode(my $octets = $_); uc sha1_hex($octets) } @listed;
    my $short = list(digests => (map {"$_:12"} @digests), map { substr $_, 0, 16 } @digests);
    like made($short), qr/^6 lines of SHA-1 digests.* 3 passwords in/ms, 'or of digests';
    my $of = sub ($name) { $dir->child($name)->slurp };
    list(passwords => @listed);
    made($dir->child('passwords'));
    is $of->('digests.blocklist'), $of->('passwords.blocklist'),
        'which makes the same file, by default beside the list';

    my $text = made('--passwords', list(hexadecimal => '0' x 32, $listed[0]), $file);
    like $text, qr/^2 lines of passwords/m, 'what looks like digests may be passwords';

    for my $row ([[list(ntlm => '8846F7EAEE8FB117AD06BDD830B7586C:3')] => qr/line 1 is a .*NTLM/],
        [[list(mixed => @digests, 'password')] => qr/line 4 is not a .*--passwords/],
        [['--sha1', list(short => '0123456789ABCDE')] => qr/line 1 is not a digest/],
        [['--sha1', list(odd => substr $digests[0], 0, 17)] => undef],
        [[list('empty')] => qr/has no passwords/],
        [[$dir->child('missing')] => qr/No such file/],
        [['--md5', list(some => 'a')] => qr/unknown option --md5/],
        [[] => qr/usage/])
    {
        my ($arguments, $reason) = @$row;
        my ($exit, $text) = build(@$arguments);
        is $exit, $reason ? 1 : 0, join ' ', map { path($_)->basename } @$arguments;
        like $text, $reason if $reason;
    }
    made($dir->child('passwords'), $file);
    is_deeply [grep {/\.new$/} map {"$_"} $dir->list->each], [], 'nothing else is left';
};

my $t = Test::Autoflow->new(settings => {autoflow_password_blocklist => $file});

subtest 'nginx -t reports what is wrong with a file' => sub {
    my $data = $file->slurp;
    my $says = sub ($name, $expected, $octets = undef) {
        my $bad = $dir->child('bad');
        $bad->spurt($octets) if defined $octets;
        my $check = Test::Autoflow->new(settings =>
            {autoflow_password_blocklist => defined $octets ? $bad : $dir->child($name)});
        my ($exit, $text) = $check->check;
        isnt $exit, 0, $name;
        like $text, qr/\[emerg\] .*$expected.* in .*:\d+$/m;
    };
    $says->('missing', 'No such file');
    $dir->child('folder')->make_path;
    $says->('folder', 'not a regular file');
    $says->('empty', 'is empty', '');
    $says->('a list', 'is not a blocklist: ".*/build.sh blocklist" makes one', "password\n" x 20);
    $says->('cut off', 'is truncated', substr $data, 0, -1);
    $says->('longer', 'is damaged', "$data\0");
    $says->('altered', 'is damaged: its checksum is wrong', substr($data, 0, -1) . "\xff");
    $says->('of another version', 'of another version',
        substr($data, 0, 16) . "\x02" . substr $data, 17);

    is_deeply [$t->check], [0, ''], 'and accepts a good one';
    my $twice = Test::Autoflow->new(settings =>
        {autoflow_password_blocklist => "$file; autoflow_password_blocklist $file"});
    like +($twice->check)[1], qr/is duplicate/;
};

my $mails = Test::Autoflow::Maildir->new(t => $t);

# with this list, or without one
sub listing ($list) {
    return $mails->configure($list ? (autoflow_password_blocklist => $list) : ());
}

listing($file)->start;
my $number = 0;

sub registered ($password) {
    return $t->post_ok('/auth/register' => json =>
        {email => 'new' . ++$number . '@example.com', password => $password});
}

sub refused ($field, $name = undef) {
    $t->problem_is(422, 'validation_failed', $name // $field)
        ->errors_are({$field => 'password_too_common'});
}

subtest 'wherever a password is set' => sub {
    registered($_), refused('password', $_)
        for @listed, uc $listed[2], "c\x{327}ok gu\x{308}zel bir gu\x{308}n";
    registered($_)->status_is(201) for $good, "$listed[0]!", lc $listed[1];

    my $ada  = $t->register(email => 'ada@example.com', password => $good);
    my $root = $t->superuser($ada);
    $t->post_ok('/auth/users' => $t->bearer($root) => json =>
        {email => 'made@example.com', password => $listed[0]});
    refused('password', 'an account made by a superuser');
    $t->put_ok('/auth/me/password' => $t->bearer($root) => json =>
        {current_password => $good, new_password => $listed[0]});
    refused('new_password', 'a changed password');

    $t->post_ok('/auth/forgot-password' => json => {email => 'ada@example.com'});
    my $reset = sub ($password) { $t->post_ok('/auth/reset-password' => json =>
        {token => $mails->token('ada@example.com', 'reset-password'), new_password => $password}) };
    $reset->($listed[0]);
    refused('new_password', 'one that is reset');
    $reset->("$listed[0]!")->status_is(204, 'which the token survives');

    registered('password')->errors_are({password => 'password_too_weak'},
        'others are still rated');
    registered('ada@example.com')->status_is(201);
};

subtest 'but not at a login' => sub {
    listing(undef)->reload;
    my $pair = $t->register(email => 'before@example.com', password => $listed[0]);
    listing($file)->reload;
    registered($listed[0]);
    refused('password', 'the list is back');
    $t->post_ok('/auth/login' => json =>
        {email => 'before@example.com', password => $listed[0]})->status_is(200);
    $t->put_ok('/auth/me/password' => $t->bearer($pair) => json =>
        {current_password => $listed[0], new_password => $good})->status_is(204);
};

subtest 'another file' => sub {
    made(list(others => 'Quite-another-71'), $file);
    registered('Quite-another-71')->status_is(201, 'is not read before a reload');
    $t->reload;
    registered('Quite-another-72')->status_is(201);
    registered('Quite-another-71');
    refused('password', 'and is afterwards');
    registered($listed[0])->status_is(201, 'the former one is gone');

    truncate $file, 0 or die $!;
    registered('Quite-another-71');
    refused('password', 'a file that is truncated in place harms nothing');
    my ($exit, $text) = $t->check;
    like $text, qr/is empty/, 'but a reload is refused';
};

$t->finish;
done_testing;
