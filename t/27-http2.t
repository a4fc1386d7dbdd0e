# Requests over HTTP/2.

use Mojo::Base -strict, -signatures;
use Mojo::JSON qw(decode_json);
use Test::Autoflow;
use Test::More;

my $t = Test::Autoflow->new(
    server => 'location /app/ { autoflow_auth on; proxy_pass http://echo; }'
)->start;

# curl's response: status, version, content type, body
sub curl ($path, @options) {
    open my $out, '-|', qw(curl -s --http2-prior-knowledge -w),
        '\n%{http_code} %{http_version} %{content_type}', @options,
        'http://127.0.0.1:' . $t->port_h2 . $path or die $!;
    my $text = join '', <$out>;
    my ($body, $status, $version, $type) = $text =~ /^(.*)\n(\d+) (\S+) (\S*)$/s;
    is $version, 2, "$path by HTTP/2";
    return ($status, $type, $body);
}

my $good = '{"email":"ada@example.com","password":"correct horse battery staple"}';

my ($status, $type, $body) = curl('/api/v1/auth/register', '--json', $good);
is "$status $type", '201 application/json', 'register';
my $token = decode_json($body)->{access_token};

($status, $type, $body) = curl('/auth/me', '-H', "Authorization: Bearer $token");
is $status, 200, 'me';
is decode_json($body)->{email}, 'ada@example.com', 'whose';

($status, $type, $body) = curl('/auth/me', '-I', '-H', "Authorization: Bearer $token");
is $status, 200, 'HEAD';
like $body, qr/^x-request-id: /mi, 'with its headers';

is join(' ', (curl('/auth/me'))[0, 1]), '401 application/problem+json', 'no token';
is +(curl('/app/x'))[0], 401, 'no token for the upstream';
is +(curl('/app/x', '-H', "Authorization: Bearer $token"))[0], 200, 'a token';
is +(curl('/api/v1/nothing'))[0], 404, 'no such path';
is +(curl('/auth/login', '--json', '{'))[0], 400, 'broken JSON';
is +(curl('/auth/login', '--json', $good, '-H', 'Content-Length:'))[0], 200,
    'a body without a length';

$t->finish;
done_testing;
