#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Chains that change while a TCP connection runs through them.
#
#   left --- NIC left --- fw --- ids --- NIC right --- right

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
chain_port ids
nf fw nf-forward
nf ids nf-forward
chains 'left <-> fw <-> ids <-> right'

background server ip netns exec "$netns-right" \
    python3 "$here/stream.py" serve 192.0.2.2 80
listens() {
    ip netns exec "$netns-right" ss -Hlnt sport = :80 | grep -q .
}
soon "the server listens" listens
background client ip netns exec "$netns-left" \
    python3 "$here/stream.py" check 192.0.2.2 80 \
    "$scratch/progress" "$scratch/stop"
client=$background_pid

progress() {
    cat "$scratch/progress" 2> /dev/null || say 0
}
beyond() {
    [ "$(progress)" -ge "$1" ] || ! kill -0 "$client"
}
# So many more bytes arrive, and are right.
advance() {
    local goal=$(($(progress) + 8 * 1048576))
    soon "the stream goes on" beyond "$goal"
    ok "unbroken" kill -0 "$client"
}
ids_packets() {
    query "port('ids')['tx_packets']"
}
ids_moves() {
    [ "$(ids_packets)" -gt "$before" ]
}
# The counter of ids does not move while the stream does.
ids_stands_still() {
    local before
    before=$(ids_packets)
    advance > /dev/null
    [ "$(ids_packets)" = "$before" ]
}

advance
for round in 1 2 3; do
    before=$(ids_packets)
    advance
    soon "round $round: the stream passes ids" ids_moves

    chains 'left <-> fw <-> right'
    soon "round $round: the stream leads past ids" ids_stands_still

    chains 'left <-> ids <-> fw <-> right'
    advance
done

# By hand, as one would type it: without a priority it wins.
cmd ovs-ofctl add-flow br0 in_port=left,actions=right
cmd ovs-ofctl add-flow br0 in_port=right,actions=left
soon "the stream leads past all NFs" ids_stands_still
before=$(ids_packets)
cmd ovs-ofctl --strict del-flows br0 in_port=left
cmd ovs-ofctl --strict del-flows br0 in_port=right
soon "the stream passes ids again" ids_moves

touch "$scratch/stop"
ok "all bytes were right" wait "$client"
balanced
