# SPDX-License-Identifier: Apache-2.0
"""Finds the chains that the flows of a bridge make, as lines of hops.

    for line in Chains(tracer, ports).lines():
        print([hop.source for hop in line.hops])

A line begins at a port that is no network function's, and goes on behind one
that is: what is sent there comes back on the same port, or on the NF's other
one, with the upper half of its mark as it was, by the convention of
vhost-chain(7).
"""

from collections import namedtuple

from follow import UNKNOWN, UNMARKED

# A port of the bridge.  'type' is that of the Interface, 'pool' the chain
# pool that it is in, or None; 'nf' tells whether an NF is behind it, 'peer'
# is the NF's other port, or None; 'note' is what is wrong with it, or ''.
Port = namedtuple('Port', 'name type pool nf peer note')

# What happens to packets that a port receives.  'keys' has the counters of
# each way that is in it, and is (()) if nothing counts.
Branch = namedtuple('Branch', 'labels keys targets own missed')

# Where a branch sends packets: to port 'name', or, if 'port' is False, to what
# is only named.  'copied' tells whether it is a copy or a reference.
Target = namedtuple('Target', 'name port mark keys copied')

# Packets that were sent to port 'entry' come from 'source', which is the same
# unless the NF has two ports, and go where 'branch' says, to 'targets'.
Hop = namedtuple('Hop', 'entry source branch targets')

# 'depth' is 0, or 1 and more for a branch of a line before; 'loop' tells
# whether the last target is a port from which the line came already.
Line = namedtuple('Line', 'depth hops loop')

PATH = 0xffff0000       # The half of a mark that NFs leave alone.
MAX_BRANCHES = 4        # With the same targets; more are drawn as one.
ALSO = 'also'           # Labels the further targets of one branch.


def path_of(mark):
    """Returns the number of the path that a mark names, or 0."""
    value, mask = mark
    return value & PATH if mask & PATH == PATH else 0


def by_reference(source, target):
    """Returns whether a packet stays in its buffer between two Ports."""
    return bool(source and target and source.pool
                and source.pool == target.pool
                and (target.nf or target.type == 'dpdk')
                and target.note not in ('detached', 'refused'))


def merged(branches):
    """Returns branches of which those with the same targets are one, if they
    are many."""
    groups = {}
    for branch in branches:
        same = tuple((target.name, target.mark) for target in branch.targets)
        groups.setdefault((same, branch.own) if branch.labels else id(branch),
                          []).append(branch)
    for group in groups.values():
        if len(group) <= MAX_BRANCHES:
            yield from group
            continue
        targets = tuple(
            targets[0]._replace(keys=tuple(key for target in targets
                                           for key in target.keys))
            for targets in zip(*(branch.targets for branch in group)))
        yield group[0]._replace(
            labels=('%d matches' % len(group),), targets=targets,
            keys=tuple(key for branch in group for key in branch.keys))


def rank(branch):
    """Sorts branches: the one that a line goes on with comes first."""
    return not branch.targets, bool(branch.labels)


