#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slow
#
# A host that runs Debian's Open vSwitch gets the patched one and a chain, goes
# back, and is as it was.
#
#   left --- left-nic --- br0 --- tap0      br0, tap0: with addresses
#                        | | |
#                       vm | |              vm: testpmd, as a plain VM
#                         fw ids            nf-forward
#
# All of it but testpmd and 'left' is in a root with Debian's own packages; see
# host.sh.

# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

host_begin_test
host_before
host_install
is "installing selects nothing" "$debian_dpdk" selected
ovs-chain status | tee "$scratch/status"
contains "status says what is selected" "selected .*$debian_dpdk (manual)" \
    "$scratch/status"

ovs-chain enable --dry-run | tee "$scratch/plan"
contains "a plan" "select $ours (manual)" "$scratch/plan"
ok "and nothing done" same_picture
is "nor selected" "$debian_dpdk" selected

ok "enable" traffic_meanwhile ovs-chain enable
is "the patched switch is selected" "$ours" selected
is "and runs" "$ours" running
ok "all else is as before" same_picture
traffic "the patched switch"
ok "the options for ovs-ctl are kept" \
    not in_root grep -q mlockall "/proc/$(switch_pid)/cmdline"
is "once more is nothing to do" \
    "Nothing to do: $ours is selected and runs." ovs-chain enable

# A chain: two NFs, and a port with a socket that has none.
cmd ovs-vsctl set Open_vSwitch . other_config:chain-pool-blue=size=32M
for port in fw ids; do
    chain_port "$port"
    background "$port" in_root nf-forward "/dev/shm/ovs-chain.$pool.$port"
done
chain_port idle options:vhost-server-path=/run/vm/idle.sock
soon "NFs attach" attached fw ids
for flow in in_port=left-nic,actions=fw in_port=fw,actions=ids \
            in_port=ids,actions=tap0; do
    cmd ovs-ofctl add-flow br0 "priority=40000,udp,tp_dst=99,$flow"
done
ok "frames pass the chain" exchange left "$netns:tap0" --size 300 \
    --dst-port 99 --count 300
is "by reference" 300 query "hop('ids','fw')['by_reference']"
traffic "beside the chain"
ovs-chain status | tee "$scratch/status"
contains "status has the pool" 'pool blue .*32 MiB' "$scratch/status"
contains "and the NFs" 'port fw .*attached' "$scratch/status"

# Not back while it is in use; what is said removes it.
not ovs-chain disable > "$scratch/refused" 2>&1 || fail "disable works"
cat "$scratch/refused"
for what in 'port fw: chain-pool=blue' 'port idle: chain-pool=blue' \
            'pool blue: size=32M'; do
    contains "it says why" "$what" "$scratch/refused"
done
is "and does nothing" "$ours" running
ok "unless it is told to" ovs-chain disable --force
is "then Debian's switch runs" "$debian_dpdk" running
traffic "Debian's switch beside what it does not know"
ok "enable again" ovs-chain enable
soon "the NFs are attached again" attached fw ids
ok "frames pass the chain" exchange left "$netns:tap0" --size 300 \
    --dst-port 99 --count 300

cmd ovs-ofctl del-flows br0 udp,tp_dst=99
sed -n 's/^      ovs-/ovs-/p' "$scratch/refused" | tee "$scratch/commands"
ok "the commands do it" in_root sh -e < "$scratch/commands"
cmd ovs-vsctl del-port br0 idle
for pid in $(in_root pidof nf-forward); do
    cmd in_root kill "$pid"
done

ovs-chain disable --dry-run | tee "$scratch/plan"
contains "a plan" "select $debian_dpdk (manual)" "$scratch/plan"
is "and nothing done" "$ours" running
ok "disable" traffic_meanwhile ovs-chain disable
is "Debian's switch is selected" "$debian_dpdk" selected
is "and runs" "$debian_dpdk" running
ok "all else is as before" same_picture
traffic "Debian's switch again"
is "once more is nothing to do" "Nothing to do: $debian_dpdk runs." \
    ovs-chain disable

host_remove
ok "nothing is left: files, alternatives, hugepages, mounts" \
    diff "$scratch/leftovers" <(leftovers)
