package Test::Autoflow::Guide;

# The blocks of code in a Markdown file of docs/, as they stand there.
#
#     my $guide = Test::Autoflow::Guide->new('keys.md');
#     $guide->sh_ok(under => 'Making one', in => $dir);
#     $guide->nginx_ok($t, like => qr/ssl_certificate/, change => {qr/\b443\b/ => $port});
#     $guide->finish;
#
# A comment in the file says which test runs the blocks that follow it, until
# the next such comment, or why nobody runs the next block:
#
#     <!-- run by t/63-snippets.t -->
#     <!-- not run: it needs a certificate authority -->
#
# finish() fails if one of this test's blocks was not run; t/05-guides.t fails
# if a block has no comment.

use v5.36;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use Test::More ();

our $root = abs_path(dirname(__FILE__) . '/../../../..');

# the languages that have to be run
our @languages = qw(sh nginx sql js html python ruby php);

sub new ($class, $file) {
    my $path = -e "$root/docs/$file" ? "$root/docs/$file" : "$root/$file";
    return bless {file => $file, blocks => [parse($path)]}, $class;
}

# All blocks: language, text, the heading above it, the number of its first
# line, and from comments `by` or `reason`.
sub parse ($path) {
    open my $in, '<:raw', $path or croak "$path: $!";
    my ($heading, $by, $reason, $block, $indent, @blocks) = ('');
    while (<$in>) {
        if ($block) {
            if (/^\s*```\s*$/) { undef $block }
            else               { $block->{text} .= s/^ {0,$indent}//r }
        }
        elsif (/^( *)```(\w*)/) {
            $indent = length $1;
            $block  = {language => $2, text => '', heading => $heading, line => $. + 1,
                defined $reason ? (reason => $reason) : (by => $by)};
            push @blocks, $block;
            undef $reason;
        }
        elsif (/^#+ (.*?)\s*$/) { utf8::decode($heading = $1) }
        elsif (/^ *<!-- run by (\S+) -->\s*$/) { $by = $1 }
        elsif (s/^ *<!-- not run: //) {
            $_ .= <$in> until / -->\s*$/ || eof $in;
            utf8::decode($reason = s/ -->\s*\z//r =~ s/\s+/ /gr);
        }
    }
    return @blocks;
}

# the blocks in a language, under a heading, or that are like a pattern
sub blocks ($self, %which) {
    my @blocks = grep {
        my $block = $_;
        (!$which{language} || $block->{language} eq $which{language})
            && (!$which{under} || $block->{heading} eq $which{under})
            && (!$which{like} || $block->{text} =~ $which{like})
            && !defined $block->{reason}
    } @{$self->{blocks}};
    croak "no such block in $self->{file}" if !@blocks;
    $_->{taken} = 1 for @blocks;
    return @blocks;
}

# The text of the only one, in octets.  `change` replaces what differs in a test, such as
# ports: patterns, each of which has to be there, and texts.
sub text ($self, %which) {
    my $change = delete $which{change};
    my ($block, @others) = $self->blocks(%which);
    croak "several such blocks in $self->{file}" if @others;
    return changed($block, $change);
}

# Blocks that can't be run on this machine, but on others.
sub leave ($self, $reason, %which) {
    Test::More::note($self->name($_), ": $reason") for $self->blocks(%which);
    return;
}

sub changed ($block, $change) {
    my $text = $block->{text};
    for my $pattern (sort keys %{$change // {}}) {
        $text =~ s/$pattern/$change->{$pattern}/g
            or Test::More::fail("line $block->{line} has $pattern");
    }
    return $text;
}

sub name ($self, $block) { "$self->{file}:$block->{line}, $block->{heading}" }

# Runs the chosen blocks of sh one after the other, which must succeed: each goes
# on with the variables and the folder of those before it.  `in` is the folder to
# begin in, and `env` more of the environment.  Returns their outputs, or all as
# one text.
sub sh_ok ($self, %which) {
    my ($in, $env, $change) = delete @which{qw(in env change)};
    $self->{state} //= File::Temp->newdir;
    my @outputs;
    for my $block ($self->blocks(%which, language => 'sh')) {
        my ($status, $output) = $self->run_sh(changed($block, $change), $in, $env);
        Test::More::is($status, 0, $self->name($block)) or Test::More::diag($output);
        push @outputs, $output;
        undef $in;
    }
    return wantarray ? @outputs : join '', @outputs;
}

sub run_sh ($self, $text, $in, $env) {
    my $state = $self->{state};
    local @ENV{keys %{$env // {}}} = values %{$env // {}};
    open my $script, '>:raw', "$state/script" or croak $!;
    print {$script} <<~'END', $text, "\n", <<~'END';
        state=$1
        cd "$2"
        [ ! -e "$state/variables" ] || . "$state/variables"
        set -aeo pipefail
        END
        export -p | grep -v '^declare -x state=' >"$state/variables"
        pwd >"$state/folder"
        END
    close $script;
    if (!defined $in) {
        $in = -e "$state/folder" ? `cat $state/folder` : '/';
        chomp $in;
    }
    open my $out, '-|', 'bash', '-c', 'exec 2>&1 </dev/null; exec bash "$@"', 'bash',
        "$state/script", "$state", $in or croak $!;
    my $output = join '', <$out>;
    close $out;
    return ($? >> 8, $output);
}

# nginx accepts each of the chosen blocks, in the configuration of a
# Test::Autoflow, at the level where it belongs.
sub nginx_ok ($self, $t, %which) {
    my $change = delete $which{change};
    my %before = map { $_ => $t->$_ } qw(main http server);
    for my $block ($self->blocks(%which, language => 'nginx')) {
        my $text  = changed($block, $change);
        my $level = level($text);
        $t->$level("$before{$level}\n$text");
        my ($status, $output) = $t->check;
        Test::More::is("$status$output", '0', $self->name($block));
        $t->$level($before{$level});
    }
    return;
}

# by what it begins with, and whether it has servers
sub level ($text) {
    my ($word) = $text =~ /^(?:\s+|#.*\n)*(\w+)/;
    return 'main' if $word =~ /^(?:worker_|thread_pool|env$|error_log$|user$)/;
    return 'http' if $word =~ /^(?:upstream|map|log_format|limit_\w+_zone|autoflow_secret
        |autoflow_seal_key)$/x || $text =~ /^server \{/m;
    return 'server';
}

# Runs the chosen blocks of SQL by psql, in the database of a URL.  Returns their
# outputs.
sub sql_ok ($self, $url, %which) {
    my $change = delete $which{change};
    my @outputs;
    for my $block ($self->blocks(%which, language => 'sql')) {
        my $file = File::Temp->new;
        binmode $file;
        print {$file} changed($block, $change);
        close $file;
        open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', qw(psql -qtAX -v ON_ERROR_STOP=1),
            '-f', "$file", $url or croak $!;
        my $output = join '', <$out>;
        close $out;
        Test::More::is($?, 0, $self->name($block)) or Test::More::diag($output);
        push @outputs, $output;
    }
    return wantarray ? @outputs : join '', @outputs;
}

# which test this is, as comments name it
sub this_test { return abs_path($0) =~ s{^\Q$root\E/}{}r }

# all blocks of this test were run, and no others
sub finish ($self) {
    $self->{finished} = 1;
    my $test = this_test();
    my @needed = grep { my $block = $_; grep { $block->{language} eq $_ } @languages }
        @{$self->{blocks}};
    my ($left, $others) = map { [map { $self->name($_) } @$_] }
        [grep { ($_->{by} // '') eq $test && !$_->{taken} } @needed],
        [grep { ($_->{by} // '') ne $test && $_->{taken} } @needed];
    Test::More::is_deeply($left, [], "$self->{file}: all blocks of this test were run");
    Test::More::is_deeply($others, [], 'and no others');
    return;
}

sub DESTROY ($self) {
    return if $self->{finished} || ${^GLOBAL_PHASE} eq 'DESTRUCT';
    Test::More::fail("finish was not called for $self->{file}");
}

1;
