#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The guest's own kernel beside its NF: it answers to ARP and ping and serves
# files while the NF forwards by reference, and sees nothing that is not its
# own.  Then VMs with two ports.
#
#   left --- NIC === fw === NIC --- right
#
#   left --- NIC === two0:two1 === NIC --- right

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
vm_port fw
vm_port two0 options:chain-credits=512
vm_port two1 options:chain-credits=512
boot fw fw --address 192.0.2.9/24 nf-forward
boot two two0,two1 --address 192.0.2.10/24 --address 192.0.2.11/24 \
    --copy "$tree/tests/guest-probe" nf-forward two0 two1
soon "NFs are attached" attached fw two0 two1
all_up fw two
chains 'left <-> fw <-> right'

ping_from() {
    ip netns exec "$netns-$1" busybox ping -c 3 -W "$patience" "$2" > /dev/null
}
forget_neighbours() {
    ip -n "$netns-left" neigh flush all
    ip -n "$netns-right" neigh flush all
    in_vm fw 'ip neigh flush dev eth0' > /dev/null
}
counter() {
    query "port('${2-fw}')['$1']"
}

ok "frames pass to the right" exchange left right --count 300
ok "frames pass to the left" exchange right left --count 300
is "the guest's kernel got none of them" 0 counter copy_tx_packets
is "nor has the NF handed one over" 0 counter rx_local

# The reply of the guest's kernel carries no path, so it goes out at both ends.
ok "nobody knows anybody" forget_neighbours
ok "the guest answers the left" ping_from left 192.0.2.9
ok "the guest answers the right" ping_from right 192.0.2.9
ok "nobody knows anybody again" forget_neighbours
ok "the guest reaches the left" in_vm fw "ping -c 3 -W $patience 192.0.2.1"
ok "the NF has handed over ARP and ping" [ "$(counter rx_local)" -ge 11 ]
is "and the kernel got nothing else" "$(counter rx_local)" \
    counter copy_tx_packets
is "none of that was forwarded" 600 counter rx_packets

# A download from the guest and an upload to it, while its NF forwards.
forward() {
    local n=0
    until [ -e "$scratch/stop" ]; do
        exchange left right --count 32 --deadline "$patience" || return 1
        n=$((n + 32))
    done
    say "$n" > "$scratch/frames"
}
begin_forward() {
    rm -f "$scratch/stop"
    background "forward$1" forward
    forward_pid=$background_pid
}
end_forward() {
    touch "$scratch/stop"
    ok "frames passed all the time" wait "$forward_pid"
}
begin_forward 1
ok "the guest has a file" in_vm fw "mkdir /tmp/www &&
    dd if=/dev/urandom of=/tmp/www/file bs=1k count=512 2> /dev/null &&
    httpd -p 80 -h /tmp/www"
fetched() {
    ip netns exec "$netns-left" \
        python3 "$share/fetch.py" http://192.0.2.9/file | cut -d ' ' -f 3
}
is "the SHA-256 of a file from the guest" \
    "$(in_vm fw 'sha256sum < /tmp/www/file' | cut -d ' ' -f 1)" fetched
head -c 512K /dev/urandom > "$scratch/upload"
ok "the guest listens" in_vm fw '
    { nc -l -p 7000 < /dev/console > /tmp/upload & };
    until netstat -tln | grep -q :7000; do sleep 0.1; done'
ok "it takes an upload" ip netns exec "$netns-right" \
    timeout "$patience" busybox nc 192.0.2.9 7000 < "$scratch/upload"
soon_is "the SHA-256 of the upload" "$(sha256sum < "$scratch/upload")" \
    in_vm fw 'sha256sum < /tmp/upload'
end_forward
is "the NF forwarded these frames only" $((600 + $(< "$scratch/frames"))) \
    counter rx_packets
is "the kernel got only what the NF handed over" "$(counter rx_local)" \
    counter copy_tx_packets
is "nothing was copied to the NF" 0 counter tx_copied

# With --no-local the NF keeps all.
address=$(in_vm fw 'cat /sys/class/net/eth0/address')
end_guest_nf fw
guest_nf fw nf-forward --no-local
soon "it attaches" attached fw
cmd ip -n "$netns-left" neigh replace 192.0.2.9 lladdr "$address" dev eth0
in_vm fw 'ip neigh flush dev eth0'
n=$(counter rx_local)
forwarded=$(counter rx_packets)
for _ in 1 2 3; do
    ip netns exec "$netns-left" busybox ping -c 1 -W 1 192.0.2.9 > /dev/null &&
        fail "the guest answers in spite of --no-local"
done
soon_is "pings to the guest are forwarded" $((forwarded + 3)) \
    counter rx_packets
