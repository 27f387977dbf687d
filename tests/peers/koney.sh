# koney's agent as README.md has it, with one policy and its alerts on standard output.
folder=/root/koney-manifests
mkdir -p $folder
sed "s|FILE|$1|" "${0%/*}/koney-policy.yaml" > $folder/policy.yaml
/root/koney-agent run --manifests $folder --attach "${KONEY_ATTACH:-auto}" --state none --admin none > "$2" &
# Its programs stay in the kernel until they are told to go.
trap 'kill $!; wait $!; /root/koney-agent detach; exit' TERM
wait
