# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Hosts, NICs, chain ports and network functions around a private instance,
# each command printed.  The caller has sourced instance.sh, called
# instance_context, started the instance and taken over its environment.

# shellcheck source=instance.sh
. "${share:?}/instance.sh"

pool=blue

# background LOG COMMAND...: starts a process that ends with the instance.
# Leaves its pid in 'background_pid'.
background() {
    local log=$dir/$1.log
    shift
    say "+ $(quoted "$@") &"
    "$@" < /dev/null > "$log" 2>&1 &
    background_pid=$!
    instance_owns_process "$background_pid"
}

# host NAME ADDRESS NIC: adds a namespace whose eth0 leads to device NIC in the
# switch's.
host() {
    local host=$netns-$1 address=$2 nic=$3
    instance_owns_netns "$host"
    cmd ip netns add "$host"
    cmd ip -n "$netns" link add name "$nic" type veth \
        peer name eth0 netns "$host"
    # Or checksums would be left to a NIC that there is not.
    cmd_quiet ip netns exec "$host" ethtool -K eth0 tx off gso off
    cmd ip -n "$host" addr add "$address/24" dev eth0
    cmd ip -n "$host" link set lo up
    cmd ip -n "$host" link set eth0 up
    cmd ip -n "$netns" link set "$nic" up
}

define_pool() {
    cmd ovs-vsctl set Open_vSwitch . other_config:chain-pool-"$pool"="$1"
}

add_bridge() {
    cmd ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev \
        fail-mode=secure
}

# nic_port NAME NIC [SETTING]...: a DPDK port on device NIC.
nic_port() {
    cmd ovs-vsctl add-port br0 "$1" -- set Interface "$1" type=dpdk \
        options:dpdk-devargs="net_af_packet_$1,iface=$2" "${@:3}"
}

# chain_port NAME [SETTING]...: a port for a network function.
chain_port() {
    cmd ovs-vsctl add-port br0 "$1" -- set Interface "$1" \
        type=dpdkvhostuserclient options:chain-pool="$pool" "${@:2}"
}

# The ring file of a port.
ring() {
    say "${OVS_CHAIN_DIR:?}/ovs-chain.$pool.$1"
}

# The CPUs of this process on which the switch does not poll, as a list for
# taskset(1); empty if there are none.
other_cpus() {
    local pmd part cpu cpus=
    pmd=$(instance_pmd_cpu)
    for part in $(taskset -cp $$ | sed 's/.*: //; s/,/ /g'); do
        for ((cpu = ${part%-*}; cpu <= ${part#*-}; cpu++)); do
            ((cpu == pmd)) || cpus+=,$cpu
        done
    done
    say "${cpus#,}"
}

leave_pmd_cpu() {
    local cpus
    cpus=$(other_cpus)
    [ -n "$cpus" ] || return 0
    say "+ taskset -cp $cpus \$\$"
    taskset -cp "$cpus" $$ > /dev/null
}

# Whether an NF is attached to each of the ports.
attached() {
    ovs-appctl chain/show-json | python3 -c '
import json, sys
states = {p["name"]: p["state"] for p in json.load(sys.stdin)["ports"]}
sys.exit(any(states.get(name) != "attached" for name in sys.argv[1:]))
' "$@"
}
