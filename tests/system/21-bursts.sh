#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Bursts in which packets of different flows are mixed, in runs of all lengths:
# each packet is counted in the flow that is its own, with its bytes, by simple
# match and, with one mark more than that takes, by the other lookups.
#
#   fw ---> br0 ---> ids     marks 1 to 8 or 9, packets of all kinds

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

count=20000

flows_of_marks() {
    local i
    for ((i = 1; i <= $1; i++)); do
        printf 'in_port=fw,pkt_mark=%#x,actions=ids\n' "$i"
    done
    printf '%s\n' 'in_port=fw,priority=1,actions=drop' \
        'in_port=ids,actions=drop'
}

# Print for each mark "MARK PACKETS BYTES", of what is sent and of the flows.
sent() {
    awk '{ n[$2]++; bytes[$2] += length($1) / 2 }
         END { for (i in n) print i, n[i], bytes[i] }' "$scratch/frames" |
        sort
}

counted() {
    ovs-ofctl dump-flows br0 |
        sed -nE 's/.*n_packets=([0-9]*), n_bytes=([0-9]*),.*pkt_mark=0x(.),'\
'.*/\3 \1 \2/p' |
        sort
}

simple_hits() {
    ovs-appctl dpif-netdev/pmd-stats-show |
        awk '/simple match hits/ { n += $NF } END { print n + 0 }'
}

# count_marks N: sends packets with as many marks.
count_marks() {
    flows_of_marks "$1" > "$scratch/flows"
    cmd ovs-ofctl del-flows br0
    cmd ovs-ofctl add-flows br0 "$scratch/flows"
    cmd ovs-appctl revalidator/purge
    python3 "$here/bursts.py" --marks "$1" --count "$count" \
        > "$scratch/frames"
    probe fw --frames "$scratch/frames" --count "$count"
    soon_is "each packet and byte is counted where it belongs, $1 marks" \
        "$(sent)" counted
    is "no packet had another mark" 0 flow_packets in_port=fw,pkt_mark=0
    end_nf fw
    soon_is "the NF is gone" detached query "port('fw')['state']"
}

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
chain_port fw
chain_port ids
nf ids nf-forward

count_marks 8
hits=$(simple_hits)
ok "they took simple matches" [ "$hits" -gt "$((count / 2))" ]
count_marks 9
# Two runs; the NF may have been too slow for some.
soon_is "the port behind was sent them all" "$((2 * count))" \
    query "port('ids')['tx_packets'] + sum(port('ids')['drops'].values())"
ok "not all of them took simple matches" \
    [ "$(simple_hits)" -lt "$((hits + count / 2))" ]
balanced
