#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Private instances: started, stopped, two at a time, killed, refused.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ovs_chain=$prefix/sbin/ovs-chain
other=u$$

# The host's hugepages are the same after as before.  Others may change their
# number at the same time: then once more.
neutral() {
    local before after
    before=$(hugepages_read nr_hugepages)
    "$ovs_chain" start --name "$name" --memory 64 --pools 8 > /dev/null
    "$ovs_chain" stop --name "$name" > /dev/null
    after=$(hugepages_read nr_hugepages)
    [ "$before" = "$after" ]
}
soon "a start and a stop leave the hugepages as they were" neutral

# refused TEXT COMMAND...: COMMAND fails and says TEXT.
refused() {
    local text=$1
    shift
    ! "$@" > "$scratch/out" 2>&1 || fail "$(quoted "$@") works"
    grep -qF -e "$text" "$scratch/out" ||
        fail "$(quoted "$@"): no '$text' in '$(< "$scratch/out")'"
    say "ok: $(< "$scratch/out")"
}

start --memory 64 --pools 8
refused "'$name' runs already" "$ovs_chain" start --name "$name"
refused "no instance 'no-such'" "$ovs_chain" stop --name no-such
refused "there is: " "$ovs_chain" env no-such
refused "'a/b' is no name" "$ovs_chain" start --name a/b
refused "takes a number of MiB, not '-1'" "$ovs_chain" start --memory=-1
refused "build it first" "$ovs_chain" start --name x$$ --prefix /no/such
refused "MiB of memory are available" \
    "$ovs_chain" start --name x$$ --memory 9999999
ok "no trace of those" [ ! -e "$instances/x$$" ]
ok "the instance lives" instance_runs

# A second one beside it, with ports of the same names.
"$ovs_chain" start --name "$other" --memory 64 --pools 8
for one in "$name" "$other"; do
    (
        eval "$("$ovs_chain" env "$one")"
        define_pool "size=8M,dir=$OVS_CHAIN_HUGE"
        add_bridge
        chain_port fw
        is "no error in $one" '[]' interface fw error
        ok "ring file in $one" [ -e "$(ring fw)" ]
    )
done
"$ovs_chain" status > "$scratch/status"
contains "status lists the first" "^$name: runs" "$scratch/status"
contains "and the second" "^$other: runs" "$scratch/status"
"$ovs_chain" stop --name "$other"
ok "the first lives" instance_runs
is "and has its port" fw ovs-vsctl list-ports br0

# Killed: status says so, and a start clears it away.
kill -KILL "$(instance_pid ovs-vswitchd)"
soon "the switch is gone" not instance_runs
"$ovs_chain" status --name "$name" > "$scratch/status"
contains "status says so" "^$name: does not run" "$scratch/status"
"$ovs_chain" start --name "$name" --memory 64 --pools 8 > "$scratch/out"
contains "a start clears it away" 'Clearing away' "$scratch/out"
ok "the switch runs again" instance_runs

"$ovs_chain" stop --name "$name"
for left in "$dir" "$chain_dir" "/run/netns/$netns"; do
    ok "$left is gone" [ ! -e "$left" ]
done
