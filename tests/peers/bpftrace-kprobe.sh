# The same in a kprobe, where there is no path().
set -- "$1" "$2" $(echo "$1" | tr / ' ')
exec bpftrace -q -B line -e 'kprobe:security_file_open
{
  $file = ((struct file *)arg0)->f_path.dentry;
  if (str($file->d_name.name) == "'"$6"'") {
    if (str($file->d_parent->d_name.name) == "'"$5"'" && str($file->d_parent->d_parent->d_name.name) == "'"$4"'") {
      printf("%s %d service_token\n", comm, pid);
    }
  }
}' > "$2"
