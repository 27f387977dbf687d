# The same where eBPF is refused.
export KONEY_ATTACH=fanotify
. "${0%/*}/koney.sh"
