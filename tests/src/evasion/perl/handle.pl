# Opens a file by its handle: name_to_handle_at, a word to go on, open_by_handle_at.
# Arguments: the numbers of both system calls and of read, the file, a folder on the same mount.
$| = 1;
my ($to_handle, $by_handle, $read, $file, $folder) = @ARGV;
sub refused { print "failed: $_[0]: $!\n"; my $rest = <STDIN>; exit 1 }
my ($handle, $mount, $path) = (pack("I i x128", 128, 0), pack("i", 0), "$file\0");
syscall($to_handle + 0, -100, $path, $handle, $mount, 0) == 0 or refused("name_to_handle_at");
opendir(my $at, $folder) or refused("opendir");
print "ready\n";
my $go = <STDIN>;
my $fd = syscall($by_handle + 0, fileno($at), $handle, 0);
refused("open_by_handle_at") if $fd < 0;
my $content = "\0" x 64;
syscall($read + 0, $fd, $content, 64) > 0 or refused("read");
print "done\n";
my $rest = <STDIN>;
