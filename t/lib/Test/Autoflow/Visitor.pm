package Test::Autoflow::Visitor;

# Somebody who visits pages with a browser without scripts: keeps cookies, fills
# in forms, and follows no redirect.
#
#     my $v = Test::Autoflow::Visitor->new(t => $t, base => '/account/');
#     $v->get('sign-in')->submit({email => …, password => …})->leads_to('/account/');

use Mojo::Base -base, -signatures;

use Test::More ();

has [qw(t base res at)];
has cookies => sub { {} };

sub request ($self, $method, $place, $headers = {}, @body) {
    my $cookies = $self->cookies;
    my %all = %$headers;
    $all{Cookie} = join '; ', map { "$_=$cookies->{$_}" } sort keys %$cookies if %$cookies;
    my $url = $self->t->url("$place" =~ m{^/} ? "$place" : $self->base . $place);
    my $ua  = $self->t->ua;
    my $res = $ua->start($ua->build_tx($method => $url, \%all, @body))->res;
    for my $cookie (grep { $_->path eq '/' } @{$res->cookies}) {
        if (($cookie->max_age // 1) > 0) { $cookies->{$cookie->name} = $cookie->value }
        else                             { delete $cookies->{$cookie->name} }
    }
    return $self->res($res)->at("$method $place");
}

sub get ($self, $place, $headers = {}) { $self->request(GET => $place, $headers) }

sub post ($self, $place, $form, $headers = {}) {
    return $self->request(POST => $place, $headers, form => $form);
}

sub dom ($self) { $self->res->dom }

# the page's first form, or that with an action that ends so, with these values
sub submit ($self, $values, $headers = {}, $action = '') {
    my $form = $self->dom->find('main form[method=post]')
        ->first(sub { $_->{action} =~ /\Q$action\E$/ });
    if (!$form) {
        Test::More::fail("$self->{at} has a form for $action");
        return $self;
    }
    my %all = map { $_->{name} => $_->val // '' }
        grep { ($_->{type} // '') ne 'checkbox' || exists $_->attr->{checked} }
        $form->find('input[name], textarea[name], select[name]')->each;
    return $self->post($form->{action}, {%all, %$values}, $headers);
}

sub cookie ($self, $name) { $self->cookies->{$name} }
sub drop ($self, $name) { delete $self->cookies->{$name}; return $self }

sub is ($self, $status) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::is $self->res->code, $status, "$self->{at}: $status";
    return $self;
}

sub leads_to ($self, $place) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::is_deeply [$self->res->code, $self->res->headers->location], [303, $place],
        "$self->{at}: leads to $place";
    return $self;
}

sub says ($self, @texts) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $text = $self->dom->all_text;
    Test::More::ok index($text, $_) >= 0, "$self->{at}: $_" for @texts;
    return $self;
}

1;
