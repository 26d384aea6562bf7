#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# VMs whose devices are not what they should be, and commands that cannot make
# one: each says what is wrong to whom it concerns, and nobody else notices.
#
#   left --- NIC left --- nf === fw --- NIC right --- right
#                               fw2
#                               ro                          pool blue
#                               other                       pool red
#
# 'fw', 'fw2', 'ro' and 'other' are ports of one VM, and one that is full of
# other devices besides.  'nf' is a process.

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"

start --pools 48
define_pool "size=16M,dir=$OVS_CHAIN_HUGE"
cmd ovs-vsctl set Open_vSwitch . \
    other_config:chain-pool-red="size=16M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port nf
vm_port fw
vm_port fw2
vm_port ro options:chain-access=ro
pool=red vm_port other
nf nf nf-forward
chains 'left <-> nf <-> right'
ok "frames pass before" exchange left right --count 64
undisturbed() {
    ok "nobody else notices" exchange left right --count 64
}

# What "ovs-chain vm run" says.
refused() {
    local text=$1 out=$scratch/out
    shift
    ! timeout "$patience" "$prefix/sbin/ovs-chain" vm run --name "$name" "$@" \
        > "$out" 2>&1 < /dev/null || fail "vm run $(quoted "$@") works"
    grep -qF -e "$text" "$out" ||
        fail "vm run $(quoted "$@"): no '$text' in '$(< "$out")'"
    say "ok: $(< "$out")"
}
refused "no port 'nope'; chain ports are: fw fw2 nf other ro" nope nf-forward
refused "port 'left' has no options:chain-pool" left nf-forward
refused "port 'nf' has no socket for a VM: ovs-vsctl set Interface nf \
options:vhost-server-path=" nf nf-forward
refused "a port is named twice" fw,fw nf-forward
refused "the image has no 'nf-nope' but nf-" fw nf-nope
refused "there is no file '$scratch/nope'" fw "$scratch/nope"
refused "there is no file 'nope.rules'" --copy nope.rules fw nf-forward
refused "--memory takes a number of MiB" --memory lots fw nf-forward
refused "'eth0' is no ADDRESS/LENGTH" --address eth0 fw nf-forward
refused "something is missing" fw
OVS_CHAIN_IMAGE=$scratch refused "there is no guest image" fw nf-forward
name=x$$ refused "no instance 'x$$'" fw nf-forward
pool=red chain_port far options:vhost-server-path="$scratch/no/far.sock"
refused "its socket's directory is not there; make it: mkdir -p $scratch/no" \
    far nf-forward
cmd ovs-vsctl del-port br0 far

# doctored NAME SOURCE OFFSET BYTES: the first page of a file with other bytes
# at an offset, in a file as long.
doctored() {
    head -c 4096 "$2" > "$scratch/$1"
    truncate -s "$(stat -Lc %s "$2")" "$scratch/$1"
    printf '%b' "$4" | dd of="$scratch/$1" bs=1 seek="$3" conv=notrunc \
        status=none
}
blue=$OVS_CHAIN_DIR/ovs-chain.blue
doctored earlier "$blue" 16 'another uuid'
doctored old-pool "$blue" 8 '\0\0\0\0'
doctored old-ring "$(ring fw)" 8 '\0\0\0\0'
doctored short-pool "$blue" 96 '\0\0\0\02'
head -c 1M /dev/urandom > "$scratch/random"

