#!/bin/bash
# A cluster of one node: etcd, API server, controller manager, scheduler, containerd and kubelet, all of them real.
#
# It lives in a mount, network and pid namespace of its own, whose first process this script is: when it ends, everything ends.
# Nothing in there leads outside; /var/lib and the rest of what it writes are below STATE.
#
#   node.sh STATE BIN IMAGE... -- COMMAND...     runs COMMAND when the node is Ready, and ends as it ends
set -u
STATE=$1 BIN=$2
shift 2
IMAGES=()
while [ "$1" != -- ]; do IMAGES+=("$1"); shift; done
shift

NODE=node-1 NODE_IP=10.88.0.1 PODS=10.89.0.0/24 SERVICES=10.96.0.0/16 SERVICE_API=10.96.0.1
PKI=$STATE/pki LOG=$STATE/log
export KUBECONFIG=$STATE/kubeconfig PATH=$BIN:$PATH OPENSSL_CONF=/etc/ssl/openssl.cnf
START=$(date +%s%3N)
say() { echo "    node: $* ($(($(date +%s%3N) - START)) ms)" >&2; }
die() {
    say "$*"
    tail -n 15 "$LOG"/*.log >&2
    exit 70
}
# Waits for a condition as long as a process lives.
await() {
    local what=$1 pid=$2
    shift 2
    for _ in $(seq 3000); do
        "$@" >/dev/null 2>&1 && return
        kill -0 "$pid" 2>/dev/null || die "$what has ended"
        sleep 0.1
    done
    die "$what does not become ready"
}
mkdir -p "$PKI" "$LOG" "$STATE"/{etcd,run,containerd,lib,pods,cni}

# --- certificates, of one authority ---
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$1.key" 2>>"$LOG/pki.log"; }
key ca
openssl req -x509 -new -key "$PKI/ca.key" -subj /CN=e2e -days 2 -out "$PKI/ca.crt" -addext keyUsage=critical,keyCertSign,digitalSignature
certificate() { # name, subject, further names
    key "$1"
    printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n%s\n' "${3:+subjectAltName=$3}" >"$PKI/$1.ext"
    openssl req -new -key "$PKI/$1.key" -subj "$2" -out "$PKI/$1.csr"
    openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 2 -extfile "$PKI/$1.ext" -out "$PKI/$1.crt" 2>>"$LOG/pki.log"
}
certificate apiserver /CN=kube-apiserver "DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$NODE_IP,IP:$SERVICE_API"
certificate admin /O=system:masters/CN=admin
certificate kubelet "/O=system:nodes/CN=system:node:$NODE" "DNS:$NODE,IP:$NODE_IP"
certificate manager /CN=system:kube-controller-manager
certificate scheduler /CN=system:kube-scheduler
certificate client /O=system:masters/CN=apiserver-kubelet
key accounts
openssl ec -in "$PKI/accounts.key" -pubout -out "$PKI/accounts.pub" 2>>"$LOG/pki.log"
kubeconfig() {
    cat <<EOF
{"apiVersion": "v1", "kind": "Config", "current-context": "e2e",
 "clusters": [{"name": "e2e", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority": "$PKI/ca.crt"}}],
 "users": [{"name": "e2e", "user": {"client-certificate": "$PKI/$1.crt", "client-key": "$PKI/$1.key"}}],
 "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}]}
EOF
}
kubeconfig admin >"$KUBECONFIG"
for user in kubelet manager scheduler; do kubeconfig $user >"$PKI/$user.kubeconfig"; done

# --- the host that the node is on ---
mkdir -p /var/lib /var/log
mount --make-rshared /
mount --bind "$STATE/lib" /var/lib
mount --bind "$STATE/pods" /var/log
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /var/lib/kubelet /var/log/pods /run/containerd /run/netns
# Where this is the machine itself, its root group has to be left before groups below it get limits.
if [ $$ -ne 1 ] && [ -f /sys/fs/cgroup/cgroup.subtree_control ]; then
    mkdir -p /sys/fs/cgroup/init
    for pid in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$pid" >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null; done
fi
ip link set lo up
ip link add node0 type dummy 2>/dev/null || ip link add node0 type bridge
ip addr add $NODE_IP/24 dev node0
ip link set node0 up
ip route add default dev node0
echo 1 >/proc/sys/net/ipv4/ip_forward
for chain in PREROUTING OUTPUT; do
    iptables -t nat -A $chain -d $SERVICE_API/32 -p tcp --dport 443 -j DNAT --to-destination $NODE_IP:6443 2>>"$LOG/host.log"
done

# --- the control plane, and the runtime beside it ---
etcd --data-dir "$STATE/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380 >"$LOG/etcd.log" 2>&1 &
kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443 --advertise-address=$NODE_IP \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$PKI/accounts.pub" \
    --service-account-signing-key-file="$PKI/accounts.key" --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --service-cluster-ip-range=$SERVICES --allow-privileged=true \
    --kubelet-client-certificate="$PKI/client.crt" --kubelet-client-key="$PKI/client.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP --cert-dir="$STATE/run" \
    >"$LOG/apiserver.log" 2>&1 &
APISERVER=$!
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
  "ipam": {"type": "host-local", "dataDir": "$STATE/run/ipam", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
containerd --config "$STATE/containerd.toml" >"$LOG/containerd.log" 2>&1 &
CONTAINERD=$!
ctr() { command ctr --address /run/containerd/containerd.sock --namespace k8s.io "$@"; }
await containerd $CONTAINERD ctr version
for image in "${IMAGES[@]}"; do
    ctr images import "$image" >>"$LOG/images.log" 2>&1 || die "containerd does not take $image: $(tail -n 2 "$LOG/images.log")"
done
say "containerd has the images"
await "the API server" $APISERVER kubectl get --raw /readyz
say "the API server is ready"
kube-controller-manager --kubeconfig="$PKI/manager.kubeconfig" --leader-elect=false --node-monitor-period=1s \
    --flex-volume-plugin-dir="$STATE/run/plugins" --service-account-private-key-file="$PKI/accounts.key" \
    --root-ca-file="$PKI/ca.crt" --use-service-account-credentials=true --bind-address=127.0.0.1 --cert-dir="$STATE/run" \
    >"$LOG/manager.log" 2>&1 &
kube-scheduler --kubeconfig="$PKI/scheduler.kubeconfig" --leader-elect=false --bind-address=127.0.0.1 --cert-dir="$STATE/run" \
    >"$LOG/scheduler.log" 2>&1 &

# --- the node ---
: >"$STATE/resolv.conf"
cat >"$STATE/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
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
    --config="$STATE/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig" --hostname-override=$NODE --node-ip=$NODE_IP \
    >"$LOG/kubelet.log" 2>&1 &
KUBELET=$!
ready() { kubectl wait --for=condition=Ready node/$NODE --timeout=1s && kubectl get serviceaccount default; }
await "the kubelet" $KUBELET ready
untainted() { [ -z "$(kubectl get node $NODE -o jsonpath='{.spec.taints}')" ]; }
await "the node" $KUBELET untainted
say "the node is ready"

"$@"
STATUS=$?
kubectl delete pods --all --all-namespaces --force --grace-period=0 --wait=false >/dev/null 2>&1
exit $STATUS
