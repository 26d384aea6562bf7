#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slow
#
# Random events on a chain under traffic: NFs are killed, ports deleted, flows
# changed, the switch is killed, exits, and starts again.  Nothing is lost that
# need not be, nothing corrupted, and nothing leaks.  soak/world.py has the
# topology, soak/events.py the events and what each may lose.
#
# SOAK_MINUTES   how long, by default 2
# SOAK_SEED      the seed of the events, by default another each time
# SOAK_KINDS     the kinds of events, separated by commas, by default all

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

minutes=${SOAK_MINUTES:-2}
seed=${SOAK_SEED:-$(date +%s)}
[[ $minutes =~ ^[0-9]+([.][0-9]+)?$ && $seed =~ ^[0-9]+$ ]] ||
    fail "SOAK_MINUTES and SOAK_SEED are numbers"

command -v dpdk-testpmd > /dev/null || skip "no dpdk-testpmd"

pages=$(hugepages_read nr_hugepages)
say "seed $seed"
start --pools 192
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
pool=red define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=red
for port in src snk fw fwd0 fwd1 spy; do
    chain_port "$port"
done
chain_port ids options:chain-access=ro
pool=red chain_port red options:chain-credits=1024
# It polls, but leaves the processor to all others, or almost.
testpmd_port vm nice -n 19
guest=$background_pid

python3 "$here/soak" --minutes "$minutes" --seed "$seed" \
    --kinds "${SOAK_KINDS-}" --dir "$dir" --netns "$netns" \
    --chain-dir "$OVS_CHAIN_DIR" --huge-dir "$OVS_CHAIN_HUGE" \
    --guest "$guest" --scratch "$scratch" --here "$here" --tree "$tree" \
    --logs "${OVS_CHAIN_LOGS:-$scratch}" &
soak=$!
instance_owns_process "$soak"
wait "$soak" || fail "the soak has complaints (seed $seed)"

# Nothing stays behind.
empty() {
    prints '' find "$1" -name '*ovs-chain.*'
}
cmd ovs-vsctl del-br br0
cmd ovs-vsctl remove Open_vSwitch . other_config chain-pool-blue
cmd ovs-vsctl remove Open_vSwitch . other_config chain-pool-red
soon "no pool is left" empty "$OVS_CHAIN_HUGE"
soon "no ring and no record is left" empty "$OVS_CHAIN_DIR"
instance_stop
soon_is "the host has as many hugepages as before" "$pages" \
    hugepages_read nr_hugepages
