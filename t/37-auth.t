# autoflow_auth: optional, token= and preflights, combined with other
# directives.

use Mojo::Base -strict, -signatures;
use Test::Autoflow;
use Test::More;

my $everywhere = Test::Autoflow::free_port();
my $identity = '
    proxy_set_header X-User-Id    $autoflow_user_id;
    proxy_set_header X-User-Email $autoflow_email;
    add_header X-Status $autoflow_status always;
    proxy_pass http://echo;';

my $t = Test::Autoflow->new(
    api    => 0,
    server => qq{
        error_page 401 402 /sorry;
        location = /sorry {
            add_header X-Status \$autoflow_status always; return 200 "sorry: \$autoflow_user_id";
        }

        location /optional/ { autoflow_auth optional; $identity }
        location /optional/demanding/ {
            autoflow_auth optional; autoflow_require verified; $identity
        }

        location /cookie/ {
            autoflow_auth on token=\$cookie_token;
            location /cookie/inside/ { $identity }
            location /cookie/replaced/ { autoflow_auth on; $identity }
            location /cookie/off/ { autoflow_auth off; $identity }
            $identity
        }
        location /argument/ { autoflow_auth optional token=\$arg_token; $identity }
        location /pieces/ { autoflow_auth on token=\$arg_a.\$arg_b; $identity }
        location /set/ {
            set \$token \$http_x_token;
            if (\$arg_cookie) { set \$token \$cookie_token; }
            autoflow_auth on token=\$token;
            $identity
        }
        location /elsewhere/ { autoflow_auth off token=\$cookie_token; $identity }
        location /itself/ { autoflow_auth on token=\$autoflow_user_id; $identity }

        location /preflight/ { autoflow_auth on; $identity }
        location /preflight/denied/ {
            autoflow_auth on preflight=deny;
            location /preflight/denied/inside/ { $identity }
            $identity
        }
        location /preflight/any/ { satisfy any; deny all; autoflow_auth on; $identity }

        location /any/ { satisfy any; deny all; autoflow_auth optional; $identity }
        location /any/allowed/ {
            satisfy any; allow all; autoflow_auth on; autoflow_require verified; $identity
        }
        location /all/ { deny all; autoflow_auth optional; $identity }

        location /write/ {
            limit_except GET { autoflow_auth on token=\$cookie_token; }
            $identity
        }
        location /write/optional/ {
            autoflow_auth on;
            limit_except POST { autoflow_auth optional; }
            $identity
        }
        location /outer/ {
            autoflow_auth on;
            location /outer/inner/ { $identity }
            location /outer/open/ {
                autoflow_auth off;
                location /outer/open/closed/ { autoflow_auth on; $identity }
                $identity
            }
            if (\$arg_if) { add_header X-If yes; }
            $identity
        }
        location /named/ { autoflow_auth on; error_page 401 403 = \@named; $identity }
        location \@named { add_header X-Status \$autoflow_status always; return 418 "named"; }
        location /paid/ {
            autoflow_auth on; autoflow_require \$arg_paid; error_page 403 =402 /sorry; $identity
        }
    },
    http => "
        server {
            listen 127.0.0.1:$everywhere;
            autoflow_auth on token=\$http_x_token;
            error_page 401 403 /sorry;
            location / { autoflow_require verified; $identity }
            location = /sorry { add_header X-Status \$autoflow_status always; return 200 sorry; }
            location = /static { autoflow_auth off; return 200; }
        }",
)->start;

my %claims = (sub => 'ada', email => 'ada@example.com');
my $token  = $t->token(\%claims);
my $bearer = $t->bearer($token);
my $old    = $t->token({%claims, exp => 1});

# the response's status, and $autoflow_status
sub is_answer ($expected, $path, $headers = {}, $method = 'GET') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $t->ua->start($t->ua->build_tx($method => $path => $headers))->res;
    $t->tx->res($res) if $t->tx;
    my $got = join ' ', $res->code, $res->headers->header('X-Status') // ();
    is $got, $expected, "$method $path " . join ', ', sort keys %$headers;
    return $res;
}


subtest 'optional' => sub {
    is is_answer('200 missing', '/optional/')->json->{user_id}, '', 'nobody';
    is is_answer('200 ok', '/optional/', $bearer)->json->{user_id}, 'ada', 'Ada';
    is_answer('401 expired', '/optional/', $t->bearer($old));
    is_answer('401 malformed', '/optional/', $t->bearer('x'));
    is_answer('200 missing', '/optional/', {Authorization => 'Basic YTpi'});

    is_answer('401 missing', '/optional/demanding/');
    is_answer('403 forbidden', '/optional/demanding/', $bearer);
    is_answer('200 ok', '/optional/demanding/',
        $t->bearer($t->token({%claims, email_verified => \1})));
};

