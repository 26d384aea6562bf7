# SPDX-License-Identifier: Apache-2.0
"""Draws the chains that the flows of the switch make, a line each.

    show.py [--bridge BRIDGE] [--interval SECONDS]

ovs-chain(8) describes what it prints.
"""

import argparse
import sys
import time

import sample

PREFIXES = ('', 'k', 'M', 'G', 'T')


def si(n):
    """Returns a number with two digits or more and a prefix of the SI."""
    for prefix in PREFIXES:
        if n < 999.5 or prefix == PREFIXES[-1]:
            break
        n /= 1000
    return '%.*f%s' % (prefix != '' and n < 9.95, n, prefix)


def arrow(rate):
    return ' -> ' if rate is None else ' ->%s ' % si(rate)


class Drawing:
    """Draws the lines of one Bridge with their Rates."""

    def __init__(self, bridge, rates):
        self.bridge = bridge
        self.rates = rates

    def port(self, name):
        """Returns the name of a port and what is wrong with it."""
        port = self.bridge.ports.get(name)
        note = port.note if port else 'missing'
        return name + ('(%s)' % note if note else '')

    def source(self, hop):
        """Returns the port that a hop begins at, or the two of an NF, and what
        is matched there."""
        if hop.source is None:
            text = '*'
        elif hop.entry == hop.source:
            text = self.port(hop.source)
        else:
            text = '%s:%s' % (hop.entry, self.port(hop.source))
        labels = hop.branch.labels
        return text + ('[%s]' % ','.join(labels) if labels else '')

    def rate(self, hop):
        return self.rates.of(self.bridge.name,
                             hop.targets[0].keys if hop.targets
                             else hop.branch.keys)

    def end(self, hop):
        """Returns where the last hop of a line leads."""
        if not hop.targets:
            return 'no flow' if hop.branch.missed else 'drop'
        return ', '.join(self.port(target.name) if target.port
                         else target.name for target in hop.targets)

    def line(self, line):
        """Returns the text of a line of hops."""
        text = ''
        for hop in line.hops:
            text += self.source(hop) + arrow(self.rate(hop))
        return text + self.end(line.hops[-1]) + (
            ' (loop)' if line.loop else '')

    def highest(self, line):
        """Returns the highest rate of a line's hops."""
        return max((self.rate(hop) or 0 for hop in line.hops), default=0)


def draw(after, rates):
    """Yields the lines of all bridges of a Sample."""
    for name, bridge in after.bridges.items():
        drawing = Drawing(bridge, rates)
        yield 'bridge %s:' % name
        lines = sample.chains_of(bridge).lines()
        for line in lines:
            yield '  ' * (line.depth + 1) + drawing.line(line)
        if not lines:
            yield '  no flows'


def seconds(text):
    """Returns an interval that an option tells."""
    value = float(text)
    if not 0 <= value <= 3600:
        raise ValueError
    return value


def new_parser(verb, interval):
    """Returns a parser of the options that all have that draw chains."""
    parser = argparse.ArgumentParser(prog='ovs-chain ' + verb)
    parser.add_argument('--bridge')
    parser.add_argument('--interval', type=seconds, default=interval)
    return parser


def samples(bridge, interval):
    """Returns two Samples, of which the first is None without an interval."""
    if not interval:
        return None, sample.take(bridge)
    if interval > 2:
        print('Counting for %g s.' % interval, file=sys.stderr)
    sample.settle()
    before = sample.take(bridge)
    time.sleep(interval)
    sample.settle()
    return before, sample.take(bridge)


def print_once(verb, lines_of):
    """Prints what lines_of() yields for a Sample and its Rates, as the
    options of 'verb' on the command line say."""
    args = new_parser(verb, 1.0).parse_args()
    before, after = samples(args.bridge, args.interval)
    for line in lines_of(after, sample.Rates(before, after)):
        print(line)


if __name__ == '__main__':
    print_once('show', draw)
