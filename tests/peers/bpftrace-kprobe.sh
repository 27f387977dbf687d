# bpftrace(8): kprobes have no path(), so the names of the file and of its folders are compared, the file's first.
set -- "$1" "$2" $(echo "$1" | tr / ' ')
exec bpftrace -q -o "$2" -e 'kprobe:security_file_open
{
  $file = ((struct file *)arg0)->f_path.dentry;
  if (str($file->d_name.name) == "'"$6"'") {
    if (str($file->d_parent->d_name.name) == "'"$5"'" && str($file->d_parent->d_parent->d_name.name) == "'"$4"'") {
      printf("%s %d service_token\n", comm, pid);
    }
  }
}'
