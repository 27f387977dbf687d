# inotifywait(1): one watch, on the trap, for opens.
exec inotifywait --quiet --monitor --event open --outfile "$2" "$1"