class Chains:
    """The chains of one bridge; 'ports' are its Ports by name."""

    def __init__(self, tracer, ports):
        self.tracer = tracer
        self.ports = ports
        self.known = {}         # Branches by (port, mark).
        self.drawn = set()      # (port, keys of a branch, names of targets).
        self.named = {flow.in_port for table in tracer.tables.values()
                      for flows in table.values() for flow in flows}

    def all_branches(self, source, mark):
        """Yields the Branches of packets from port 'source', None for any
        that no flow names."""
        from_port = self.ports.get(source)
        for way in self.tracer.ways(source, mark):
            targets = tuple(
                Target(out.name, out.port, out.mark, (out.keys,),
                       out is not way.outs[-1] or not by_reference(
                           from_port, self.ports.get(out.name)))
                for out in way.outs)
            yield Branch(way.labels, (way.keys,), targets, way.own,
                         way.missed)

    def branches(self, source, mark):
        """Returns the same without those that any port has, if there are
        others, and with many of a kind as one."""
        if (source, mark) not in self.known:
            every = list(self.all_branches(source, mark))
            own = [branch for branch in every if branch.own]
            self.known[source, mark] = list(merged(own or every))
        return self.known[source, mark]

    def partner(self, port, path):
        """Returns the other port of an NF that is not there to tell, if there
        is only one that the path can go on at, or None."""
        found = [other.name for other in self.ports.values()
                 if other.nf and other.note == port.note and other is not port
                 and self.sets_path(other.name) == {path}]
        return found[0] if port.note and len(found) == 1 else None

    def sets_path(self, source):
        """Returns the paths on which a port sends what it receives whatever
        its mark is."""
        return {path_of(target.mark)
                for branch in self.branches(source, UNKNOWN)
                for target in branch.targets
                if not any('pkt_mark' in label for label in branch.labels)
                } - {0}

    def behind(self, source, target):
        """Returns (port, mark) of packets that come back from a target, or
        None if it is an end."""
        port = self.ports.get(target.name) if target.port else None
        if port is None or not (port.nf or 'vhostuser' in port.type):
            return None
        if not port.nf:
            return self.behind_plain(source, port)
        value, mask = target.mark
        back, mark = port.peer or port.name, (value & PATH, mask & PATH)
        path = path_of(mark)
        sets = self.sets_path(back)
        if path and sets and path not in sets:
            # What is sent from there is another path's: the NF has two ports,
            # or this one ends here.
            back = self.partner(port, path)
            if back is None:
                return None
        if back in self.named or any(
                branch.targets for branch in self.branches(back, mark)):
            return back, mark
        return None

    def behind_plain(self, source, port):
        """The same for a vhost-user port without a pool: behind it is an NF if
        packets do not go back to where they came from."""
        goes = {target.name for branch in self.branches(port.name, UNMARKED)
                for target in branch.targets}
        if port.name in self.named and goes - {source}:
            return port.name, UNMARKED
        return None

    @staticmethod
    def identity(source, branch):
        return source, branch.keys, tuple(target.name
                                          for target in branch.targets)

    def choose(self, node, depth, waiting):
        """Returns the branch with which a line goes on; the others wait for
        lines of their own."""
        main, *others = sorted(self.branches(*node), key=rank)
        waiting += [(node[0], branch, depth + 1) for branch in others]
        return main

    def hop(self, entry, source, branch, depth, waiting):
        """Returns a hop, and the node behind it or None.  Of several targets
        only one can lead on; the others wait for a line."""
        self.drawn.add(self.identity(source, branch))
        nodes = [(target, self.behind(source, target))
                 for target in branch.targets]
        on = [(target, node) for target, node in nodes if node]
        if not on:
            return Hop(entry, source, branch, branch.targets), None
        target, node = on[0]
        rest = tuple(one for one in branch.targets if one is not target)
        if rest:
            labels = tuple(label for label in branch.labels if label != ALSO)
            waiting.append((source, branch._replace(
                labels=labels + (ALSO,), targets=rest), depth + 1))
        return Hop(entry, source, branch, (target,)), node

    def line(self, source, branch, depth, waiting):
        """Returns the Line that begins with a branch."""
        hops, seen, entry = [], set(), source
        while True:
            hop, node = self.hop(entry, source, branch, depth, waiting)
            hops.append(hop)
            if node is None or node in seen:
                return Line(depth, tuple(hops), node is not None)
            seen.add(node)
            entry, source = hop.targets[0].name, node[0]
            branch = self.choose(node, depth, waiting)

    def with_branches(self, source, branch, depth, waiting):
        """Yields the Line that begins with a branch, and those of what waits
        or branches off, and is not drawn yet."""
        yield self.line(source, branch, depth, waiting)
        for other, beside, below in waiting:
            if self.identity(other, beside) not in self.drawn:
                yield from self.with_branches(other, beside, below, [])

    def kind(self, name):
        """Returns what may begin at a port: 0 for ends, 1 for what may be
        one, 2 for any port, 3 for an NF that sends whatever its mark is, 4
        for one where only a mark tells."""
        port = self.ports.get(name)
        if name is None:
            return 2
        if port and port.nf:
            return 4 if all(any('pkt_mark' in label for label in branch.labels)
                            for branch in self.branches(name, UNKNOWN)) else 3
        return int(bool(port) and 'vhostuser' in port.type)

    def starts(self):
        """Returns (port, mark) of where lines may begin."""
        order = {name: i for i, name in enumerate(self.ports)}
        kinds = {name: self.kind(name) for name in self.named}
        names = sorted(self.named, key=lambda name: (
            kinds[name], order.get(name, len(order))))
        return [(name, UNKNOWN if kinds[name] > 2 else UNMARKED)
                for name in names]

    def lines(self):
        """Returns all Lines."""
        lines = []
        for source, mark in self.starts():
            # Besides one another where only what an NF does leads to them.
            depth = int(mark == UNMARKED)
            todo = [(source, branch, depth)
                    for branch in sorted(self.branches(source, mark), key=rank)
                    if not branch.missed
                    and self.identity(source, branch) not in self.drawn]
            if todo:
                lines += self.with_branches(*todo[0][:2], 0, todo[1:])
        return lines
