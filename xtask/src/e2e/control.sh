#!/bin/bash
# What a node belongs to: certificates, etcd, API server, controller manager and scheduler, all of them real.
#
# It lives in a mount, network and pid namespace of its own, whose first process this script is: when it ends, everything ends.
# Nothing in there leads outside; what it writes is below STATE.
#
#   control.sh STATE BIN NODE_IP API_IP -- COMMAND...
#
# NODE_IP is the node's own address, API_IP the one at which the node finds the API server. COMMAND starts the node; this ends as it ends.
set -u
STATE=$1 BIN=$2 NODE_IP=$3 API_IP=$4
shift 5

NODE=node-1 SERVICES=10.96.0.0/16 SERVICE_API=10.96.0.1
PKI=$STATE/pki LOG=$STATE/log
export KUBECONFIG=$STATE/kubeconfig PATH=$BIN:$PATH OPENSSL_CONF=/etc/ssl/openssl.cnf
START=$(date +%s%3N)
say() { echo "    control plane: $* ($(($(date +%s%3N) - START)) ms)" >&2; }
die() {
    say "$*"
    tail -n 15 "$LOG"/*.log >&2
    exit 70
}
mkdir -p "$PKI" "$LOG" "$STATE"/{etcd,run}

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
certificate apiserver /CN=kube-apiserver "DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$API_IP,IP:$SERVICE_API"
certificate admin /O=system:masters/CN=admin
certificate kubelet "/O=system:nodes/CN=system:node:$NODE" "DNS:$NODE,IP:$NODE_IP"
certificate manager /CN=system:kube-controller-manager
certificate scheduler /CN=system:kube-scheduler
certificate client /O=system:masters/CN=apiserver-kubelet
key accounts
openssl ec -in "$PKI/accounts.key" -pubout -out "$PKI/accounts.pub" 2>>"$LOG/pki.log"
kubeconfig() { # user, address of the API server
    cat <<EOF
{"apiVersion": "v1", "kind": "Config", "current-context": "e2e",
 "clusters": [{"name": "e2e", "cluster": {"server": "https://$2:6443", "certificate-authority-data": "$(base64 -w 0 "$PKI/ca.crt")"}}],
 "users": [{"name": "e2e", "user": {"client-certificate-data": "$(base64 -w 0 "$PKI/$1.crt")", "client-key-data": "$(base64 -w 0 "$PKI/$1.key")"}}],
 "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}]}
EOF
}
kubeconfig admin 127.0.0.1 >"$KUBECONFIG"
for user in manager scheduler; do kubeconfig $user 127.0.0.1 >"$PKI/$user.kubeconfig"; done
kubeconfig kubelet "$API_IP" >"$PKI/kubelet.kubeconfig"

# --- the control plane ---
ip link set lo up
# The node's address is here as well: what is sent to it, such as a question to the kubelet, stays in this namespace, and whoever starts
# the node sees to it that it is there.
ip addr add "$NODE_IP/32" dev lo
ip route replace local "$NODE_IP" dev lo table local src 127.0.0.1
etcd --data-dir "$STATE/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380 >"$LOG/etcd.log" 2>&1 &
kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443 --advertise-address="$API_IP" \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$PKI/accounts.pub" \
    --service-account-signing-key-file="$PKI/accounts.key" --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --service-cluster-ip-range=$SERVICES --allow-privileged=true \
    --kubelet-client-certificate="$PKI/client.crt" --kubelet-client-key="$PKI/client.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP --cert-dir="$STATE/run" \
    >"$LOG/apiserver.log" 2>&1 &
APISERVER=$!
for _ in $(seq 3000); do
    kubectl get --raw /readyz >/dev/null 2>&1 && break
    kill -0 $APISERVER 2>/dev/null || die "the API server has ended"
    sleep 0.1
done
say "the API server is ready"
kube-controller-manager --kubeconfig="$PKI/manager.kubeconfig" --leader-elect=false --node-monitor-period=1s \
    --flex-volume-plugin-dir="$STATE/run/plugins" --service-account-private-key-file="$PKI/accounts.key" \
    --root-ca-file="$PKI/ca.crt" --use-service-account-credentials=true --bind-address=127.0.0.1 --cert-dir="$STATE/run" \
    >"$LOG/manager.log" 2>&1 &
kube-scheduler --kubeconfig="$PKI/scheduler.kubeconfig" --leader-elect=false --bind-address=127.0.0.1 --cert-dir="$STATE/run" \
    >"$LOG/scheduler.log" 2>&1 &

"$@"
exit $?
