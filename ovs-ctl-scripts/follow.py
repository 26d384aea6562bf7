# SPDX-License-Identifier: Apache-2.0
"""Follows what a bridge may do with a packet from a port, by its flows.

    tracer = Tracer(flows, groups, numbers)
    for way in tracer.ways('fw', UNMARKED):
        print(way.labels, [out.name for out in way.outs])

A packet is known by its port and the bits of pkt_mark, registers and metadata
that are known; of other fields, by what flows matched before.  Where a flow
matches on more, there are several ways: each with what it matches as labels.
"""

import heapq
import re
from collections import namedtuple

from flows import parse_actions, port_name, split

# 'bits' are {field: (value, mask)}, 'words' {field: value}; 'last' is the
# action set.
State = namedtuple('State', 'port table bits words last')

# What may become of a packet.  'keys' are those of the counters that it has
# passed; 'own' is False if no flow on the way names the port it came from;
# 'missed' is True if no flow of the first table matches.
Way = namedtuple('Way', 'labels keys outs own missed ended')

# Where a way leads: to port 'name' with known bits 'mark' (value, mask) of
# pkt_mark, or, if 'port' is False, to what cannot be followed.
Out = namedtuple('Out', 'name port mark keys')

START = Way((), (), (), False, False, False)

UNMARKED = (0, 0xffffffff)      # A mark that is known to be 0.
UNKNOWN = (0, 0)

MAX_DEPTH = 32
MAX_WAYS = 16384
MAX_BEFORE = 16     # Flows that may hide those of lower priorities.

WIDTHS = {'pkt_mark': 32, 'metadata': 64,
          **{'reg%d' % i: 32 for i in range(16)}}

# Actions without consequence for the way of a packet.
PLAIN = {'meter', 'note', 'set_queue', 'pop_queue', 'dec_ttl', 'fin_timeout',
         'push', 'sample', 'debug_recirc', 'debug_slow', 'ct_clear',
         'set_tunnel', 'set_tunnel64', 'delete_field'}
# Actions that change headers, so that what was matched may be no more.
CHANGES = re.compile(r'(mod|push|pop|strip|set|dec|encap|decap|nat)_?\w*$')


def masked(text, field):
    """Returns value and mask of a number such as "0x1/0xffff"."""
    value, _, mask = text.partition('/')
    return int(value, 0), int(mask, 0) if mask else (1 << WIDTHS[field]) - 1


def subfield(text):
    """Returns the field and (lowest bit, number of bits) that a text such as
    "NXM_NX_REG0[0..15]" names; None for the bits if it is no tracked field."""
    found = re.match(r'(?:NXM_NX_|OXM_OF_|NXM_OF_)?(\w+)'
                     r'(?:\[(?:(\d+)(?:\.\.(\d+))?)?\])?$', text)
    field = found[1].lower() if found else text
    if field not in WIDTHS:
        return field, None
    if not found[2]:
        return field, (0, WIDTHS[field])
    first = int(found[2])
    return field, (first, int(found[3] or first) - first + 1)


def index(flows):
    """Returns {table: {in_port: flows by priority}}.  Flows that are a part
    of a conjunctive match match nothing by themselves."""
    tables = {}
    for flow in sorted(flows, key=lambda flow: -flow.priority):
        if flow.actions and all(action.name == 'conjunction'
                                for action in flow.actions):
            continue
        ports = tables.setdefault(flow.table, {})
        ports.setdefault(flow.in_port, []).append(flow)
    return tables


def flow_key(flow):
    """Returns what tells a flow from all others."""
    return (flow.table, flow.priority, flow.in_port,
            tuple(term.text for term in flow.terms))


def match_bits(state, field, text):
    """Returns the state of packets that match, and whether all do; or None if
    none does."""
    value, mask = masked(text, field)
    known, known_mask = state.bits.get(field, UNKNOWN)
    if (value ^ known) & mask & known_mask:
        return None
    bits = dict(state.bits)
    bits[field] = known | value & mask, known_mask | mask
    return state._replace(bits=bits), not mask & ~known_mask


def match_word(state, field, value):
    """The same for a field of which no bits are tracked."""
    known = state.words.get(field)
    if known == value:
        return state, True
    if known is not None and '/' not in known + value and field != 'ct_state':
        return None
    return state._replace(words=dict(state.words, **{field: value})), False


