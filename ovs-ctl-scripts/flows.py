# SPDX-License-Identifier: Apache-2.0
"""Reads the flow table and the groups of a bridge, as ovs-ofctl(8) prints them
with or without --names.  In what is returned, ports have names.
"""

import re
from collections import namedtuple

# 'terms' are those of the match but in_port, which is 'in_port' or None;
# 'actions' are Actions; 'packets' is how many it has seen.
Flow = namedtuple('Flow', 'table priority in_port terms actions packets')

# One term of a match: as it is written, and (field, value) for each field that
# it tells.
Term = namedtuple('Term', 'text fields')

# An action "name:argument", "name(argument)" or "name".
Action = namedtuple('Action', 'name argument text')

# 'kind' is all, select, ff or indirect; 'buckets' are lists of Actions.
Group = namedtuple('Group', 'id kind buckets')

LOCAL = 65534       # The number of a bridge's own port.

OPENING, CLOSING = '([{', ')]}'
SPECIAL = re.compile(r'["(\[{]')

# What comes before a match and is not of it.
STATISTICS = {'cookie', 'duration', 'table', 'n_packets', 'n_bytes',
              'idle_age', 'hard_age', 'idle_timeout', 'hard_timeout',
              'importance', 'priority', 'send_flow_rem', 'check_overlap',
              'reset_counts', 'no_packet_counts', 'no_byte_counts',
              'no_readonly_table', 'out_port', 'out_group'}

IP, IPV6 = ('dl_type', '0x800'), ('dl_type', '0x86dd')
# The words of ovs-fields(7) that stand for several fields.
SHORTHANDS = {
    'ip': (IP,), 'ipv6': (IPV6,),
    'arp': (('dl_type', '0x806'),), 'rarp': (('dl_type', '0x8035'),),
    'icmp': (IP, ('nw_proto', '1')), 'icmp6': (IPV6, ('nw_proto', '58')),
    'tcp': (IP, ('nw_proto', '6')), 'tcp6': (IPV6, ('nw_proto', '6')),
    'udp': (IP, ('nw_proto', '17')), 'udp6': (IPV6, ('nw_proto', '17')),
    'sctp': (IP, ('nw_proto', '132')), 'sctp6': (IPV6, ('nw_proto', '132')),
    'mpls': (('dl_type', '0x8847'),), 'mplsm': (('dl_type', '0x8848'),),
}


def split(text, separator=','):
    """Returns the parts of a text between separators that are in no quotes or
    brackets; empty ones are left out."""
    if not SPECIAL.search(text):        # As nearly always, and much faster.
        parts = text.split(separator)
    else:
        parts = split_slowly(text, separator)
    return [part.strip() for part in parts if part.strip()]


def split_slowly(text, separator):
    parts, depth, start, quoted = [], 0, 0, False
    i = 0
    while i < len(text):
        c = text[i]
        if quoted:
            if c == '\\':
                i += 1
            quoted = c != '"'
        elif c == '"':
            quoted = True
        elif c in OPENING:
            depth += 1
        elif c in CLOSING:
            depth -= 1
        elif depth == 0 and text.startswith(separator, i):
            parts.append(text[start:i])
            i += len(separator) - 1
            start = i + 1
        i += 1
    return [*parts, text[start:]]


def port_name(text, numbers):
    """Returns the name of a port; 'numbers' are names by number."""
    if text.isdigit():
        return numbers.get(int(text), text)
    if text == 'LOCAL':
        return numbers.get(LOCAL, text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r'\\(.)', r'\1', text[1:-1])
    return text


def parse_actions(text):
    """Returns the Actions of a text such as "set_queue:1,output:fw"."""
    actions = []
    for part in split(text):
        found = re.match(r'(\w+)(?:[:=](.*)|\((.*)\)(.*))?$', part, re.DOTALL)
        if not found:
            actions.append(Action(part, '', part))
            continue
        name, plain, inner, after = found.groups()
        actions.append(Action(name.lower(), plain or (inner or '')
                              + (after or ''), part))
    return tuple(action for action in actions if action.name != 'drop')


def parse_term(text):
    """Returns the Term of one comma's worth of a match."""
    name, _, value = text.partition('=')
    if not value:
        return Term(text, SHORTHANDS.get(text, ((text, ''),)))
    return Term(text, ((name, value),))


def parse_flow(line, numbers):
    """Returns the Flow of a line of dump-flows, or None if it is none."""
    halves = split(line, ' actions=')
    if len(halves) == 1 and line.rstrip().endswith(' actions='):
        halves.append('')
    if len(halves) != 2 or 'n_packets=' not in halves[0]:
        return None
    told, terms, in_port = {}, [], None
    # Flags have a blank behind them, and no comma.
    for word in (word for part in split(halves[0])
                 for word in split(part, ' ')):
        name, _, value = word.partition('=')
        if name in STATISTICS:
            told[name] = value
        elif name == 'in_port':
            in_port = port_name(value, numbers)
        else:
            terms.append(parse_term(word))
    return Flow(int(told.get('table', 0)), int(told.get('priority', 32768)),
                in_port, tuple(terms), parse_actions(halves[1]),
                int(told['n_packets']))


def parse_flows(text, numbers):
    """Returns the Flows of the output of dump-flows; 'numbers' are the names
    of ports by number."""
    flows = (parse_flow(line, numbers) for line in text.splitlines())
    return [flow for flow in flows if flow]


def parse_groups(text):
    """Returns {id: Group} of the output of dump-groups."""
    groups = {}
    for line in text.splitlines():
        found = re.match(r'\s*group_id=(\d+),type=(\w+)', line)
        if not found:
            continue
        buckets = [parse_actions(part.partition('actions=')[2])
                   for part in line.split(',bucket=')[1:]]
        groups[int(found[1])] = Group(int(found[1]), found[2], buckets)
    return groups


def parse_group_stats(text):
    """Returns {(group, bucket): packets} of the output of dump-group-stats,
    buckets counted from 0."""
    counts = {}
    for line in text.splitlines():
        found = re.match(r'\s*group_id=(\d+),', line)
        for bucket, packets in re.findall(
                r'bucket(\d+):packet_count=(\d+)', line) if found else ():
            counts[int(found[1]), int(bucket)] = int(packets)
    return counts
