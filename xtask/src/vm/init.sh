#!/bin/busybox sh
# Process 1 of a test guest: a system with everything mounted, one command, its status on the console.
# koney/ holds what xtask says: nonce, modules, cgroup, command.
B=/bin/busybox

if [ ! -f /koney/stage2 ]; then
    # Off the first root: pivot_root is refused there before Linux 7, and container tests need it.
    $B mkdir /root.new
    $B mount -t tmpfs -o size=90%,mode=755 root /root.new
    cd /root.new || exit
    $B mkdir -p dev proc sys tmp run
    # Mounted before the files are copied, because some may belong there.
    $B mount -t tmpfs -o mode=1777 tmp tmp
    $B mount -t tmpfs -o mode=755 run run
    for entry in /*; do
        case $entry in /root.new | /dev | /proc | /sys) ;; *) $B cp -a "$entry" . ;; esac
    done
    $B touch koney/stage2
    exec $B switch_root /root.new /init
fi

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
$B mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
# Leaves files alone that are there already: real programs keep their names.
$B --install -s
mkdir -p /dev/pts /dev/shm
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
mount -t securityfs security /sys/kernel/security
mount -t bpf -o mode=700 bpf /sys/fs/bpf
mount -t tracefs tracing /sys/kernel/tracing
mount -t debugfs debug /sys/kernel/debug
mount -t devpts -o mode=620,ptmxmode=666 pts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
for link in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -sf /proc/self/${link#*:} /dev/${link%%:*}; done

if [ "$(cat /koney/cgroup)" = v1 ]; then
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd systemd /sys/fs/cgroup/systemd
    for controller in $(awk '!/^#/ && $4 == 1 { print $1 }' /proc/cgroups); do
        mkdir /sys/fs/cgroup/$controller
        mount -t cgroup -o $controller cgroup /sys/fs/cgroup/$controller 2>/dev/null || rmdir /sys/fs/cgroup/$controller
    done
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
else
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
    done
fi
mount --make-rshared /
hostname koney-vm
ip link set lo up
while read -r module; do insmod "/koney/modules/$module.ko"; done </koney/modules.list

nonce=$(cat /koney/nonce)
rm /koney/nonce
cd /root
echo "koney-vm-begin:$nonce"
if [ -b /dev/vda ]; then
    mkdir /disk
    /usr/sbin/mke2fs -q -t ext4 /dev/vda && mount -t ext4 /dev/vda /disk || exit
fi
# By its path: busybox's shell takes its own `sh` and `cat` before any real one.
setsid /koney/command </dev/null
status=$?
# From here on only the verdict may reach the console.
dmesg -n 1
echo "koney-vm-verdict:$nonce:$status"
poweroff -f
