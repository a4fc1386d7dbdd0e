package Bench::Wrk;

# Runs wrk, with a script that reports in numbers what wrk rounds.
#
#     my $load = Bench::Wrk->new(url => $url, headers => {...})->start(seconds => 3);
#     my $report = $load->report;         # waits for its end

use Mojo::Base -base, -signatures;
use Carp ();
use Bench::Machine qw(pinned);
use Bench::Usage qw(measured);
use Mojo::File qw(curfile);

has 'url';
has headers     => sub { {} };
has connections => 16;
has threads     => 1;
has cpu         => undef;
has script      => undef;             # one of ours: a name, and its arguments
has arguments   => sub { [] };
has expect      => 0;                 # 1: responses of 400 and more are no errors
has nginx       => undef;             # whose workers' time is measured, too
has postgresql  => undef;             # likewise

my $scripts = curfile->dirname->dirname->sibling('wrk');

sub command ($self, $seconds) {
    my $threads = $self->threads;
    return (
        pinned($self->cpu, 'wrk', '-t', $threads, '-c', $self->connections),
        '-d', $seconds . 's', '--timeout', '30s',
        map({ ('-H', "$_: " . $self->headers->{$_}) } sort keys %{$self->headers}),
        '-s', "$scripts/" . ($self->script // 'report') . '.lua', $self->url,
        '--', @{$self->arguments},
    );
}

sub start ($self, %options) {
    local $ENV{LUA_PATH} = "$scripts/?.lua;;";
    my @command = $self->command($options{seconds});
    $self->{pid} = open $self->{out}, '-|', @command or die "wrk: $!";
    return $self;
}

sub report ($self) {
    my $text = join '', readline $self->{out};
    close delete $self->{out};
    my $report = parse($text) // Carp::croak("wrk said: $text");
    Carp::croak("wrk has errors: $text") if $report->{errors} && !$self->expect;
    return $report;
}

# one that nobody waits for any longer: to close the pipe would wait for its end
sub DESTROY ($self) {
    kill TERM => $self->{pid} if $self->{out};
}

sub run ($self, %options) {
    return measured(sub { $self->start(%options)->report }, $self->nginx, $self->postgresql);
}

# the line that wrk/report.lua writes: a rate, and times in milliseconds
sub parse ($text) {
    my ($line) = $text =~ /^report: (.+)/m or return;
    my %got = $line =~ /(\w+)=([-\d.e+]+)/g;
    return if grep { !defined $got{$_} } qw(requests microseconds errors p50 p99 p999);
    return {
        rate     => $got{microseconds} ? 1e6 * $got{requests} / $got{microseconds} : 0,
        requests => $got{requests},
        errors   => $got{errors},
        $got{requests} ? map({ $_ => $got{$_} / 1000 } qw(p50 p99 p999)) : (),
    };
}

1;
