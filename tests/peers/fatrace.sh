# fatrace(8): opens on the mount of the trap; it has no way to watch a single file.
cd "${1%/*}" && exec fatrace --current-mount --filter=O --output="$2"
