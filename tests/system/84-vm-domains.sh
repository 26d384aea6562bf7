#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two trust domains of two VMs each: a VM has its own rings and its own pool,
# and nothing else; packets are copied where they cross over, once; a VM with
# a pool that it may only read cannot write to it, whatever it tries.
#
#   left --- NIC left === b1 === b2 ... r1 === r2 === NIC right --- right
#            \________ blue ______/     \________ red ________/
#
# 'b2' may only read.

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"

start --pools 48
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
cmd ovs-vsctl set Open_vSwitch . \
    other_config:chain-pool-red="size=16M,dir=$OVS_CHAIN_HUGE"
add_bridge
quiet_host left 192.0.2.1
quiet_host right 192.0.2.2
nic_port left left-nic options:chain-pool=blue
nic_port right right-nic options:chain-pool=red
vm_port b1
vm_port b2 options:chain-access=ro
pool=red vm_port r1
pool=red vm_port r2
tool=(--copy "$tree/tests/guest-probe" --copy "$tree/tests/nf-writer")
boot b1 b1 "${tool[@]}" nf-forward
boot b2 b2 "${tool[@]}" nf-monitor
boot r1 r1 "${tool[@]}" nf-forward
boot r2 r2 "${tool[@]}" nf-forward
all_attached b1 b2 r1 r2
probe=/etc/nf/files/guest-probe

# What the memory of the PCI devices of a VM says that it is.
devices() {
    in_vm "$1" "$probe list" | cut -d ' ' -f 2- | sort
}
for vm in b1 b2 r1 r2; do
    [[ $vm == b? ]] && domain=blue || domain=red
    uuid=$(query "pool('$domain')['uuid']")
    is "$vm has its pool and its ring and nothing else" \
        "pool $domain $uuid"$'\n'"ring $vm $uuid" devices "$vm"
done
ok "the pools are two" \
    [ "$(query "pool('blue')['uuid'] != pool('red')['uuid']")" = True ]

chains 'left <-> b1 <-> b2 <-> r1 <-> r2 <-> right'
ok "frames pass to the right" exchange left right --count 500
ok "frames pass to the left" exchange right left --count 300
# hops TO FROM: by reference and copied.
hops() {
    query "'%(by_reference)d %(copied)d' % hop('$1','$2')"
}
is "from the NIC to b1" '500 0' hops b1 nic
is "from b1 to b2" '500 0' hops b2 b1
is "from the blue domain to r1" '0 500' hops r1 outside
is "from r1 to r2" '500 0' hops r2 r1
is "from the NIC to r2" '300 0' hops r2 nic
is "from r2 to r1" '300 0' hops r1 r2
is "from the red domain to b2" '0 300' hops b2 outside
is "from b2 to b1" '300 0' hops b1 b2
is "that was all" '800 800 800 800' query "' '.join(str(sum(\
hop['by_reference'] + hop['copied'] for hop in port(name)['hops'])) \
for name in ('b1', 'b2', 'r1', 'r2'))"
contains "the monitor knows that it may only read" \
    'attached to b2 .*read-only' "$dir/b2.log"
balanced
pool=red balanced

# An NF that writes to packets: where it may, where it is told that it may not,
# and where it has not said so before.
rewrite() {
    ! exchange "$1" "$2" --count 1 --size 100 --deadline "$patience" \
        > "$scratch/rewritten" 2>&1 && grep -q differs "$scratch/rewritten"
}
end_guest_nf b1
guest_nf b1 ./nf-writer
soon "the writer attaches where it may write" attached b1
ok "frames are rewritten" rewrite left right
end_guest_nf b1
guest_nf b1 nf-forward
soon "an NF that does not write attaches" attached b1

end_guest_nf b2
message=$(in_vm b2 /etc/nf/files/nf-writer) &&
    fail "an NF that writes attaches where it may only read"
[[ $message == *"port b2 is read-only"*chain-access=rw* ]] ||
    fail "an NF that may not write is told '$message'"
say "ok: it is told: $message"
guest_nf b2 ./nf-writer --deny
soon "one that has not said that it writes attaches" attached b2
ok "a frame for it" send left --count 1 --size 100
contains "it is told what it did" \
    'port b2: the NF wrote to a packet, but may only read' "$dir/b2.log"
contains "it is ended" '^nf: exit status 139' "$dir/b2.log"
generation=$(query "port('b2')['generation']")
guest_nf b2 nf-monitor
contains "the monitor attaches again" \
    "nf-monitor: attached to b2 .*generation $((generation + 1))" "$dir/b2.log"
ok "frames pass to the right unchanged" exchange left right --count 100
ok "frames pass to the left unchanged" exchange right left --count 100

# Straight to the memory of the PCI device, past the NF: by a mapping of the
# device, and by physical addresses.
file=$(query "pool('blue')['file']")
pool_device() {
    in_vm "$1" "$probe list" | sed -n 's/ pool .*//p'
}
word() {
    od -A n -t x4 -j "$1" -N 4 "$file" | tr -d ' '
}
# physical VM DEVICE OFFSET [VALUE]: reads or writes by physical address.
physical() {
    in_vm "$1" "set -- \$(sed -n 3p /sys/bus/pci/devices/$2/resource);
        devmem \$((\$1 + $3)) 32 ${4-}"
}
spare=2048                      # Between the superblock and what follows.
device=$(pool_device b1)
is "a VM that may write writes" 0x12345678 \
    in_vm b1 "$probe poke $device $spare 0x12345678"
is "to the pool itself" 12345678 word "$spare"
ok "it writes by a physical address, too" \
    physical b1 "$device" "$spare" 0x23456789
is "to the pool itself" 23456789 word "$spare"

sum=$(sha256sum < "$file")
device=$(pool_device b2)
# The magic, a spare word, a buffer.
for at in 0 "$spare" $((1 << 20)); do
    is "a VM that may only read does not write at byte $at" "0x$(word "$at")" \
        in_vm b2 "$probe poke $device $at 0xdeadbeef"
    ok "nor by a physical address" physical b2 "$device" "$at" 0xdeadbeef
    is "which shows what was there" "0x$(word "$at" | tr a-f A-F)" \
        physical b2 "$device" "$at"
done
is "the pool is as it was" "$sum" sha256sum < "$file"

ok "frames pass to the right" exchange left right --count 100
is "no reference was refused" 0 \
    query "sum(sum(port['drops'].values()) for port in ports)"
balanced
pool=red balanced
for vm in b1 b2 r1 r2; do
    end_vm "$vm"
done
soon_is "no port owns a buffer" 0 query "sum(p['owned'] for p in ports)"
all_free
pool=red all_free
