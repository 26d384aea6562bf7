#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What "ovs-chain metrics", "graph" and "top" say of a chain is what the switch
# says, and what flows and traffic do.
#
#   left --- NIC left === fw ... red ... NIC right --- right
#
# '===' is within pool blue; red is of pool red; right is of none.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

chain=$prefix/sbin/ovs-chain
start --pools 64
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
cmd ovs-vsctl set Open_vSwitch . \
    other_config:chain-pool-red="size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
quiet_host left 192.0.2.1
quiet_host right 192.0.2.2
nic_port left left-nic options:chain-pool=blue
nic_port right right-nic
chain_port fw
pool=red chain_port red
printf '%s\n' 'deny proto udp dport 7' 'default allow' > "$scratch/rules"
nf fw nf-firewall --rules "$scratch/rules"
pool=red nf red nf-forward
chains 'left <-> fw <-> red <-> right'
ok "frames pass" exchange left right --count 300
ok "and back" exchange right left --count 200
ok "frames that the firewall denies" \
    send left --count 50 --size 100 --dst-port 7
soon_is "are dropped on its verdict" 50 query "port('fw')['drops']['by_nf']"

# metrics: each counter of chain/show-json, once, with its value.
same_counters() {
    ovs-appctl chain/show-json > "$scratch/before" &&
        "$chain" metrics "$@" > "$scratch/metrics" &&
        PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/.. \
            python3 "$here/metrics.py" "$scratch/before" "$scratch/metrics"
}
ok "metrics are the counters of the switch" same_counters
from_to() {
    "$chain" metrics | sed -n 's/^ovs_chain_flow_packets_total{bridge="br0",'\
"from=\"$1\",to=\"$2\",.*} //p" | sort -n
}
soon_is "packets of a flow" 350 from_to left fw
soon_is "of a flow that matches a mark" "$(printf '0\n200')" from_to fw left
if command -v promtool > /dev/null; then
    ok "promtool takes them" promtool check metrics < "$scratch/metrics"
fi
is "a switch that does not answer is one, too" 'ovs_chain_up 0' eval \
    "OVS_RUNDIR=$scratch ${chain@Q} metrics 2> /dev/null | grep -v '^#'"

ok "into a file" "$chain" metrics --output "$scratch/chain.prom"
series() {
    grep -v '^#' "$1" | sed 's/ [0-9]*$//'
}
by_name() {
    env -u OVS_RUNDIR -u OVS_DBDIR "$chain" metrics --name "$name" \
        > "$scratch/named"
    series "$scratch/named"
}
is "an instance by its name has the same series" \
    "$(series "$scratch/metrics")" by_name
is "the file has the same series" "$(series "$scratch/metrics")" \
    series "$scratch/chain.prom"

background http ip netns exec "$netns" "$chain" metrics --listen 0
contains "an exporter listens on the host itself only" \
    '^Metrics are at http://127\.0\.0\.1:[0-9]*/metrics$' "$dir/http.log"
url=$(sed 's/.* at //' "$dir/http.log")
scrape() {
    ip netns exec "$netns" python3 -c 'import sys, urllib.request as u
print(u.urlopen(sys.argv[1], timeout=60).read().decode(), end="")' "$url" \
        > "$scratch/scraped"
    series "$scratch/scraped"
}
is "what it serves has the same series" "$(series "$scratch/metrics")" scrape

# graph: each edge, dashed where packets are copied.
edges() {
    local end='"([^"]*)"'
    "$chain" graph --interval 0 | tee "$scratch/dot" |
        sed -nE "s/^ *$end -> $end .*style=$end.*/\1 \2 \3/p"
}
is "the graph has each edge" "left fw solid
fw red dashed
red right dashed
right red dashed
red fw dashed
fw left solid
fw left dashed
fw right dashed
red left dashed
red right dashed" edges
if command -v dot > /dev/null; then
    ok "dot takes it" dot -Tsvg -o "$scratch/svg" "$scratch/dot"
fi
is "a pool is a cluster" 2 grep -c 'subgraph "cluster_\(blue\|red\)"' \
    "$scratch/dot"

# top: blocks, or in place on a terminal, until it is ended.
"$chain" top --interval 0.1 --count 2 > "$scratch/top"
is "top shows as many blocks as wanted" 2 grep -c '^ovs-chain top - ' \
    "$scratch/top"
is "with each port" 4 grep -cE '^  (fw|red) +attached ' "$scratch/top"
is "and each chain" 2 grep -cE \
    '^  left ->[0-9.k]+ fw ->[0-9.k]+ red ->[0-9.k]+ right$' "$scratch/top"
for key in q '^C'; do
    ok "on a terminal it ends on $key and leaves that as it was" \
        python3 "$here/terminal.py" "$key" "$chain" top --interval 0.1
done

# Completion asks the switch.
is "bridges are completed" br0 "$chain" complete show --bridge ''
is "ports are" "$(printf 'fw\nred')" eval \
    "${chain@Q} complete vm-xml '' | sort"
is "instances are" "$name" "$chain" complete show --name "$name"

# An exporter outlives the switch.
pid=$(instance_pid ovs-vswitchd)
cmd ovs-appctl exit
soon "the switch exits" not runs "$pid" ovs-vswitchd
is "the exporter says so" ovs_chain_up scrape
is "in its value" 'ovs_chain_up 0' grep '^ovs_chain_up' "$scratch/scraped"
