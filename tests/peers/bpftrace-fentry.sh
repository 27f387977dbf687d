# bpftrace(8): a kfunc probe that compares the path, as its reference guide shows for path(); `-q` leaves out its own words.
exec bpftrace -q -o "$2" -e 'kfunc:security_file_open
/ path(args->file->f_path) == "'"$1"'" / { printf("%s %d service_token\n", comm, pid); }'
