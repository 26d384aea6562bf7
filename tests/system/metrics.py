# SPDX-License-Identifier: Apache-2.0
"""Compares counters: what "ovs-chain show --json" prints with what "ovs-chain
metrics" does.

    metrics.py JSON METRICS

Fails with what is missing, told twice or different.
"""

import json
import sys

from exposition import parse

PORT = {
    'rx_packets': 'receive_packets_total',
    'rx_bytes': 'receive_bytes_total',
    'rx_moved': 'receive_moved_packets_total',
    'rx_local': 'receive_local_packets_total',
    'tx_packets': 'transmit_packets_total',
    'tx_bytes': 'transmit_bytes_total',
    'tx_by_reference': 'transmit_reference_packets_total',
    'tx_copied': 'transmit_copied_packets_total',
    'tx_copied_bytes': 'transmit_copied_bytes_total',
    'tx_wakeups': 'wakeups_total',
    'copy_rx_packets': 'copy_lane_receive_packets_total',
    'copy_rx_dropped': 'copy_lane_receive_dropped_packets_total',
    'copy_tx_packets': 'copy_lane_transmit_packets_total',
    'repairs': 'repairs_total', 'stalled': 'stalled',
    'generation': 'generation', 'owned': 'held_buffers',
    'credits': 'credit_buffers'}
BUFFERS = {'all': 'buffers', 'free': 'free_buffers', 'owned': 'held_buffers',
           'in_switch': 'switch_buffers'}
POOL = {'balanced': 'balanced', 'lost': 'lost', 'size': 'size_bytes',
        'repairs': 'repairs_total'}


def expected(show):
    """Yields (metric, labels, value) of all that is to be told."""
    yield 'up', {}, 1
    for port in show['ports']:
        labels = {'bridge': 'br0', 'port': port['name'], 'pool': port['pool']}
        for key, name in PORT.items():
            yield 'port_' + name, labels, port[key]
        yield 'port_attached', labels, port['state'] == 'attached'
        for reason, n in port['drops'].items():
            yield ('port_dropped_packets_total', dict(labels, reason=reason),
                   n)
        for hop in port['hops']:
            source = dict(labels, **{'from': hop['from']})
            yield 'hop_reference_packets_total', source, hop['by_reference']
            yield 'hop_copied_packets_total', source, hop['copied']
    for pool in show['pools']:
        for key, name in BUFFERS.items():
            yield 'pool_' + name, {'pool': pool['name']}, pool['buffers'][key]
        for key, name in POOL.items():
            yield 'pool_' + name, {'pool': pool['name']}, pool[key]


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        wanted = {('ovs_chain_' + name, *sorted(labels.items())): int(value)
                  for name, labels, value in expected(json.load(f))}
    with open(sys.argv[2], encoding='utf-8') as f:
        got = {(name, *key): value for name, family in parse(f.read()).items()
               for key, value in family.series.items()
               if name != 'ovs_chain_flow_packets_total'}
    wrong = ['%s: %s, not %s' % (key, got.get(key), wanted.get(key))
             for key in sorted({*wanted, *got})
             if got.get(key) != wanted.get(key)]
    sys.exit('\n'.join(wrong) or None)


if __name__ == '__main__':
    main()
