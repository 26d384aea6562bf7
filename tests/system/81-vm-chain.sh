#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The chain of three NFs in three VMs: frames and a download both ways without
# a copy; then it sleeps, and a packet wakes it.
#
#   left --- NIC left === fw === ids === fwd === NIC right --- right
#
# '===' is within the pool.

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
vm_port fw
vm_port ids options:chain-access=ro
vm_port fwd
printf '%s\n' 'deny proto udp dport 7' 'default allow' > "$scratch/my.rules"
boot fw fw --copy "$scratch/my.rules" nf-firewall --rules my.rules --stats 9999
boot ids ids nf-monitor --stats 9999
boot fwd fwd nf-forward
all_attached fw ids fwd
chains 'left <-> fw <-> ids <-> fwd <-> right'

ok "frames of all sizes arrive on the right" exchange left right --count 1000
ok "frames of all sizes arrive on the left" exchange right left --count 500

is "references from the NIC to fw" 1000 query "hop('fw','nic')['by_reference']"
is "references from fw to ids" 1000 query "hop('ids','fw')['by_reference']"
is "references from ids to fwd" 1000 \
    query "hop('fwd','ids')['by_reference']"
is "references from the NIC to fwd" 500 \
    query "hop('fwd','nic')['by_reference']"
is "references from fwd to ids" 500 query "hop('ids','fwd')['by_reference']"
is "references from ids to fw" 500 query "hop('fw','ids')['by_reference']"
contains "the monitor only reads" 'attached to ids .*read-only' "$dir/ids.log"

ok "frames that the firewall denies" \
    send left --count 50 --size 100 --dst-port 7
soon_is "are dropped on its verdict" 50 query "port('fw')['drops']['by_nf']"

mkdir "$scratch/www"
head -c 4M /dev/urandom > "$scratch/www/file"
background server ip netns exec "$netns-right" \
    python3 -m http.server --directory "$scratch/www" 80
soon "the server is reached through the chain" \
    ip netns exec "$netns-left" python3 "$share/fetch.py" http://192.0.2.2/
fetched() {
    ip netns exec "$netns-left" \
        python3 "$share/fetch.py" http://192.0.2.2/file | cut -d ' ' -f 3
}
is "the SHA-256 of a download" \
    "$(sha256sum "$scratch/www/file" | cut -d ' ' -f 1)" fetched

# Nobody sends: each NF sleeps for as long as it may, 100 ms, again and again.
# One that polled or napped would sleep never or hundreds of times a second,
# and its QEMU would take all the time of its processor that it gets.
for port in fw ids fwd; do
    soon "$port sleeps" sleeps "$port"
done
declare -A before
elapsed=$(now_ms)
cpu=0
for port in fw ids fwd; do
    before[$port]=$(n_sleeps "$port")
    cpu=$((cpu - $(cpu_ms "${vm_pid[$port]}")))
done
sleep 5
for port in fw ids fwd; do
    before[$port]=$(($(n_sleeps "$port") - before[$port]))
    cpu=$((cpu + $(cpu_ms "${vm_pid[$port]}")))
done
elapsed=$(($(now_ms) - elapsed))
say "in $elapsed ms: CPU $cpu ms, sleeps ${before[*]}"
for port in fw ids fwd; do
    ok "$port slept, again and again" [ "${before[$port]}" -gt 1 ]
    ok "$port slept long" [ "${before[$port]}" -lt $((elapsed / 50)) ]
done
ok "three VMs took less than half a processor" [ "$cpu" -lt $((elapsed / 2)) ]

# An NF may just be awake between two sleeps: then it needs no frame.
wakeups() {
    query "port('$1')['tx_wakeups']"
}
wakes() {
    local n
    n=$(wakeups "$1")
    exchange left right --count 1 && [ "$(wakeups "$1")" -gt "$n" ]
}
for port in fw ids fwd; do
    soon "a packet wakes $port" wakes "$port"
done

is "nothing was copied on the way to an NF" 0 \
    query "sum(port['tx_copied'] + port['tx_copied_bytes'] for port in ports)"
is "nothing went to or came from a guest's kernel" 0 \
    query "sum(port['copy_rx_packets'] + port['copy_tx_packets'] \
+ port['rx_local'] for port in ports)"
is "no reference was refused" 0 query "sum(n for port in ports \
for reason, n in port['drops'].items() if reason not in ('by_nf',))"
is "no packet had to move in its buffer" 0 \
    query "sum(port['rx_moved'] for port in ports)"
balanced

# What the NFs themselves have counted.
counted() {
    sed -n "s/.* $1: .*\<$2=\([0-9]*\).*/\1/p" "$dir/$1.log" | tail -n 1
}
for port in fw ids; do
    end_guest_nf "$port"
    is "$port got what the switch sent" \
        "$(query "port('$port')['tx_packets']")" counted "$port" rx_packets
    ok "$port slept" [ "$(counted "$port" sleeps)" -gt 0 ]
    ok "$port was woken" [ "$(counted "$port" wakeups)" -gt 0 ]
    ok "$port was woken by the switch's frames only" \
        [ "$(counted "$port" wakeups)" -le "$(wakeups "$port")" ]
done
end_guest_nf fwd
for port in fw ids fwd; do
    end_vm "$port"
done
balanced
all_free
