#!/bin/bash
# A node: containerd and kubelet, both of them real; the control plane is elsewhere, and has made PKI.
#
# It is the first process of a pid namespace, or all that a virtual machine runs: when it ends, every container ends, at once and
# without a word, as when the power goes. What is to outlive that is below STATE.
#
#   node.sh STATE BIN PKI API_IP NODE_IP IMAGE...
set -u
STATE=$1 BIN=$2 PKI=$3 API_IP=$4 NODE_IP=$5
shift 5

NODE=node-1 PODS=10.89.0.0/24 SERVICE_API=10.96.0.1
LOG=$STATE/log
export PATH=$BIN:$PATH
START=$(date +%s%3N)
say() { echo "    node: $* ($(($(date +%s%3N) - START)) ms)" >&2; }
die() {
    say "$*"
    tail -n 15 "$LOG"/{containerd,kubelet,images}.log >&2
    exit 70
}
mkdir -p "$LOG" "$STATE"/{run,containerd,lib,pods,cni}

# --- the host that the node is on ---
mkdir -p /var/lib /var/log
mount --make-rshared /
mount --bind "$STATE/lib" /var/lib
mount --bind "$STATE/pods" /var/log
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /var/lib/kubelet /var/log/pods /run/containerd /run/netns
if [ -e /sys/class/net/eth0 ]; then
    # A virtual machine. Its root group has to be left before groups below it get limits.
    if [ -f /sys/fs/cgroup/cgroup.subtree_control ]; then
        mkdir -p /sys/fs/cgroup/init
        for pid in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$pid" >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null; done
    fi
    [ -e /etc/resolv.conf ] || : >/etc/resolv.conf
    ip addr add "$NODE_IP/24" dev eth0
    ip link set eth0 up
    ip route add default via "$API_IP"
else
    # Beside the control plane, in its network: containers of an earlier start have left theirs.
    ip link delete cni0 2>/dev/null
    ip link add node0 type dummy 2>/dev/null || ip link add node0 type bridge 2>/dev/null
    ip addr add "$NODE_IP/24" dev node0 2>/dev/null
    ip link set node0 up
    ip route replace default dev node0
fi
echo 1 >/proc/sys/net/ipv4/ip_forward
once() { iptables -t nat -C "$@" 2>/dev/null || iptables -t nat -A "$@" 2>>"$LOG/host.log"; }
for chain in PREROUTING OUTPUT; do once $chain -d $SERVICE_API/32 -p tcp --dport 443 -j DNAT --to-destination "$API_IP:6443"; done
once POSTROUTING -s $PODS ! -d $PODS -j MASQUERADE

# --- the runtime ---
cat >"$STATE/containerd.toml" <<EOF
version = 2
root = "$STATE/containerd"
state = "/run/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/run/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # Where the machine lacks CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$STATE/cni"
EOF
cat >"$STATE/cni/10-pods.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "/run/ipam", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
containerd --config "$STATE/containerd.toml" >>"$LOG/containerd.log" 2>&1 &
CONTAINERD=$!
ctr() { command ctr --address /run/containerd/containerd.sock --namespace k8s.io "$@"; }
for _ in $(seq 3000); do
    ctr version >/dev/null 2>&1 && break
    kill -0 $CONTAINERD 2>/dev/null || die "containerd has ended"
    sleep 0.1
done
# Given once: what an earlier start was given is there still.
if [ ! -e "$STATE/images-given" ]; then
    for image in "$@"; do
        ctr images import "$image" >>"$LOG/images.log" 2>&1 || die "containerd does not take $image: $(tail -n 2 "$LOG/images.log")"
    done
    touch "$STATE/images-given"
fi
say "containerd has the images"

# --- the kubelet ---
: >"$STATE/resolv.conf"
cat >"$STATE/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
cgroupDriver: cgroupfs
failSwapOn: false
resolvConf: $STATE/resolv.conf
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
nodeStatusUpdateFrequency: 2s
syncFrequency: 10s
volumePluginDir: $STATE/run/plugins
EOF
# It would ask the address of AWS's metadata for credentials of images.
AWS_EC2_METADATA_DISABLED=true kubelet --container-runtime=remote --container-runtime-endpoint=unix:///run/containerd/containerd.sock \
    --config="$STATE/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig" --hostname-override=$NODE --node-ip="$NODE_IP" \
    >>"$LOG/kubelet.log" 2>&1 &
say "the kubelet is started"
wait -n $! $CONTAINERD
die "the kubelet or containerd has ended"
