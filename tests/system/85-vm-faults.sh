#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# VMs that are paused, reset, rebooted and killed while their NFs hold packets:
# the switch has its buffers back, packets go another way, the NF comes back.
#
#   left --- NIC left === bad === NIC right --- right
#                     \----------/                     while the link is down
#
#   a --- NIC a === fw === NIC b --- b                 all the time, no loss
#
# 'bad' and 'fw' are NFs in VMs; all is in one pool.

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
quiet_host a 192.0.2.3
quiet_host b 192.0.2.4
nic_port a a-nic options:chain-pool=blue
nic_port b b-nic options:chain-pool=blue
vm_port fw
vm_port bad options:chain-require=true
chains 'a -> fw -> b'
group='bucket=watch_port:bad,actions=bad,bucket=watch_port:right,actions=right'
cmd ovs-ofctl -O OpenFlow13 add-group br0 "group_id=1,type=ff,$group"
cmd ovs-ofctl -O OpenFlow13 add-flow br0 in_port=left,actions=group:1
cmd ovs-ofctl add-flow br0 in_port=bad,actions=right
log=$dir/ovs-vswitchd.log

# The image's NF is nf-forward; nf-probe keeps what it gets.  Where QEMU would
# end instead of a reset, the last word of its arguments counts.
boot_bad() {
    boot bad bad --qemu '-action reboot=reset' \
        --copy "$tree/tests/nf-probe" nf-forward
}
boot fw fw nf-forward
boot_bad
all_attached fw bad
soon_is "the link is up" up interface bad link_state

# Frames through 'fw' until told to stop, each batch compared with what was
# sent.
traffic() {
    local n=0
    until [ -e "$scratch/stop" ]; do
        exchange a b --count 64 --deadline "$patience" || return 1
        n=$((n + 64))
        say "$n" > "$scratch/frames.new"
        mv "$scratch/frames.new" "$scratch/frames"
        sleep 0.2
    done
}
say 0 > "$scratch/frames"
background traffic traffic
traffic_pid=$background_pid

more_than() {
    [ "$("${@:2}")" -gt "$1" ]
}
undisturbed() {
    soon "$1: the other chain goes on" \
        more_than "$(< "$scratch/frames")" cat "$scratch/frames"
}

by_reference() {
    query "hop('bad','nic')['by_reference']"
}
# passes WHAT, avoids WHAT: frames arrive through 'bad', or without it.
passes() {
    local before
    before=$(by_reference)
    ok "$1: frames arrive" exchange left right --count 64
    is "$1: they passed bad" $((before + 64)) by_reference
}
avoids() {
    local before
    before=$(by_reference)
    ok "$1: frames arrive" exchange left right --count 64
    is "$1: they did not pass bad" "$before" by_reference
}

generation() {
    query "port('bad')['generation']"
}
# Lines of the switch's log that say that the NF of 'bad' went for a reason.
losses() {
    grep -c "bad: NF .* is gone: $1" "$log" || :
}

# Puts nf-probe in the place of nf-forward, and frames into its hands.
hold() {
    ok "$1: the NF ends" end_nf_in bad
    soon_is "$1: bad is free" detached query "port('bad')['state']"
    ok "$1: another one starts" start_nf_in bad nf-probe --hold
    soon "$1: it is attached" attached bad
    soon_is "$1: the link is up" up interface bad link_state
    ok "$1: frames for it" send left --count 50 --size 200
    soon_is "$1: it holds them" 50 query "port('bad')['owned']"
    balanced
}

# reclaimed WHAT REASON: what the switch does once the VM does not run.
reclaimed() {
    soon_is "$1: the NF is detached" detached query "port('bad')['state']"
    is "$1: the switch says why" "$2" query "port('bad')['reason']"
    soon_is "$1: it holds nothing" 0 query "port('bad')['owned']"
    soon_is "$1: the link is down" down interface bad link_state
    balanced
    avoids "$1"
    undisturbed "$1"
}

# back WHAT GENERATION: nf-forward is attached once more.
back() {
    soon "$1: the NF is attached again" more_than "$2" generation
    soon "$1: it stays so" attached bad
    soon_is "$1: it holds nothing" 0 query "port('bad')['owned']"
    soon_is "$1: the link is up" up interface bad link_state
    passes "$1"
    balanced
    undisturbed "$1"
}

passes "at first"

# A pause of less than a second.  A busy machine may make it longer than it
# was meant, and then it is noticed.
unnoticed() {
    local before
    soon "the NF is attached" attached bad
    before=$(generation)
    qmp bad stop
    qmp bad cont
    passes "after a short pause"
    [ "$(generation)" = "$before" ]
}
soon "a short pause is not noticed" unnoticed

stopped="the VM of the NF was paused, reset or shut down"
before=$(generation)
ok "the VM is paused" qmp bad stop
reclaimed "paused" "$stopped"
ok "the VM goes on" qmp bad cont
back "resumed" "$before"
contains "the NF says what happened" "detached: port bad: $stopped" \
    "$dir/bad.log"

hold "to be paused"
before=$(generation)
ok "the VM is paused with packets" qmp bad stop
reclaimed "paused with packets" "$stopped"
ok "the VM goes on" qmp bad cont
contains "the NF is told" "^detached: $stopped" "$dir/bad.log"
ok "an NF is started" in_vm bad nf-run
back "resumed without packets" "$before"

# Buffers come back when the NF goes, be it at once or when the next one
# attaches, before the guest's driver is up.
again() {
    local before
    hold "$1"
    before=$(generation)
    ok "$1" "${@:2}"
    back "$1" "$before"
    soon "$1: the guest is up" in_vm bad true
}
n=$(losses "$stopped")
again "reset" qmp bad system_reset
again "rebooted" in_vm bad '(sleep 1; reboot -f) &'
is "the switch said why, each time" $((n + 2)) losses "$stopped"

hold "NF to be killed"
before=$(generation)
ok "the NF is killed" end_nf_in bad KILL
reclaimed "NF killed" "the NF does not poll: it was killed, or hangs"
ok "an NF is started" in_vm bad nf-run
back "NF started" "$before"

hold "to be killed"
before=$(generation)
end_vm bad KILL
reclaimed "killed" "the VM of the NF is gone"
boot_bad
back "booted" "$before"

touch "$scratch/stop"
ok "the other chain lost nothing" wait "$traffic_pid"
is "all of it passed by reference" "$(< "$scratch/frames")" \
    query "hop('fw','nic')['by_reference']"
is "none was dropped" 0 query "sum(port('fw')['drops'].values())"
is "its NF never noticed" 1 query "port('fw')['generation']"

# What "ovs-chain vm run" boots ends when its guest reboots.
end_vm bad
ok "the guest fw reboots" in_vm fw '(sleep 1; reboot -f) &'
soon "its VM ends" not runs "${vm_pid[fw]}" qemu-system-x86_64
soon_is "its NF is detached" detached query "port('fw')['state']"
soon_is "no port owns a buffer" 0 query "sum(p['owned'] for p in ports)"
balanced
all_free
ok "the switch lives" instance_runs
