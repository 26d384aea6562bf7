# SPDX-License-Identifier: Apache-2.0
"""Prints the counters of the switch in the text format of Prometheus.

    metrics.py [--output FILE | --listen [ADDRESS:]PORT]

Once, to stdout or, in one step, to FILE; or to each client that asks for
/metrics at PORT, until it is ended.
"""

import argparse
import os
import sys
import tempfile

import exporter
import sample
from switch import NoAnswer

PORT = ('bridge', 'port', 'pool')

# Of each chain port: the metric's name, what it is, and the key of
# "ovs-chain show --json".
PORT_COUNTERS = (
    ('receive_packets', 'Packets received from the NF by reference.',
     'rx_packets'),
    ('receive_bytes', 'Bytes received from the NF by reference.', 'rx_bytes'),
    ('receive_moved_packets',
     'Packets from the NF that were moved within their buffer.', 'rx_moved'),
    ('receive_local_packets',
     'Packets that the NF handed to the kernel of its guest.', 'rx_local'),
    ('transmit_packets', 'Packets sent to the NF, by reference or copied.',
     'tx_packets'),
    ('transmit_bytes', 'Bytes sent to the NF, by reference or copied.',
     'tx_bytes'),
    ('transmit_reference_packets', 'Packets sent to the NF by reference.',
     'tx_by_reference'),
    ('transmit_copied_packets', 'Packets copied into the pool for the NF.',
     'tx_copied'),
    ('transmit_copied_bytes', 'Bytes copied into the pool for the NF.',
     'tx_copied_bytes'),
    ('wakeups', 'Times that the NF slept and was woken.', 'tx_wakeups'),
    ('copy_lane_receive_packets',
     'Packets received from the kernel of the guest on the virtqueues.',
     'copy_rx_packets'),
    ('copy_lane_receive_dropped_packets',
     'Packets from the kernel of the guest that were dropped.',
     'copy_rx_dropped'),
    ('copy_lane_transmit_packets',
     'Packets sent to the kernel of the guest on the virtqueues.',
     'copy_tx_packets'),
    ('repairs', "Times that the NF overwrote its ring file's header.",
     'repairs'),
)
PORT_GAUGES = (
    ('attached', 'Whether an NF is attached (1) or not (0).',
     lambda port: int(port['state'] == 'attached')),
    ('stalled', 'Whether the NF takes no packets (1).',
     lambda port: int(port['stalled'])),
    ('generation', 'Number of the attachment of an NF.',
     lambda port: port['generation']),
    ('held_buffers', 'Buffers in the rings and hands of the NF.',
     lambda port: port['owned']),
    ('credit_buffers', 'Buffers that the NF may hold.',
     lambda port: port['credits']),
)
POOL_GAUGES = (
    ('buffers', 'Buffers of the pool.', lambda pool: pool['buffers']['all']),
    ('free_buffers', 'Buffers that nobody holds.',
     lambda pool: pool['buffers']['free']),
    ('held_buffers', 'Buffers in the rings and hands of NFs.',
     lambda pool: pool['buffers']['owned']),
    ('switch_buffers', 'Buffers that the switch holds.',
     lambda pool: pool['buffers']['in_switch']),
    ('balanced', 'Whether no buffer is missing (1).',
     lambda pool: int(pool['balanced'])),
    ('lost', 'Whether somebody truncated the file of the pool (1).',
     lambda pool: int(pool['lost'])),
    ('size_bytes', 'Size of the file of the pool.', lambda pool: pool['size']),
)


def escaped(text):
    return text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')


def family(name, kind, text, series):
    """Yields the lines of one metric; 'series' are (labels, value)."""
    name = 'ovs_chain_' + name + ('_total' if kind == 'counter' else '')
    yield '# HELP %s %s' % (name, text)
    yield '# TYPE %s %s' % (name, kind)
    for labels, value in series:
        inside = ','.join('%s="%s"' % (label, escaped(str(one)))
                          for label, one in labels.items())
        yield '%s%s %d' % (name, '{%s}' % inside if inside else '', value)


