# SPDX-License-Identifier: Apache-2.0
"""What the switch counts, at a moment and from one to the next."""

import time
from collections import namedtuple

import flows as tables
from chains import Chains, Port
from follow import Tracer, flow_key
from switch import NoAnswer, chain_show, fail, ofctl, run, table

# 'time' is in seconds; 'bridges' are Bridges by name; 'show' is what
# "ovs-chain show --json" prints.
Sample = namedtuple('Sample', 'time bridges show')

# 'ports' are Ports by name, in the order of their numbers; 'numbers' are names
# by number; 'counters' are packets by the key of a flow or
# ('group', id, bucket).
Bridge = namedtuple('Bridge', 'name ports numbers flows groups counters')


def settle():
    """Waits until the flows have been told of all packets up to now.  Without
    that they are behind by up to half a second, and rates off by as much.
    The switch knows no such wait where it has several datapaths."""
    try:
        run('ovs-appctl', '-T', '5', 'revalidator/wait')
    except NoAnswer:
        pass


def note(interface, chain):
    """Returns what is wrong with a port, in a word, or ''."""
    if chain:
        if chain['stalled']:
            return 'stalled'
        if chain['state'] != 'attached':
            return chain['state']
    elif interface['options'].get('chain-pool'):
        if 'vhostuser' in interface['type']:
            return 'no pool'
    if interface['link_state'] == 'down':
        return 'down'
    return ''


def port_of(interface, chain):
    """Returns the Port of a row of the table Interface."""
    pool = interface['options'].get('chain-pool') or None
    return Port(interface['name'], interface['type'], pool,
                bool(pool) and 'vhostuser' in interface['type'],
                chain and chain['peer'] or None, note(interface, chain))


def read_bridge(name, interfaces, show):
    """Returns the Bridge of a name, as it is now."""
    names = run('ovs-vsctl', '--timeout=10', 'list-ifaces', name).split()
    rows = sorted((interfaces[one] for one in [*names, name]
                   if one in interfaces and
                   isinstance(interfaces[one]['ofport'], int)),
                  key=lambda row: row['ofport'])
    chain = {port['name']: port for port in show['ports']}
    numbers = {row['ofport']: row['name'] for row in rows}
    found = tables.parse_flows(ofctl('dump-flows', name), numbers)
    groups, counters = {}, {flow_key(flow): flow.packets for flow in found}
    if any('group:' in action.text for flow in found
           for action in flow.actions):
        groups = tables.parse_groups(ofctl('dump-groups', name))
        stats = tables.parse_group_stats(ofctl('dump-group-stats', name))
        for key, packets in stats.items():
            counters['group', *key] = packets
    return Bridge(name, {row['name']: port_of(row, chain.get(row['name']))
                         for row in rows}, numbers, found, groups, counters)


def datapath_types():
    """Returns the datapath types of bridges by name."""
    return {row['name']: row['datapath_type']
            for row in table('Bridge', 'name,datapath_type')}


def read_bridges(names, interfaces, show):
    """Returns the Bridges of names, but for those that go meanwhile."""
    found = {}
    for name in names:
        try:
            found[name] = read_bridge(name, interfaces, show)
        except NoAnswer:
            if name in datapath_types():
                raise
    return found


def take(bridge=None):
    """Returns a Sample of one bridge or of all with a userspace datapath."""
    show = chain_show()
    interfaces = {row['name']: row for row in table(
        'Interface', 'name,type,options,link_state,ofport')}
    types = datapath_types()
    if bridge and bridge not in types:
        fail("no bridge '%s'; there is: %s" % (
            bridge, ' '.join(sorted(types)) or 'none'))
    names = [bridge] if bridge else sorted(
        name for name, kind in types.items() if kind == 'netdev')
    now = time.monotonic()
    return Sample(now, read_bridges(names, interfaces, show), show)


def chains_of(bridge):
    """Returns the Chains of a Bridge."""
    return Chains(Tracer(bridge.flows, bridge.groups, bridge.numbers),
                  bridge.ports)


def packets(bridge, keys):
    """Returns how many packets have gone a way: for each of 'keys', at most
    what each of its counters has counted."""
    return sum(min((bridge.counters.get(key, 0) for key in one), default=0)
               for one in keys)


def difference(before, after):
    """Returns what a counter has counted; all, if it began anew."""
    return after - before if after >= before else after


class Rates:
    """Packets a second between two Samples; without an earlier one there are
    none."""

    def __init__(self, before, after):
        self.seconds = after.time - before.time if before else 0
        self.counters = {}
        for name, bridge in after.bridges.items() if before else ():
            old = before.bridges.get(name)
            self.counters[name] = {
                key: difference(old.counters.get(key, 0) if old else 0, count)
                for key, count in bridge.counters.items()}

    def of(self, bridge, keys):
        """Returns the rate of a way on a bridge, or None."""
        counted = self.counters.get(bridge)
        if counted is None or not self.seconds or not any(keys):
            return None
        return sum(min(counted.get(key, 0) for key in one)
                   for one in keys if one) / self.seconds
