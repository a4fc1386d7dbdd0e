# The pages' templates and texts: everything that a template names is there, in
# every language, and nothing is there that nobody names.
# Not under the sanitizers: it reads files.

use Mojo::Base -strict, -signatures;
use Mojo::DOM;
use Mojo::File qw(path);
use Mojo::JSON qw(decode_json);
use Test::More;

my $root  = path(__FILE__)->to_abs->dirname->dirname;
my $pages = $root->child('pages');

my %template = map { $_->basename('.html') => $_->slurp } $pages->child('templates')->list->each;
my %texts = map { $_->basename('.json') => decode_json($_->slurp) }
    $pages->child('texts')->list->each;
my $code = join '', map { $_->slurp }
    $root->child('src')->list_tree->grep(qr/\.c$/)->each;

sub tags ($text) { return $text =~ /\{\{(.*?)\}\}/g }

# the words of a mail, but for its links
sub words ($text) {
    my $dom = Mojo::DOM->new($text);
    $dom->find('title, a')->each(sub ($tag, $n) { $tag->remove });
    return join ' ', split ' ', $dom->all_text =~ s/\{\{link\}\}//gr;
}

sub wrong ($what, @wrong) { is_deeply [sort @wrong], [], $what }


subtest templates => sub {
    cmp_ok scalar keys %template, '>', 30, 'are there';
    for my $name (sort keys %template) {
        my (@open, @wrong);
        for my $tag (tags($template{$name})) {
            my ($kind, $what) = $tag =~ m{^([#^/>!]?)\s*([\w.]+)$} or push @wrong, $tag;
            next if !defined $what;
            push @open, $what if $kind =~ /[#^]/;
            push @wrong, $tag if $kind eq '/' && (pop(@open) // '') ne $what;
            push @wrong, $tag if $kind eq '>' && !$template{$what};
        }
        wrong($name, @wrong, @open);
    }
    my %part = map { $_ => 1 } map { /\{\{>\s*(\w+)/g } values %template;
    my $whole = qr(\{\{>start\}\}.*<title>.*\{\{>\w+\}\}.*<h1\b.*\{\{>end\}\}$)s;
    my @pages = grep { !$part{$_} } keys %template;
    wrong('parts are no pages', grep { $part{$_} && $template{$_} =~ /<title>/ } keys %template);
    wrong('pages have a title, a main part and an end',
        grep { $template{$_} !~ $whole } @pages);
};

subtest 'a strict policy' => sub {
    for my $name (sort keys %template) {
        my $dom = Mojo::DOM->new($template{$name});
        my @wrong = $dom->find('style, script:not([src]), [style], iframe')->map('to_string')->each;
        for my $tag ($dom->find('*')->each) {
            push @wrong, grep { /^on/ } keys %{$tag->attr};
        }
        push @wrong, $template{$name} =~ m{(?:src|href|action)="(?!\{\{|\#)[^"]*"}g;
        wrong($name, @wrong);
    }
    wrong("a style's files are its own", map { $_->slurp =~ m{(?:https?:|\@import|//\w).*}g }
        $pages->child('static')->list->grep(qr/\.css$/)->each);
};

subtest forms => sub {
    for my $name (sort keys %template) {
        my @forms = $template{$name} =~ m{(<form\b.*?</form>)}sg;
        wrong("$name can't be forged", map { substr $_, 0, 80 } grep { /method="post"/
            && !/\{\{>hidden\}\}|name="csrf" value="\{\{csrf\}\}"/ } @forms);
    }
    like $template{hidden}, qr/name="csrf" value="\{\{csrf\}\}"/;
};

subtest texts => sub {
    my %named = map { $_ => 1 } map { /\{\{[#^]?t\.(\w+)\}\}/g } values %template;
    my $ours = $texts{en};
    wrong('what templates name', grep { !exists $ours->{$_} } keys %named);
    wrong('what nobody names', grep { !$named{$_} && !/^(?:detail|done|error|event|problem|said)_./
        && $code !~ /"\Q$_\E"/ && !/^(?:months|device_\w+)$/ } keys %$ours);

    for my $language (sort keys %texts) {
        my $theirs = $texts{$language};
        wrong("$language lacks nothing", grep { !exists $theirs->{$_} } keys %$ours);
        wrong("$language has nothing else", grep { !exists $ours->{$_} } keys %$theirs);
        wrong("$language says something", grep { $theirs->{$_} !~ /\S/ } keys %$theirs);
        wrong("$language names the same values",
            grep { join(' ', sort { $a cmp $b } tags($theirs->{$_} // ''))
                ne join(' ', sort { $a cmp $b } tags($ours->{$_})) } keys %$ours);
    }
};

subtest problems => sub {
    my %code = map { $_ => 1 } $root->child('src/http/problem.c')->slurp
        =~ /\{ \d{3}, "(\w+)",/g;
    my %quiet = map { $_ => 1 } qw(validation_failed invalid_json invalid_query body_incomplete
        name_taken method_not_allowed unsupported_media_type
        token_required token_not_yet_valid token_expired token_revoked token_reused
        reauthentication_required mfa_required);
    wrong('each has words, or is not seen',
        grep { !$quiet{$_} && !exists $texts{en}{"problem_$_"} } keys %code);
};

subtest events => sub {
    my %happens = map { $_ => 1 } map { /`(\w+)`/g }
        $root->child('docs/api.md')->slurp =~ /^\| action \| details \|\n.*?\n\n/ms
        ? map { /^\| (.*?) \|/ } split /\n/, $& : ();
    cmp_ok scalar keys %happens, '>', 30, 'are in a table of the docs';

    # the first text after the names of the columns
    my $action = qr/INSERT[ ]INTO[ ]autoflow\.audit_events[^']+?(?:VALUES[ ]\(|SELECT[ ])
        (?:(?!FROM)[^']|(?<=<>\ )'\w+')*'(\w+)'/x;
    my @written = map { $_->slurp =~ /$action/g }
        $root->child('sql/queries')->list_tree->grep(qr/\.sql$/)->each;
    cmp_ok scalar @written, '>', 20, 'and in statements';
    $happens{$_} = 1 for @written;
    my %named = map { /^event_(.+)/ ? ($1 => 1) : () } keys %{$texts{en}};
    wrong('each has words', grep { !$named{$_} } keys %happens);
    wrong('and no others', grep { !$happens{$_} } keys %named);
};

# of failed logins and proofs, as they are counted
subtest reasons => sub {
    my ($outcomes) = $code =~ /af_label\(outcome, "outcome",(.*?)\)/s;
    my @reasons = grep { !/^(?:success|mfa_\w+)$/ } $outcomes =~ /"(\w+)"/g;
    cmp_ok scalar @reasons, '>', 6, 'are there';
    wrong('each has words', grep { !exists $texts{en}{"said_reason_$_"} } @reasons);
};

subtest mails => sub {
    my %mail = map { $_->basename => $_->slurp } $root->child('conf', 'mail')->list->each;
    my @ours = grep { /^\w+\.\w+$/ } keys %mail;
    my @languages = grep { $_ ne 'en' } keys %texts;
    cmp_ok scalar @ours, '>=', 18, 'are there';
    for my $language (@languages) {
        my %theirs = map { $_ => $mail{s/(?=\.\w+$)/.$language/r} // '' } @ours;
        wrong("$language lacks none", grep { $theirs{$_} !~ /\S/ } @ours);
        wrong("$language names the same values", grep { join(' ', sort(tags($theirs{$_})))
            ne join(' ', sort(tags($mail{$_}))) } @ours);
        wrong("$language says so", grep { /html$/ && $theirs{$_} !~ /<html lang="$language">/ }
            @ours);
    }
    wrong('there is nothing else', grep { !/^\w+(?:\.(?:@{[join '|', @languages]}))?\.\w+$/ }
        keys %mail);
    wrong('an invitation may be accepted by a passkey', grep { /^invitation\./
        && $mail{$_} =~ /passwor[dt]/i } keys %mail);
    wrong('HTML is text with markup', grep { /html$/ && words($mail{$_}) ne
        words($mail{s/html$/txt/r}) } keys %mail);
    wrong('and its title is the subject', grep { /html$/ && Mojo::DOM->new($mail{$_})->at('title')
        ->text . "\n" ne $mail{s/html$/subject/r} } keys %mail);
};

subtest 'landing pages' => sub {
    my $folder = $root->child('conf', 'landing');
    my $script = $folder->child('texts.js')->slurp;
    my %english;
    for my $page ($folder->list->grep(qr/\.html$/)->each) {
        my $dom = Mojo::DOM->new($page->slurp);
        $english{$_->text} = 1 for $dom->find('title, h1, p, label, button, a')
            ->grep(sub { $_->children->size == 0 && $_->text =~ /\S/ })->each;
        $english{$_} = 1 for grep { defined } map { @{$_->attr}{qw(data-title data-done)} }
            $dom->find('form')->each;
    }
    my $code = $folder->child('landing.js')->slurp;
    $english{$_} = 1 for $code =~ /'([A-Z][^']+\.)'/g;
    for my $language (grep { $_ ne 'en' } keys %texts) {
        my ($theirs) = $script =~ /^  \Q$language\E: \{\n(.*?)^  \},$/ms;
        my %has = ($theirs // '') =~ /^    '([^']+)': '([^']+)',$/mg;
        wrong("$language lacks nothing", grep { !$has{$_} } keys %english);
        wrong("$language has nothing else", grep { !$english{$_} } keys %has);
    }
};

done_testing;
