# SPDX-License-Identifier: Apache-2.0
"""Writes the chains that the flows of the switch make as a graph for dot(1).

    graph.py [--bridge BRIDGE] [--interval SECONDS]

A node is a port, a cluster a pool.  An edge is what a flow does with packets:
solid where they stay in their buffers, dashed where they are copied.  A dotted
one joins the two ports of an NF.
"""

import sample
from show import print_once, si


def quote(text):
    """Returns a string of the language of dot(1)."""
    return '"%s"' % text.replace('\\', '\\\\').replace('"', '\\"').replace(
        '\n', '\\n')


def attributes(**values):
    return ' [%s]' % ', '.join('%s=%s' % (key, quote(value))
                               for key, value in values.items() if value)


def node(port):
    """Returns the statement of a Port."""
    return quote(port.name) + attributes(
        label='\n'.join(filter(None, (port.name, port.note))),
        style='rounded' if port.nf else 'bold',
        color='red' if port.note else '') + ';'


def pool_statements(ports):
    """Yields the statements of Ports, each within its pool."""
    for pool in sorted({port.pool or '' for port in ports}):
        inside = [node(port) for port in ports if (port.pool or '') == pool]
        if not pool:
            yield from inside
            continue
        yield 'subgraph %s {' % quote('cluster_' + pool)
        yield '    label=%s;' % quote('pool ' + pool)
        yield from ('    ' + statement for statement in inside)
        yield '}'


class Edges:
    """The edges of one Bridge, by where they begin, what they match and where
    they lead; and the nodes that are no ports."""

    def __init__(self, bridge, rates):
        self.bridge = bridge
        self.rates = rates
        self.edges = {}
        self.others = {}
        self.used = set()
        for line in sample.chains_of(bridge).lines():
            for hop in line.hops:
                self.add(hop)

    def other(self, source, name):
        """Returns the node of what is no port, one for each that leads to
        it."""
        one = '%s %s' % (source or self.bridge.name, name)
        self.others[one] = quote(one) + attributes(
            label=name, shape='plaintext') + ';'
        return one

    def begin(self, hop):
        """Returns the node that a hop begins at."""
        if hop.source is None:
            return self.other('', '*')
        self.used.add(hop.source)
        if hop.entry != hop.source:
            pair = tuple(sorted((hop.entry, hop.source)))
            self.edges[pair] = '%s -> %s' % tuple(map(quote, pair)) + \
                attributes(style='dotted', dir='none') + ';'
        return hop.source

    def add(self, hop):
        source = self.begin(hop)
        if not hop.targets:
            name = 'no flow' if hop.branch.missed else 'drop'
            self.edge(hop, source, self.other(source, name), hop.branch.keys,
                      False)
        for target in hop.targets:
            if target.port:
                self.used.add(target.name)
            self.edge(hop, source, target.name if target.port else
                      self.other(source, target.name), target.keys,
                      target.copied and target.port)

    def edge(self, hop, source, end, keys, copied):
        rate = self.rates.of(self.bridge.name, keys)
        labels = [label for label in hop.branch.labels if label != 'also']
        text = [] if rate is None else [si(rate) + '/s']
        text += ['[%s]' % ','.join(labels)] if labels else []
        self.edges[source, keys, end] = '%s -> %s' % (
            quote(source), quote(end)) + attributes(
                label='\n'.join(text) or ' ',
                style='dashed' if copied else 'solid') + ';'


def graph(after, rates):
    """Yields the lines of the graph of a Sample."""
    yield 'digraph "ovs-chain" {'
    yield '    rankdir=LR;'
    yield '    node [shape=box];'
    for bridge in after.bridges.values():
        edges = Edges(bridge, rates)
        ports = [port for name, port in bridge.ports.items()
                 if name in edges.used]
        for statement in (*pool_statements(ports), *edges.others.values(),
                          *edges.edges.values()):
            yield '    ' + statement
    yield '}'


if __name__ == '__main__':
    print_once('graph', graph)
