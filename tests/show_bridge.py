# SPDX-License-Identifier: Apache-2.0
"""Bridges with flows, as the switch would tell them, for tests of what is
made of them.  Importing this puts ovs-ctl-scripts/ into the path of modules.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ.get('srcdir', os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..')), 'ovs-ctl-scripts'))

# pylint: disable=wrong-import-position
import flows
import sample
from chains import Port

NICS = ('left', 'right', 'dmz')
NFS = ('fw', 'ids', 'fwd', 'in0', 'out0')


def ports(**changes):
    """Returns the Ports of all cases by name; 'changes' are fields of some."""
    every = [Port(name, 'dpdk', 'blue', False, None, '') for name in NICS]
    every += [Port(name, 'dpdkvhostuserclient', 'blue', True, None, '')
              for name in NFS]
    every.append(Port('vm', 'dpdkvhostuserclient', None, False, None, ''))
    every.append(Port('tap', 'internal', None, False, None, ''))
    every.append(Port('br0', 'internal', None, False, None, ''))
    return {port.name: port._replace(**changes.get(port.name, {}))
            for port in every}


def dump(text, n=0):
    """Returns flows as dump-flows prints them, from "MATCH => ACTIONS" lines,
    with "table=T," and "n_packets=N," in front of a match where they are not
    0."""
    lines = ['OFPST_FLOW reply (OF1.5) (xid=0x2):']
    for line in text.strip().splitlines():
        match, _, actions = line.strip().partition(' => ')
        table = re.match(r'(?:table=(\d+),?)?(?:n_packets=(\d+),?)?', match)
        lines.append(' cookie=0x0, duration=8.5s, table=%s, n_packets=%s, '
                     'n_bytes=0, idle_age=1, %s actions=%s' % (
                         table[1] or 0, table[2] or n, match[table.end():],
                         actions))
    return '\n'.join(lines)


def bridge(text, groups='', stats='', **changes):
    numbers = {i: name for i, name in enumerate(ports(), 1) if name != 'br0'}
    numbers[flows.LOCAL] = 'br0'
    found = flows.parse_flows(dump(text), numbers)
    counters = {sample.flow_key(flow): flow.packets for flow in found}
    for key, packets in flows.parse_group_stats(stats).items():
        counters['group', *key] = packets
    return sample.Bridge('br0', ports(**changes), numbers, found,
                         flows.parse_groups(groups), counters)


def chain_port(name, **values):
    """Returns a port of "ovs-chain show --json"."""
    return dict({
        'name': name, 'pool': 'blue', 'state': 'attached', 'stalled': False,
        'generation': 1, 'credits': 1024, 'owned': 3, 'repairs': 0,
        'peer': '', 'rx_packets': 10, 'rx_bytes': 1000, 'rx_moved': 0,
        'rx_local': 0, 'tx_packets': 20, 'tx_bytes': 2000,
        'tx_by_reference': 15, 'tx_copied': 5, 'tx_copied_bytes': 500,
        'tx_wakeups': 0, 'copy_rx_packets': 0, 'copy_rx_dropped': 0,
        'copy_tx_packets': 0, 'drops': {'by_nf': 4, 'no_credit': 0},
        'hops': [{'from': 'nic', 'by_reference': 15, 'copied': 5}]}, **values)


POOL = {'name': 'blue', 'size': 1 << 20, 'balanced': True, 'lost': False,
        'repairs': 0, 'buffers': {'all': 100, 'free': 90, 'owned': 6,
                                  'in_switch': 4}}
