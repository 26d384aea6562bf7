#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slow
#
# The demo: kept, rerouted by hand, stopped; interrupted; killed; started
# again.  The host is afterwards as it was before.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# The demo's instance, in the place of this test's own, which is never started.
instance_context "d$$" "$prefix"
demo=$share/demo

# Whatever the demo may leave on the host, but for hugepages: others may change
# their number meanwhile.
host_state() {
    grep -F -e "$name" /proc/mounts || :
    ip netns list | grep -F -e "$name" || :
    ls -d "$dir"* "$chain_dir"* 2> /dev/null || :
    ls -d /run/dpdk 2> /dev/null || :
    pgrep -af "ovs-chain[/-]$name" || :
}
host_state > "$scratch/before"
as_before() {
    host_state | diff "$scratch/before" -
}

# as_many_given_back FILE...: hugepages, by what a demo printed.
as_many_given_back() {
    local reserved given
    reserved=$(sed -n 's/^Reserving \([0-9]*\) .*/\1/p' "$@")
    given=$(sed -n 's/^Gave \([0-9]*\) .*/\1/p' "$@")
    [ "$reserved" = "$given" ]
}

"$demo" --keep --size 16 --name "$name" > "$scratch/kept"
sed 's/^/    /' "$scratch/kept"
for line in 'sha256 equal' 'copied between NFs: 0 bytes' \
            'buffers: .* free + .* owned + .* in switch = .* all$'; do
    contains "the demo prints '$line'" "^$line" "$scratch/kept"
done
status=0
"$demo" --name "$name" > "$scratch/out" 2>&1 || status=$?
is "a second demo of the name is refused" 1 say "$status"
contains "and says how to stop the first" "stop --name $name" "$scratch/out"

eval "$(instance_env)"
fetch() {
    ip netns exec "$netns-client" \
        python3 "$share/fetch.py" http://192.0.2.2/file
}
ids_packets() {
    query "port('ids')['tx_packets']"
}
ok "another download" fetch
grep -A 2 '^Lead the download past ids' "$scratch/kept" |
    sed -n 's/^  //p' > "$scratch/typed"
is "the demo prints how to reroute it and back" 2 \
    grep -c ^ovs-ofctl "$scratch/typed"
cmd bash -ec "$(sed -n 1p "$scratch/typed")"
soon "a download by the other way" fetch
# Of both directions only the one that was rerouted misses ids.
before=$(query "hop('ids','fw')['by_reference']")
ok "a download" fetch
is "nothing went from fw to ids" "$before" \
    query "hop('ids','fw')['by_reference']"
cmd bash -ec "$(sed -n 2p "$scratch/typed")"
before=$(ids_packets)
ok "a download by the old way" fetch
ok "went through ids again" [ "$(ids_packets)" -gt "$before" ]
balanced
cmd "$prefix/sbin/ovs-chain" stop --name "$name" > "$scratch/stopped"
ok "nothing is left of it" as_before
ok "nor a hugepage" as_many_given_back "$scratch/kept" "$scratch/stopped"

# interrupted SIGNAL LINE: a demo that gets SIGNAL after printing LINE.
interrupted() {
    local pid status=0
    # In the background, a shell would ignore INT.
    env --default-signal "$demo" --size 512 --name "$name" \
        > "$scratch/out" 2>&1 &
    pid=$!
    wait_for "$patience" grep -q -e "$2" "$scratch/out" ||
        fail "the demo does not print '$2': $(< "$scratch/out")"
    kill "-$1" "$pid"
    wait "$pid" || status=$?
    ok "$1 after '$2' ends the demo" [ "$status" -gt 128 ]
    ok "nothing is left of it" as_before
    ok "nor a hugepage" as_many_given_back "$scratch/out"
}
interrupted TERM 'ovs-chain start'
interrupted INT 'ip netns add'
interrupted HUP 'add-port br0 fw'
interrupted TERM 'fetch.py'

# Killed: nobody cleans up, until the next one does.
"$demo" --size 512 --name "$name" > "$scratch/out" 2>&1 &
pid=$!
soon "the demo gets to its download" grep -q 'fetch.py' "$scratch/out"
kill -KILL "$pid"
wait "$pid" || :
ok "the switch still runs" instance_runs
"$demo" --size 16 --name "$name" > "$scratch/out" 2>&1 ||
    fail "$(< "$scratch/out")"
contains "the next one clears it away" 'Clearing away' "$scratch/out"
contains "and works" '^sha256 equal' "$scratch/out"
ok "nothing is left of both" as_before

# The same with VMs, whose libvirtd, QEMUs and mounts go with it.
"$demo" --vms --size 16 --name "$name" > "$scratch/vms" 2>&1 ||
    fail "$(< "$scratch/vms")"
sed 's/^/    /' "$scratch/vms"
for line in '+ virsh start fw' 'sha256 equal' \
            'copied between NFs: 0 bytes'; do
    contains "the demo with VMs prints '$line'" "^$line" "$scratch/vms"
done
ok "nothing is left of it" as_before
ok "nor a hugepage" as_many_given_back "$scratch/vms"
