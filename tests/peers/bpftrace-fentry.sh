# bpftrace(8): a kfunc probe that compares the names of the file and of its folders, the file's first. There is path() too, but the bpftrace
# of Debian 12 finds the helper for it in no kernel from 6.12 on.
set -- "$1" "$2" $(echo "$1" | tr / ' ')
exec bpftrace -q -B line -e 'kfunc:security_file_open
{
  $file = args->file->f_path.dentry;
  if (str($file->d_name.name) == "'"$6"'") {
    if (str($file->d_parent->d_name.name) == "'"$5"'" && str($file->d_parent->d_parent->d_name.name) == "'"$4"'") {
      printf("%s %d service_token\n", comm, pid);
    }
  }
}' > "$2"