# The VM has its ports' devices, and these, each at an address of its own.
devices=()
declare -A at=()
device_of() {
    local option=size=$3${4-} slot
    slot=$(printf %x $((16 + ${#at[@]})))
    at[$1]=0000:00:$slot.0
    devices+=(-object "memory-backend-file,id=$1,mem-path=$2,share=on,\
$option" -device "ivshmem-plain,memdev=$1,addr=0x$slot")
}
bytes=$(stat -c %s "$(ring fw)")
device_of earlier "$scratch/earlier" 16M
device_of old-pool "$scratch/old-pool" 16M
device_of old-ring "$scratch/old-ring" "$bytes"
device_of short-pool "$scratch/short-pool" 16M
device_of random "$scratch/random" 1M
device_of half-pool "$blue" 8M
device_of half-ring "$(ring fw)" $((bytes / 2))
device_of read-only "$blue" 16M ,readonly=on
device_of red "$OVS_CHAIN_DIR/ovs-chain.red" 16M
device_of other "$(pool=red ring other)" "$bytes"
device_of ro "$(ring ro)" "$bytes"
boot lab fw,fw2 --qemu "${devices[*]}" nf-forward
soon "the guest is up" vm_is_up lab
contains "its NF has ended" '^nf: exit status 1' "$dir/lab.log"
contains "there are rings and no argument" \
    'there are several ports, name one: port fw at ' "$dir/lab.log"
refused "a VM that runs has its socket" fw2 nf-forward

# Those that it got from "vm run", by size and order.
sizes=$(in_vm lab 'stat -c "%s %n" /sys/bus/pci/devices/0000:00:0*/resource2')
own() {
    sed -n "s|^$1 .*/\(.*\)/resource2|\1|p" <<< "$sizes" | sed -n "$2p"
}
at[blue]=$(own $((16 << 20)) 1)
at[fw]=$(own "$bytes" 1)
at[fw2]=$(own "$bytes" 2)

# with DEVICE...: the VM has these devices of shared memory and no other.
with() {
    local one some=
    for one; do
        some+=" ${at[$one]}"
    done
    in_vm lab "echo 1 > /sys/bus/pci/rescan; \
for one in /sys/bus/pci/devices/*; do \
read -r id < \$one/device; case \"\$id$some \" in \
0x1110*\" \${one##*/} \"*) ;; 0x1110*) echo 1 > \$one/remove ;; esac; done"
}

# wrong TEXT COMMAND: COMMAND, an NF, says TEXT and ends.
wrong() {
    local text=$1 status=0
    in_vm lab "$2" > "$scratch/out" || status=$?
    [ "$status" -eq 1 ] || fail "$2: exit status $status: $(< "$scratch/out")"
    grep -qF -e "$text" "$scratch/out" ||
        fail "$2: no '$text' in '$(< "$scratch/out")'"
    say "ok: $(< "$scratch/out")"
}
none='no shared memory device (PCI 1af4:1110, ivshmem-plain) is here'
version="has ABI version 0, this NF speaks version 1: use an NF of the \
switch's release"
where="PCI device ${at[fw]}"

with
wrong "$none" nf-forward
wrong "fw: $none" 'nf-forward fw'
wrong '"ovs-chain vm-xml PORT" on the host prints what the VM needs' nf-forward
with random
wrong "there are: another program's at ${at[random]}" nf-forward
with blue random
wrong "no shared memory device is the ring of a port; there are: pool blue \
at ${at[blue]}, another program's at ${at[random]}" nf-forward
with fw random
wrong "port fw at $where uses pool \"blue\", but the VM has no device of a \
pool" nf-forward
with fw red
wrong "port fw at $where uses pool \"blue\", but PCI device ${at[red]} is \
pool \"red\", another trust domain" nf-forward
with other blue
wrong "port other at PCI device ${at[other]} uses pool \"red\", but PCI \
device ${at[blue]} is pool \"blue\", another trust domain" nf-forward
with fw earlier
wrong "PCI device ${at[earlier]} is an earlier pool \"blue\"" nf-forward
with fw old-pool
wrong "PCI device ${at[old-pool]} $version" nf-forward
with old-ring blue
wrong "PCI device ${at[old-ring]} $version" nf-forward
with fw half-pool
wrong "PCI device ${at[half-pool]} shows $((8 << 20)) bytes of a file of \
$((16 << 20))" nf-forward
with fw short-pool
wrong "PCI device ${at[short-pool]} shows $((16 << 20)) bytes of a file of \
$((32 << 20))" nf-forward
with half-ring blue
wrong "PCI device ${at[half-ring]} shows $((bytes / 2)) bytes of a file of \
$bytes: give the device in the VM's definition the size of the file" nf-forward
with fw half-ring blue
wrong "there are several ports, name one" nf-forward
wrong "several PCI devices are this port: port fw at ${at[fw]}, port fw at \
${at[half-ring]}" 'nf-forward fw'
with fw fw2 blue
wrong "there are several ports, name one: port fw at ${at[fw]}, port fw2 at \
${at[fw2]}" nf-forward
wrong "no PCI device is the ring of port ro; there are: port fw at \
${at[fw]}, port fw2 at ${at[fw2]}" 'nf-forward ro'
is "no NF got in" 0 query "sum(port['state'] == 'attached' \
for port in ports if port['name'] != 'nf')"

with fw blue
ok "the guest has a user" in_vm lab \
    'echo nobody:x:65534:65534::/:/bin/sh > /etc/passwd'
wrong "${at[fw]}: cannot map its memory: Permission denied (run the NF as \
root)" 'su nobody -c nf-forward'
ok "an NF is started" in_vm lab nf-run
soon "it is attached" attached fw
wrong "$where: port fw is in use by the NF \"nf-forward\" (pid " nf-forward
ok "the first one is still there" attached fw
is "as ever" 1 query "port('fw')['generation']"
undisturbed

# The port may only read, and the VM's device could write: it is read-only.
ok "the NF is ended" end_nf_in lab
soon_is "the port is free" detached query "port('fw')['state']"
with ro blue
ok "an NF is started" in_vm lab nf-run
soon "it is attached" attached ro
contains "it is told" 'attached to ro (pool blue, generation 1, read-only' \
    "$dir/lab.log"
ok "the NF is ended" end_nf_in lab
soon_is "the port is free" detached query "port('ro')['state']"

end_vm lab
undisturbed
end_nf nf
soon_is "no port owns a buffer" 0 query "sum(p['owned'] for p in ports)"
balanced
all_free
ok "the switch lives" instance_runs
