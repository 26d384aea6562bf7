# SPDX-License-Identifier: Apache-2.0
"""Prints the counters of chains as a table, from "ovs-chain show --json" on
stdin, and fails unless what was fetched is what was sent, nothing was copied
between network functions and no buffer is missing.

    report.py --sha256 SENT FETCHED [PORT=IN,IN_DROPS,OUT,OUT_DROPS]...

The PORTs are those at the ends of the chains, which are not chain ports, with
OVS's own counters of packets.  "In" is from the port into the switch.
"""

import argparse
import json
import sys

ROW = '%-10s %10s %10s %7s %8s  %s'
HOP = '%-22s %14s %10s'


def number(n):
    return '{:,}'.format(n)


def drops_text(drops):
    """Returns the nonzero ones of a port's drops, by reason."""
    text = ', '.join('%s %s' % (reason, number(n))
                     for reason, n in sorted(drops.items()) if n)
    return text or 'none'


def port_rows(ports, ends):
    """Yields the rows of the table of ports."""
    yield ROW % ('port', 'packets in', 'out', 'owned', 'credits', 'drops')
    for name, (packets_in, in_drops, packets_out, out_drops) in ends.items():
        yield ROW % (name, number(packets_in), number(packets_out), '-', '-',
                     drops_text({'in': in_drops, 'out': out_drops}))
    for port in ports:
        yield ROW % (port['name'], number(port['rx_packets']),
                     number(port['tx_packets']), number(port['owned']),
                     number(port['credits']), drops_text(port['drops']))


def hop_rows(ports):
    """Yields the rows of the table of hops."""
    yield HOP % ('hop', 'by reference', 'copied')
    for port in ports:
        for hop in port['hops']:
            yield HOP % (hop['from'] + ' -> ' + port['name'],
                         number(hop['by_reference']), number(hop['copied']))


def copied_between(ports):
    """Returns the packets and bytes that were copied on their way from one
    network function to another."""
    names = {port['name'] for port in ports}
    packets = sum(hop['copied'] for port in ports for hop in port['hops']
                  if hop['from'] in names)
    size = sum(port['tx_copied_bytes'] for port in ports
               if any(hop['copied'] for hop in port['hops']
                      if hop['from'] in names))
    return packets, size


def pool_rows(pools):
    for pool in pools:
        buffers = pool['buffers']
        parts = buffers['free'] + buffers['owned'] + buffers['in_switch']
        yield 'buffers: %s free + %s owned + %s in switch = %s all%s' % (
            number(buffers['free']), number(buffers['owned']),
            number(buffers['in_switch']), number(buffers['all']),
            '' if parts == buffers['all']
            else ', WRONG: the sum is ' + number(parts))


def check(pools, ports, sums):
    """Returns what is wrong, in words, or None."""
    packets, size = copied_between(ports)
    if sums[0] != sums[1]:
        return 'what arrived is not what was sent'
    if not any(hop['by_reference'] for port in ports
               for hop in port['hops']):
        return 'no packet was passed by reference'
    if packets or size:
        return '%s packets were copied between network functions' % \
            number(packets)
    for pool in pools:
        buffers = pool['buffers']
        if (not pool['balanced'] or buffers['free'] + buffers['owned']
                + buffers['in_switch'] != buffers['all']):
            return 'pool %s has lost buffers' % pool['name']
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sha256', nargs=2, required=True)
    parser.add_argument('ends', nargs='*')
    args = parser.parse_args()
    ends = {}
    for arg in args.ends:
        name, counters = arg.split('=')
        ends[name] = [int(n) for n in counters.split(',')]
    show = json.load(sys.stdin)
    pools, ports = show['pools'], show['ports']
    for row in port_rows(ports, ends):
        print(row)
    print()
    for row in hop_rows(ports):
        print(row)
    print()
    print('sha256 equal' if args.sha256[0] == args.sha256[1] else
          'sha256 DIFFERS: sent %s, fetched %s' % tuple(args.sha256))
    print('copied between NFs: %s bytes' % number(copied_between(ports)[1]))
    for row in pool_rows(pools):
        print(row)
    wrong = check(pools, ports, args.sha256)
    if wrong:
        sys.exit('report: ' + wrong)


if __name__ == '__main__':
    main()
