package Bench::Instructions;

# ./build.sh bench instructions [--update]: how many instructions a request takes
# in the worker, compared with bench/instructions, which --update writes.

use Mojo::Base -base, -signatures;
use Bench::Callgrind;
use Bench::Machine qw(package_version);
use Bench::Tokens qw(secret token);
use Mojo::File qw(curfile path);

has figures => sub { path(curfile->dirname->dirname, 'instructions') };

# So much may a number differ.  Runs differ by a tenth of a percent, wherever the tree
# is: timers are in other places of their tree, and the random key of a hash puts
# things elsewhere; by four tenths on a machine that has eight times as much to do as
# it can, where the worker has more turns in which nothing happens.  What else would
# differ isn't counted, see Bench::Callgrind.
my $tolerance = 0.01;

my @packages = qw(nginx libc6 libssl3 libpq5 libjansson4 libsodium23 gcc valgrind);

sub versions { join ', ', map { "$_ " . (package_version($_) // '?') } @packages }

sub server {
    return Bench::Callgrind->new(
        settings => {autoflow_key => 'hex:' . unpack('H*', secret())},
        server   => 'location = /204 { return 204; }
            location = /gif { empty_gif; }
            location = /protected { autoflow_auth on; empty_gif; }
            location = /role { autoflow_auth on; autoflow_require role=editor; empty_gif; }
            location = /told { autoflow_auth on; empty_gif; add_header X-User $autoflow_user_id;
                add_header X-Mail $autoflow_email; add_header X-Roles $autoflow_roles; }',
    )->start;
}

# a list of [name, instructions]
sub count ($self) {
    my $server  = server();
    my $account = $server->register;
    $server->hold;
    my $request = sub ($path, $token = undef) {
        return Test::Autoflow::Client::request(GET => $path, $token ? $server->bearer($token) : {});
    };
    my $n       = 0;
    my $one     = token('HS256', ++$n);
    my $editor  = token('HS256', ++$n, roles => ['reader', 'editor']);
    my @of      = (
        ['return-204' => sub { $request->('/204', $one) }],
        [unprotected  => sub { $request->('/gif', $one) }],
        [protected    => sub { $request->('/protected', $one) }],
        [role         => sub { $request->('/role', $editor) }],
        [told         => sub { $request->('/told', $editor) }],
        [verified     => sub { $request->('/protected', token('HS256', ++$n)) }],
        [live         => sub { $request->('/health/live') }],
        [me           => sub { $request->('/auth/me', $account) }],
    );
    $server->each_of($_->[1], 100, 1) for @of;          # connections and the heap get used to it
    my @counted = map { [$_->[0], sprintf '%.0f', $server->each_of($_->[1])] } @of;
    $server->end;
    return @counted;
}

sub write ($self, @counted) {
    my @lines = map { sprintf "%-12s %8d\n", @$_ } @counted;
    $self->figures->spurt("# of the worker per request: ./build.sh bench instructions\n",
        '# with ', versions(), "\n", @lines);
    return 1;
}

# whether none has changed
sub compare ($self, @counted) {
    my $text = $self->figures->slurp;
    my %committed = $text =~ /^(\w\S*)\s+(\d+)$/mg;
    my ($with) = $text =~ /^# with (.*)/m;
    my $wrong = 0;
    for (@counted) {
        my ($name, $now) = @$_;
        my $before = $committed{$name} // 0;
        my $change = $before ? 100 * ($now / $before - 1) : 100;
        my $over   = abs($now - $before) > $tolerance * $before;
        printf "%-12s %8d, committed %8d, %+.2f %%%s\n", $name, $now, $before, $change,
            $over ? ': it has changed' : '';
        $wrong ||= $over;
    }
    return 1 if !$wrong;
    if ($with ne versions()) {
        print "The committed figures were made with $with,\nthese with ", versions(),
            ":\nthey can't be compared.\n";
        return 1;
    }
    print "If that is intended: ./build.sh bench instructions --update\n";
    return 0;
}

sub main ($self, $update) {
    my @counted = $self->count;
    return $update ? $self->write(@counted) : $self->compare(@counted);
}

1;