is "none is handed over" "$n" counter rx_local
end_guest_nf fw

# A guest without an NF: frames that would wake one mean nothing to it.
soon_is "no NF is there" detached counter state
guest_received() {
    in_vm fw 'cat /sys/class/net/eth0/statistics/rx_packets'
}
n=$(guest_received)
sent=$(counter copy_rx_packets)
console=$(wc -l < "$dir/fw.log")
ok "wake frames come to a guest without an NF" ip netns exec "$netns-left" \
    "$tree/tests/guest-probe" send eth0 0x88b6 5
soon_is "its kernel has got them" $((n + 5)) guest_received
is "and answers nothing" "$sent" counter copy_rx_packets
is "and says nothing" "$console" wc -l < "$dir/fw.log"
ok "it answers to ping" ping_from left 192.0.2.9

# The driver goes and comes while the NF forwards.
guest_nf fw nf-forward
soon "it attaches" attached fw
generation=$(counter generation)
begin_forward 2
ok "the driver is unloaded" in_vm fw 'rmmod virtio_net'
ok "the guest has no network" in_vm fw '[ ! -e /sys/class/net/eth0 ]'
sleep 3
ok "frames pass" exchange right left --count 300
is "the NF is still attached" attached counter state
ok "the driver is loaded again" in_vm fw 'insmod /lib/modules/virtio_net.ko &&
    ip address add 192.0.2.9/24 dev eth0 && ip link set eth0 up'
soon "the guest answers again" \
    ip netns exec "$netns-left" busybox ping -c 1 -W 2 192.0.2.9
end_forward
is "it is the same attachment" "$generation" counter generation
wakes() {
    local n
    n=$(counter tx_wakeups)
    exchange left right --count 1 && [ "$(counter tx_wakeups)" -gt "$n" ]
}
soon "a frame wakes the NF" wakes
balanced

# One NF with two ports.
cmd ip -n "$netns-left" neigh flush all nud permanent
chains 'left <-> two0:two1 <-> right'
is "the switch knows that they belong together" "two1 two0" \
    query "port('two0')['peer'] + ' ' + port('two1')['peer']"
ok "frames pass to the right" exchange left right --count 300
ok "frames pass to the left" exchange right left --count 300
is "by reference to two0" 300 query "hop('two0','nic')['by_reference']"
is "by reference to two1" 300 query "hop('two1','nic')['by_reference']"
# What the guest's kernel sends goes out, but for frames of the EtherType that
# wakes NFs.
received() {
    ip netns exec "$netns-right" cat /sys/class/net/eth0/statistics/rx_packets
}
n=$(received)
ok "the guest sends frames that nobody may" \
    in_vm two '/etc/nf/files/guest-probe send eth1 0x88b6 5'
ok "and others" in_vm two '/etc/nf/files/guest-probe send eth1 0x88b5 3'
soon_is "only these are taken" 3 counter copy_rx_packets two1
soon_is "and arrive" $((n + 3)) received

ok "the left reaches the guest's first interface" ping_from left 192.0.2.10
ok "the guest finds the right there" \
    in_vm two 'ip route add 192.0.2.2 dev eth1'
ok "the right reaches its second interface" ping_from right 192.0.2.11
is "frames for others did not" 600 \
    query "port('two0')['rx_packets'] + port('two1')['rx_packets']"

# Two NFs, each with a port.
end_guest_nf two
soon_is "both ports are free" 'detached detached' \
    query "port('two0')['state'] + ' ' + port('two1')['state']"
message=$(in_vm two nf-forward || :)
[[ $message == *"several ports"*two0*two1* ]] ||
    fail "an NF that names no port says '$message'"
say "ok: an NF that names no port: $message"
guest_nf two nf-forward two0
soon "one NF attaches" attached two0
guest_nf two nf-monitor --read-only two1
soon "the other, too" attached two1
chains 'left <-> two0 <-> two1 <-> right'
ok "frames pass to the right" exchange left right --count 300
ok "frames pass to the left" exchange right left --count 300
is "by reference from one to the other" 300 \
    query "hop('two1','two0')['by_reference']"
is "and back" 300 query "hop('two0','two1')['by_reference']"
ok "the guest answers" ping_from left 192.0.2.10
is "nothing was copied to an NF" 0 \
    query "sum(port['tx_copied'] for port in ports)"
is "no reference was refused" 0 query "sum(n for port in ports \
for reason, n in port['drops'].items() if reason != 'no_local')"
balanced

end_vm fw
end_vm two KILL
soon_is "no port owns a buffer" 0 query "sum(p['owned'] for p in ports)"
balanced
all_free