def flow_text(key):
    """Returns the text of a counter's key: "priority=P,MATCH" of a flow,
    "table=T," before it but for the first, or "group=G,bucket=B"."""
    if key[0] == 'group':
        return 'group=%d,bucket=%d' % key[1:]
    table, priority, in_port, terms = key
    return ','.join((('table=%d' % table,) if table else ())
                    + ('priority=%d' % priority,)
                    + (('in_port=' + in_port,) if in_port else ()) + terms)


def flow_series(bridge):
    """Returns (labels, packets) of each way from a port to a port that flows
    make, one for each: their sum would fall whenever a flow is removed."""
    series = {}
    chains = sample.chains_of(bridge)
    for source, mark in chains.starts():
        for branch in chains.all_branches(source, mark):
            for target in branch.targets:
                match = ' '.join(map(flow_text, branch.keys[0]))
                series[source or '*', target.name, match] = sample.packets(
                    bridge, target.keys)
    return [({'bridge': bridge.name, 'from': source, 'to': end,
              'match': match}, count)
            for (source, end, match), count in series.items()]


def port_families(ports):
    """Yields the lines of chain ports: (labels, port) each."""
    for name, text, key in PORT_COUNTERS:
        yield from family('port_' + name, 'counter', text, [
            (labels, port[key]) for labels, port in ports])
    for name, text, value in PORT_GAUGES:
        yield from family('port_' + name, 'gauge', text, [
            (labels, value(port)) for labels, port in ports])
    yield from family(
        'port_dropped_packets', 'counter', 'Packets dropped, by reason.', [
            (dict(labels, reason=reason), count) for labels, port in ports
            for reason, count in sorted(port['drops'].items())])
    for name, text, key in (
            ('reference', 'Packets that came to a port by reference.',
             'by_reference'),
            ('copied', 'Packets that came to a port copied.', 'copied')):
        yield from family('hop_%s_packets' % name, 'counter', text, [
            (dict(labels, **{'from': hop['from']}), hop[key])
            for labels, port in ports for hop in port['hops']])


def pool_families(pools):
    for name, text, value in POOL_GAUGES:
        yield from family('pool_' + name, 'gauge', text, [
            ({'pool': pool['name']}, value(pool)) for pool in pools])
    yield from family('pool_repairs', 'counter',
                      "Times that an NF overwrote the pool's superblock.", [
                          ({'pool': pool['name']}, pool['repairs'])
                          for pool in pools])


def exposition():
    """Returns the text of all metrics, that the switch does not answer being
    one, too."""
    try:
        taken = sample.take()
    except NoAnswer as e:
        print('ovs-chain metrics: %s' % e, file=sys.stderr)
        taken = None
    lines = list(family('up', 'gauge', 'Whether the switch answers (1).',
                        [({}, int(taken is not None))]))
    if taken:
        bridges = {name: bridge.name for bridge in taken.bridges.values()
                   for name in bridge.ports}
        ports = [(dict(zip(PORT, (bridges.get(port['name'], ''), port['name'],
                                  port['pool']))), port)
                 for port in taken.show['ports']]
        lines += port_families(ports)
        lines += pool_families(taken.show['pools'])
        lines += family('flow_packets', 'counter',
                        'Packets that flows sent from a port to another.', [
                            one for bridge in taken.bridges.values()
                            for one in flow_series(bridge)])
    return '\n'.join(lines) + '\n'


def write(path, text):
    """Puts a text in place of a file at once, for everybody to read."""
    directory, name = os.path.split(os.path.abspath(path))
    try:
        # The collector of node_exporter reads all names that end with .prom.
        fd, new = tempfile.mkstemp(prefix='.' + name, dir=directory)
        try:
            with open(fd, 'w', encoding='utf-8') as f:
                f.write(text)
            os.chmod(new, 0o644)
            os.replace(new, path)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as e:
        sys.exit('ovs-chain metrics: %s: %s' % (path, e.strerror))


def main():
    parser = argparse.ArgumentParser(prog='ovs-chain metrics')
    parser.add_argument('--output')
    parser.add_argument('--listen')
    args = parser.parse_args()
    if args.output and args.listen:
        parser.error('either --output or --listen')
    if args.listen:
        exporter.serve(args.listen, exposition)
    elif args.output:
        write(args.output, exposition())
    else:
        print(exposition(), end='')


if __name__ == '__main__':
    main()
