# Opens and reads a file through io_uring. Arguments: the numbers of mmap and read, `plain`, `async` or `polled`, the file.
$| = 1;
my ($mmap, $read, $way, $file) = @ARGV;
my ($setup, $enter, $openat, $readv) = (425, 426, 18, 22);
sub refused { print "failed: $_[0]: $!\n"; my $rest = <STDIN>; exit 1 }
pipe(my $out, my $in) or refused("pipe");
# Into memory by its address, and out of it.
sub put { my ($to, $bytes) = @_; syswrite($in, $bytes); syscall($read + 0, fileno($out), $to, length $bytes) == length $bytes or refused("put") }
sub get { my ($from, $length) = @_; unpack("P$length", pack("J", $from)) }
sub address { unpack("J", pack("p", $_[0])) }

my $parameters = pack("I6 x96", 0, 0, $way eq "polled" ? 2 : 0, 0, 2000, 0);
my $ring = syscall($setup, 4, $parameters);
refused("io_uring_setup") if $ring < 0;
my ($tail, $mask, $array, $head_done, $tail_done, $mask_done, $done) = (unpack("I30", $parameters))[11, 12, 16, 20, 21, 22, 25];
my ($queue, $answers, $entries) = map { my $at = syscall($mmap + 0, 0, 4096, 3, 0x8001, $ring, $_); refused("mmap") if $at < 0; $at }
    (0, 0x8000000, 0x10000000);

sub submit {
    my ($entry) = @_;
    my $now = unpack("I", get($queue + $tail, 4));
    my $slot = $now & unpack("I", get($queue + $mask, 4));
    put($entries + 64 * $slot, $entry);
    put($queue + $array + 4 * $slot, pack("I", $slot));
    put($queue + $tail, pack("I", $now + 1));
    syscall($enter, $ring, 1, 1, $way eq "polled" ? 3 : 1, 0, 0) >= 0 or refused("io_uring_enter");
    my $answer = unpack("I", get($answers + $head_done, 4));
    my $index = $answer & unpack("I", get($answers + $mask_done, 4));
    my $result = unpack("i", get($answers + $done + 16 * $index + 8, 4));
    put($answers + $head_done, pack("I", $answer + 1));
    if ($result < 0) { $! = -$result; refused("the ring") }
    return $result;
}

my ($path, $content) = ("$file\0", "\0" x 64);
my $flags = $way eq "async" ? 16 : 0;
my $fd = submit(pack("C C S i Q Q I I Q x24", $openat, $flags, 0, -100, 0, address($path), 0, 0, 1));
submit(pack("C C S i Q Q I I Q x24", $readv, $flags, 0, $fd, 0, address($content), 64, 0, 2)) > 0 or refused("read");
print "done\n";
my $rest = <STDIN>;
