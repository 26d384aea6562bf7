# SPDX-License-Identifier: Apache-2.0
"""Turns a file of chains into flows for "ovs-ofctl --bundle add-flows".

    apply.py FILE < PORTS > FLOWS

PORTS are the names of the ports that exist, one a line.  ovs-chain(8) has the
syntax of FILE.  Exits with 1 after printing FILE:LINE: MESSAGE on stderr.
"""

import re
import sys
from collections import namedtuple

# The cookie of the flows of "ovs-chain apply", which no other flow should
# have: a new file replaces the flows with this cookie and no others.
COOKIE = 0x636861696e  # "chain"

# Below the priority of a flow typed without one (32768), so that a flow typed
# by hand wins.
PRIORITY = 10000
MATCH_PRIORITY = 30000  # Entries with a match, downwards in the file's order.

MAX_PATHS = MATCH_PRIORITY - PRIORITY - 1

NAME = r'[A-Za-z0-9_.@-]+?'  # Ungreedy: "a->b" is "a", "b".
PORT_RE = re.compile(r'(?P<name>' + NAME + r')(?::(?P<out>' + NAME + r'))?'
                     r'\s*(?:\[(?P<match>[^\[\]]*)\])?$')
MATCH_RE = re.compile(r'[A-Za-z][A-Za-z0-9_]*(=[A-Za-z0-9_.:/-]+)?$')
# Fields that belong to us, and words that are no fields of a match.
OURS = {'in_port', 'pkt_mark', 'cookie', 'priority', 'table', 'actions',
        'idle_timeout', 'hard_timeout', 'importance', 'duration'}

# What ovs-ofctl would not take for the name of a port.
WORDS = {'in_port', 'table', 'normal', 'flood', 'all', 'controller', 'local',
         'any', 'none', 'unset'}

# A stop on a path: packets go to port 'to' and come back from port 'back'.
Stop = namedtuple('Stop', 'to back match')
# One direction of a line of the file.
Path = namedtuple('Path', 'line number stops')


class Refused(Exception):
    def __init__(self, line, message):
        super().__init__(message)
        self.line = line


def parse_match(line, text):
    """Returns the fields of a match as ovs-ofctl wants them."""
    fields = [field.strip() for field in text.split(',')]
    for field in fields:
        if not MATCH_RE.match(field):
            raise Refused(line, "'%s' is no field of a match such as tcp or "
                          "tp_dst=80" % field)
        name = field.split('=')[0]
        if name in OURS:
            raise Refused(line, "%s in a match: it is set by the chain"
                          % name)
    return ','.join(fields)


def parse_stop(line, text):
    """Returns the stop that "NAME", "NAME[MATCH]" or "IN:OUT" tells."""
    text = text.strip()
    if not text:
        raise Refused(line, "a port is missing beside an arrow")
    found = PORT_RE.match(text)
    if not found:
        raise Refused(line, "'%s' is no port: write NAME, NAME[MATCH] or, "
                      "for a network function with two ports, IN:OUT" % text)
    match = found['match']
    return Stop(found['name'], found['out'] or found['name'],
                match and parse_match(line, match) if match is not None
                else None)


def split_line(line, text):
    """Returns the stops of a line and whether it runs both ways."""
    arrows = set(re.findall(r'<->|->', text))
    rest = re.sub(r'<->|->', '', re.sub(r'\[[^\]]*\]', '', text))
    if '<' in rest or '>' in rest:
        raise Refused(line, "only -> and <-> lead from port to port")
    if len(arrows) > 1:
        raise Refused(line, "-> and <-> in one line")
    stops = [parse_stop(line, part) for part in re.split(r'<->|->', text)]
    if len(stops) < 2:
        raise Refused(line, "a chain has two ends: '%s' is only one port"
                      % stops[0].to)
    return stops, arrows == {'<->'}


def check_stops(line, stops, both, ports):
    """Refuses what makes no path of 'stops'."""
    seen = set()
    for i, stop in enumerate(stops):
        end = i in (0, len(stops) - 1)
        if end and stop.to != stop.back:
            raise Refused(line, "%s:%s is at an end: only between the ends "
                          "can a network function have two ports"
                          % (stop.to, stop.back))
        if stop.match == '':
            raise Refused(line, "the match of %s is empty" % stop.to)
        if stop.match and (not end or i and not both):
            raise Refused(line, "a match at %s, where no packet enters the "
                          "chain" % stop.to)
        names = [stop.to] if stop.to == stop.back else [stop.to, stop.back]
        for name in names:
            if name not in ports:
                raise Refused(line, "no port '%s'; there is: %s"
                              % (name, ' '.join(ports)))
            if name in seen:
                raise Refused(line, "%s is in the chain twice" % name)
            seen.add(name)