subtest 'token= from any variable' => sub {
    my %cookie = (Cookie => "token=$token");
    is is_answer('200 ok', '/cookie/', \%cookie)->json->{user_id}, 'ada', 'Ada';
    is_answer('401 missing', '/cookie/', $bearer);
    is_answer('401 missing', '/cookie/', {Cookie => 'token='});
    is_answer('401 malformed', '/cookie/', {Cookie => 'token=x'});
    is_answer('401 expired', '/cookie/', {%$bearer, Cookie => "token=$old"});
    is_answer('200 ok', '/cookie/', {%{$t->bearer($old)}, %cookie});

    is_answer('200 ok', '/cookie/inside/', \%cookie);
    is_answer('401 missing', '/cookie/replaced/', \%cookie);
    is_answer('200 ok', '/cookie/replaced/', $bearer);
    is_answer('200 missing', '/cookie/off/', \%cookie);
    is is_answer('200 ok', '/elsewhere/', \%cookie)->json->{user_id}, 'ada',
        'variables by the token of the place';
    is_answer('200 missing', '/elsewhere/', $bearer);

    is_answer('200 ok', "/argument/?token=$token");
    is_answer('200 missing', '/argument/');
    is_answer('401 malformed', '/argument/?token=x');

    my ($header, $rest) = split /\./, $token, 2;
    is_answer('200 ok', "/pieces/?a=$header&b=$rest");
    is_answer('401 malformed', "/pieces/?a=$header");

    is_answer('200 ok', '/set/', {'X-Token' => $token});
    is_answer('200 ok', '/set/?cookie=1', {'X-Token' => $old, %cookie});
    is_answer('401 expired', '/set/', {'X-Token' => $old, %cookie});

    is_answer('401 missing', '/itself/', $bearer);
    like $t->error_log, qr/cycle while evaluating/, 'a token that is its own claim';
};

subtest 'preflights' => sub {
    my %preflight = (Origin => 'https://a.example', 'Access-Control-Request-Method' => 'PUT');
    is_answer('200 missing', '/preflight/', \%preflight, 'OPTIONS');
    is_answer('200 missing', '/preflight/any/', \%preflight, 'OPTIONS');
    is_answer('401 missing', $_, \%preflight, 'OPTIONS') for '/preflight/denied/',
        '/preflight/denied/inside/';
    is_answer('401 missing', '/preflight/', \%preflight, $_) for 'GET', 'POST';
    is_answer('401 missing', '/preflight/', {$_ => $preflight{$_}}, 'OPTIONS') for keys %preflight;
    is_answer('401 missing', '/preflight/', {}, 'OPTIONS');
    is_answer('200 ok', '/preflight/denied/', {%$bearer, %preflight}, 'OPTIONS');
};

subtest 'satisfy' => sub {
    is_answer('403 missing', '/any/');
    is_answer('200 ok', '/any/', $bearer);
    is_answer('401 malformed', '/any/', $t->bearer('x'));
    is_answer('403 missing', '/all/');
    is_answer('403 ok', '/all/', $bearer);

    my $res = is_answer('200 forbidden', '/any/allowed/', $bearer);
    is $res->headers->header('WWW-Authenticate'), undef, 'no challenge with a 200';
    is $res->json->{user_id}, 'ada', 'and the variables are there';
    is is_answer('200 missing', '/any/allowed/')->headers->header('WWW-Authenticate'), undef,
        'nor without a token';
};

subtest 'limit_except' => sub {
    is_answer('200 missing', '/write/');
    is_answer('200 missing', '/write/', {}, 'HEAD');
    is_answer('401 missing', '/write/', $bearer, 'POST');
    is_answer('401 missing', '/write/', {}, 'DELETE');
    is_answer('403 forbidden', '/write/', {Cookie => "token=$token"}, 'POST');
    is_answer('200 ok', '/write/', {Cookie => "token=$token", Origin => $t->url =~ s{/$}{}r},
        'POST');
    is_answer('401 missing', '/write/optional/', {}, 'POST');
    is_answer('200 missing', '/write/optional/', {}, 'PUT');
    is_answer('401 expired', '/write/optional/', $t->bearer($old), 'PUT');
};

subtest 'nested locations' => sub {
    is_answer("401 missing", $_) for '/outer/', '/outer/?if=1', '/outer/inner/',
        '/outer/open/closed/';
    is_answer('200 ok', $_, $bearer) for '/outer/', '/outer/inner/', '/outer/open/closed/';
    is_answer('200 missing', '/outer/open/');
    is_answer('200', '/outer/?if=1', $bearer);
};

subtest 'a whole server' => sub {
    my $url = "http://127.0.0.1:$everywhere";
    is_deeply is_answer('401 missing', "$url/")->headers->every_header('WWW-Authenticate'),
        ['Bearer realm="autoflow"'], 'one challenge, though the error page is refused, too';
    is_answer('403 forbidden', "$url/", {'X-Token' => $token});
    is_answer('200 ok', "$url/", {'X-Token' => $t->token({%claims, email_verified => \1})});
    is_answer('200', "$url/static");
};

subtest 'error pages' => sub {
    my $res = is_answer('401 expired', '/preflight/', $t->bearer($old));
    is $res->body, 'sorry: ', 'the page';
    like $res->headers->header('WWW-Authenticate'), qr/token_expired/, 'keeps the challenge';

    is is_answer('418 expired', '/named/', $t->bearer($old))->body, 'named', 'a named location';
    is is_answer('402 forbidden', '/paid/', $bearer)->body, 'sorry: ada', 'another status';
    is_answer('200 ok', '/paid/?paid=1', $bearer);
};

$t->finish;
done_testing;
