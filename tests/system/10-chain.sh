#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Frames and a download through three NFs, both ways, without a copy.
#
#   left --- NIC left === fw === ids === fwd === NIC right --- right
#
# '===' is within the pool.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
chain_port ids options:chain-access=ro
chain_port fwd
printf '%s\n' 'deny proto udp dport 7' 'default allow' > "$scratch/rules"
nf fw nf-firewall --rules "$scratch/rules"
nf ids nf-monitor --read-only
nf fwd nf-forward
chains 'left <-> fw <-> ids <-> fwd <-> right'

ok "frames of all sizes arrive on the right" exchange left right --count 2000
ok "frames of all sizes arrive on the left" exchange right left --count 1000

is "references from the NIC to fw" 2000 query "hop('fw','nic')['by_reference']"
is "references from fw to ids" 2000 query "hop('ids','fw')['by_reference']"
is "references from ids to fwd" 2000 query "hop('fwd','ids')['by_reference']"
is "references from the NIC to fwd" 1000 \
    query "hop('fwd','nic')['by_reference']"
is "references from fwd to ids" 1000 query "hop('ids','fwd')['by_reference']"
is "references from ids to fw" 1000 query "hop('fw','ids')['by_reference']"


ok "frames that the firewall denies" \
    send left --count 50 --size 100 --dst-port 7
soon_is "are dropped on its verdict" 50 query "port('fw')['drops']['by_nf']"

mkdir "$scratch/www"
head -c 8M /dev/urandom > "$scratch/www/file"
background server ip netns exec "$netns-right" \
    python3 -m http.server --directory "$scratch/www" 80
soon "the server is reached through the chain" \
    ip netns exec "$netns-left" python3 "$share/fetch.py" http://192.0.2.2/
fetched() {
    ip netns exec "$netns-left" \
        python3 "$share/fetch.py" http://192.0.2.2/file | cut -d ' ' -f 3
}
is "the SHA-256 of a download" \
    "$(sha256sum "$scratch/www/file" | cut -d ' ' -f 1)" fetched

is "nothing was copied on the way to an NF" 0 \
    query "sum(port['tx_copied'] + port['tx_copied_bytes'] for port in ports)"
is "no reference was refused" 0 query "sum(n for port in ports \
for reason, n in port['drops'].items() if reason not in ('by_nf',))"
is "no packet had to move in its buffer" 0 \
    query "sum(port['rx_moved'] for port in ports)"
balanced

soon_is "the Interface has the same statistics" \
    "$(query "port('fw')['tx_by_reference']")" \
    interface fw statistics:chain_tx_by_reference

for port in fw ids fwd; do
    end_nf "$port"
done
soon_is "no port owns a buffer without an NF" 0 \
    query "sum(port['owned'] for port in ports)"
balanced
all_free