def parse(text, ports):
    """Returns the paths of a file's text."""
    paths = []
    for line, chain in enumerate(text.splitlines(), 1):
        chain = chain.split('#')[0].strip()
        if not chain:
            continue
        stops, both = split_line(line, chain)
        check_stops(line, stops, both, ports)
        paths.append(Path(line, len(paths) + 1, stops))
        if both:
            back = [Stop(stop.back, stop.to, stop.match)
                    for stop in reversed(stops)]
            paths.append(Path(line, len(paths) + 1, back))
        if len(paths) > MAX_PATHS:
            raise Refused(line, "more than %d paths" % MAX_PATHS)
    return paths


def check_entries(paths):
    """Refuses two paths that one packet would have to enter."""
    entries = {}
    for path in paths:
        end = path.stops[0]
        other = entries.setdefault((end.to, end.match), path.line)
        if other != path.line:
            raise Refused(path.line, "%s enters the chain of line %d already;"
                          " tell them apart with a match, %s[...]"
                          % (end.to, other, end.to))


def check_roles(paths):
    """Refuses a port that is an end in one path and inside another, and one
    that is half of a two-port network function here and whole there."""
    roles = {}
    for path in paths:
        for i, stop in enumerate(path.stops):
            if i in (0, len(path.stops) - 1):
                uses = {stop.to: "an end"}
            elif stop.to == stop.back:
                uses = {stop.to: "a network function with one port"}
            else:
                uses = {stop.to: "a port of the same two as " + stop.back,
                        stop.back: "a port of the same two as " + stop.to}
            for name, use in uses.items():
                line, before = roles.setdefault(name, (path.line, use))
                if before != use:
                    raise Refused(path.line, "%s is %s here and %s in line %d"
                                  % (name, use, before, line))


def quote(name):
    """Returns the name of a port as ovs-ofctl takes it."""
    plain = re.match(r'[A-Za-z][A-Za-z0-9_-]*$', name)
    return name if plain and name.lower() not in WORDS else '"%s"' % name


def path_flows(path, shared):
    """Yields the flows of one path.  'shared' are the ports from which the
    packets of several paths come back."""
    tag = '0x%x/0xffff0000' % (path.number << 16)
    mark = 'set_field:%s->pkt_mark,' % tag
    for i, stop in enumerate(path.stops[:-1]):
        match = 'in_port=' + quote(stop.back)
        priority = PRIORITY
        if i == 0:
            action = mark
            if stop.match:
                match += ',' + stop.match
                priority = MATCH_PRIORITY - path.number
        elif stop.to == stop.back or stop.back in shared:
            match += ',pkt_mark=' + tag
            action = ''
        else:
            # No need for the mark, and none that this NF could lose.
            action = mark
        yield 'add cookie=0x%x,priority=%d,%s,actions=%soutput:%s' % (
            COOKIE, priority, match, action, quote(path.stops[i + 1].to))


def own_flows(paths):
    """Yields the flows of packets without a path, such as those of the kernel
    of a guest in which a network function runs: out at the ends of all chains
    that the network function is in."""
    ends = {}
    for path in paths:
        for stop in path.stops[1:-1]:
            if stop.to == stop.back:
                ends.setdefault(stop.to, {}).update(
                    {path.stops[0].to: None, path.stops[-1].to: None})
    for name, outputs in ends.items():
        yield ('add cookie=0x%x,priority=%d,in_port=%s,pkt_mark=0/0xffff0000,'
               'actions=%s' % (COOKIE, PRIORITY, quote(name), ','.join(
                   'output:' + quote(output) for output in outputs)))


def flows(paths):
    """Returns the lines of a bundle that puts 'paths' in place of the paths
    of the bundle before."""
    uses = {}
    for path in paths:
        for stop in path.stops[1:-1]:
            uses[stop.back] = uses.get(stop.back, 0) + 1
    shared = {name for name, n in uses.items() if n > 1}
    lines = ['delete cookie=0x%x/-1' % COOKIE]
    for path in paths:
        lines.extend(path_flows(path, shared))
    lines.extend(own_flows(paths))
    return lines


def main():
    filename = sys.argv[1]
    ports = sys.stdin.read().split()
    try:
        with open(filename, encoding='utf-8') as f:
            text = f.read()
    except (OSError, UnicodeDecodeError) as e:
        sys.exit('%s: %s' % (filename, getattr(e, 'strerror', None) or
                             'is no text'))
    try:
        paths = parse(text, ports)
        check_entries(paths)
        check_roles(paths)
    except Refused as e:
        sys.exit('%s:%d: %s' % (filename, e.line, e))
    if not paths:
        sys.exit('%s: no chain in it' % filename)
    print('\n'.join(flows(paths)))


if __name__ == '__main__':
    main()
