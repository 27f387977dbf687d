# koney's agent as README.md has it, with one policy and its alerts on standard output; nothing of it stays when it ends (`--pins none`).
folder=/root/koney-manifests
mkdir -p $folder
sed "s|FILE|$1|" "${0%/*}/koney-policy.yaml" > $folder/policy.yaml
exec /root/koney-agent run --manifests $folder --attach "${KONEY_ATTACH:-auto}" --pins none --state none --admin none > "$2"