def match(flow, state):
    """Returns the state of packets that match a flow, and what it looks at
    besides what is known of all; or None if no packet matches."""
    if flow.in_port not in (None, state.port):
        return None
    labels = []
    for term in flow.terms:
        sure = True
        for field, value in term.fields:
            found = (match_bits if field in WIDTHS else match_word)(
                state, field, value)
            if found is None:
                return None
            state, known = found
            sure = sure and known
        if not sure:
            labels.append(term.text)
    return state, tuple(labels)


def takes_all(flow, state):
    """Returns whether all packets in a state match a flow."""
    matched = match(flow, state)
    return matched is not None and not matched[1]


class Tracer:
    """Follows the flows of one bridge; 'numbers' are the names of ports by
    number."""

    def __init__(self, flows, groups, numbers):
        self.tables = index(flows)
        self.groups = groups
        self.numbers = numbers

    def ways(self, port, mark):
        """Returns the Ways of packets from 'port', None for a port that no
        flow names, with known bits 'mark' of pkt_mark."""
        bits = {field: (0, (1 << width) - 1)
                for field, width in WIDTHS.items()}
        state = State(port, 0, dict(bits, pkt_mark=mark), {}, ())
        found = self.enter(0, state, START, 0)
        if not found:
            return [START._replace(missed=True)]
        return [last for after, way in found
                for last in self.finish(after, way)]

    def finish(self, state, way):
        """Yields the ways after the action set."""
        actions = state.last
        if any(action.name == 'group' for action in actions):
            actions = [action for action in actions
                       if action.name != 'output']
        for _, after in self.run(actions, state, way, 0):
            yield after

    def candidates(self, table, port):
        """Returns the flows that may match, highest priority first."""
        ports = self.tables.get(table, {})
        return heapq.merge(*(ports.get(name, []) for name in {None, port}),
                           key=lambda flow: -flow.priority)

    def enter(self, table, state, way, depth):
        """Returns (state, way) after each flow of a table that may match."""
        results, before = [], []
        if depth > MAX_DEPTH:
            return [(state, self.unknown(way, 'too deep'))]
        state = state._replace(table=table)
        for flow in self.candidates(table, state.port):
            matched = match(flow, state)
            if matched is None:
                continue
            after, labels = matched
            if any(takes_all(higher, after) for higher in before):
                continue
            if len(before) < MAX_BEFORE:
                before.append(flow)
            results += self.run(flow.actions, after, way._replace(
                labels=way.labels + labels,
                keys=way.keys + (flow_key(flow),),
                own=way.own or flow.in_port is not None), depth)
            if not labels or len(results) >= MAX_WAYS:
                break
        return results

    def run(self, actions, state, way, depth):
        """Returns (state, way) after a list of actions."""
        ways = [(state, way)]
        for action in actions:
            ways = [result for one in ways
                    for result in self.step(action, *one, depth)][:MAX_WAYS]
        return ways

    def step(self, action, state, way, depth):
        """Returns (state, way) after one action."""
        if way.ended:
            return [(state, way)]
        name = action.name
        handler = getattr(self, 'do_' + name, None)
        if handler:
            return handler(action, state, way, depth)
        if name in PLAIN:
            return [(state, way)]
        if CHANGES.match(name):
            return [(state._replace(words={}), way)]
        # As ovs-ofctl writes it: NORMAL is no name of a port.
        named = re.match(r'\w*', action.text)[0] or action.text
        return [(state, self.unknown(way, named))]

    @staticmethod
    def unknown(way, name):
        """Returns the way on which a packet gets to what is only named."""
        return way._replace(outs=way.outs + (
            Out(name, False, UNKNOWN, way.keys),))

    def send(self, text, state, way):
        """Returns the way on which a packet is sent to a port.  The switch
        sends none back to where it came from, unless by "in_port"."""
        name = port_name(text, self.numbers)
        if name == state.port:
            return way
        return way._replace(outs=way.outs + (
            Out(name, True, state.bits['pkt_mark'], way.keys),))

    def do_output(self, action, state, way, _depth):
        name = action.argument
        if name.startswith('port='):            # output(port=P,max_len=N)
            name = split(name)[0][len('port='):]
        field, bits = subfield(name)
        if bits:
            value, mask = state.bits[field]
            wanted = (1 << bits[1]) - 1 << bits[0]
            if wanted & ~mask:
                return [(state, self.unknown(way, action.text))]
            name = str((value & wanted) >> bits[0])
        return [(state, self.send(name, state, way))]

    def do_local(self, action, state, way, _depth):
        return [(state, self.send(action.text, state, way))]

    def do_in_port(self, _action, state, way, _depth):
        back = self.send(state.port, state._replace(port=None), way)
        return [(state, back)]

    def do_enqueue(self, action, state, way, _depth):
        port = re.split('[:,]', action.argument.replace('port=', ''))[0]
        return [(state, self.send(port, state, way))]

    def do_exit(self, _action, state, way, _depth):
        return [(state, way._replace(ended=True))]

    def do_goto_table(self, action, state, way, depth):
        return self.enter(int(action.argument), state, way, depth + 1) or [
            (state, way)]

    def do_resubmit(self, action, state, way, depth):
        port, _, table = action.argument.partition(',')
        table = table.split(',')[0]
        inside = state._replace(
            port=port_name(port, self.numbers)) if port else state
        results = self.enter(int(table) if table else state.table, inside,
                             way, depth + 1)
        if not any(one.labels == way.labels for _, one in results):
            results.append((state, way))
        return [(after._replace(port=state.port, table=state.table), one)
                for after, one in results]

    def do_ct(self, action, state, way, depth):
        parts = split(action.argument)
        words = {field: value for field, value in state.words.items()
                 if not field.startswith('ct_')}
        if any(re.match(r'nat\b', part) for part in parts):
            words = {}
        found = re.search(r'(?:^|,)table=(\d+)', action.argument)
        if not found:
            return [(state._replace(words=words), way)]
        # Comes back in the other table, with what conntrack says of it.
        results = self.enter(int(found[1]), state._replace(words=words), way,
                             depth + 1)
        return [(state, one) for _, one in results] or [(state, way)]

    def do_clone(self, action, state, way, depth):
        return [(state, one) for _, one in self.run(
            parse_actions(action.argument), state, way, depth + 1)]

    def do_write_actions(self, action, state, way, _depth):
        return [(state._replace(
            last=state.last + parse_actions(action.argument)), way)]

    @staticmethod
    def do_clear_actions(_action, state, way, _depth):
        return [(state._replace(last=()), way)]

    def do_group(self, action, state, way, depth):
        group = self.groups.get(int(action.argument))
        if group is None or depth > MAX_DEPTH:
            return [(state, self.unknown(way, action.text))]
        if group.kind in ('all', 'indirect'):
            for i, bucket in enumerate(group.buckets):
                way = self.copy(group, i, bucket, state, way, depth)
            return [(state, way)]
        results = []
        for i, bucket in enumerate(group.buckets):
            label = '%s %d.%d' % (group.kind, group.id, i)
            inside = way._replace(labels=way.labels + (label,), keys=way.keys
                                  + (('group', group.id, i),))
            results += [(state, one) for _, one in self.run(
                bucket, state, inside, depth + 1)]
        return results or [(state, way)]

    def copy(self, group, i, bucket, state, way, depth):
        """Returns the way after a bucket that gets a copy of the packet."""
        inside = way._replace(keys=way.keys + (('group', group.id, i),))
        (_, one), *more = self.run(bucket, state, inside, depth + 1)
        if more:
            return self.unknown(way, 'group:%d' % group.id)
        return one._replace(keys=way.keys, ended=way.ended)

    def do_set_field(self, action, state, way, _depth):
        text, _, target = action.argument.rpartition('->')
        field, bits = subfield(target)
        if not bits:
            return [(state._replace(words={}), way)]
        return [(self.set_bits(state, field, *masked(text, field)), way)]

    def do_load(self, action, state, way, _depth):
        text, _, target = action.argument.rpartition('->')
        field, bits = subfield(target)
        if not bits:
            return [(state._replace(words={}), way)]
        return [(self.set_bits(state, field, int(text, 0) << bits[0],
                               (1 << bits[1]) - 1 << bits[0]), way)]

    def do_write_metadata(self, action, state, way, _depth):
        return [(self.set_bits(state, 'metadata', *masked(
            action.argument, 'metadata')), way)]

    def do_move(self, action, state, way, _depth):
        """Also of what else writes what is not known to its last argument."""
        field, bits = subfield(re.split('->|,', action.argument)[-1])
        if not bits:
            return [(state._replace(words={}), way)]
        return [(self.set_bits(state, field, 0, (1 << bits[1]) - 1 << bits[0],
                               known=False), way)]

    do_pop = do_check_pkt_larger = do_multipath = do_move

    @staticmethod
    def set_bits(state, field, value, mask, known=True):
        """Returns the state after the bits in 'mask' of a field are set."""
        old, old_mask = state.bits[field]
        bits = (old & ~mask) | (value & mask), (
            old_mask | mask if known else old_mask & ~mask)
        return state._replace(bits=dict(state.bits, **{field: bits}))
