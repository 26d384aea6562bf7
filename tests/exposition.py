# SPDX-License-Identifier: Apache-2.0
"""Reads the text format of Prometheus, version 0.0.4, and takes nothing that
is not as its documentation and its naming conventions want it.

    for name, family in parse(text).items():
        print(family.kind, family.series)
"""

import re
from collections import namedtuple

# 'series' are values by the sorted (label, value) pairs.
Family = namedtuple('Family', 'kind series')

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SERIES = re.compile(r'(%s)(?:\{(%s(?:,%s)*)?\})? (\S+)$' % (
    NAME, re.sub(r'\((?!\?)', '(?:', LABEL), re.sub(r'\((?!\?)', '(?:',
                                                    LABEL)))


class Wrong(ValueError):
    pass


def need(condition, line):
    if not condition:
        raise Wrong(line)


def unescaped(text):
    return re.sub(r'\\(.)', lambda found: {'n': '\n'}.get(found[1], found[1]),
                  text)


def parse_series(line, name, family):
    """Adds the sample of a line to the family that it must be of."""
    found = SERIES.match(line)
    need(found and found[1] == name, line)
    labels = re.findall(LABEL, found[2] or '')
    need(len({label for label, _ in labels}) == len(labels), line)
    key = tuple(sorted((label, unescaped(value)) for label, value in labels))
    need(key not in family.series, line)
    value = float(found[3])
    need(family.kind != 'counter' or value >= 0, line)
    family.series[key] = value


def parse(text):
    """Returns {name: Family}; raises Wrong with the line that is."""
    families, name, family = {}, None, None
    need(text.endswith('\n'), text[-79:])
    told = None
    for line in text[:-1].split('\n'):
        if line.startswith('# HELP '):
            told = line.split(' ')[2]
            need(re.fullmatch(NAME, told) and told not in families
                 and len(line.split(' ')) > 3, line)
            name = None
        elif line.startswith('# TYPE '):
            _, _, name, kind = line.split(' ')
            need(name == told and kind in ('counter', 'gauge'), line)
            need((kind == 'counter') == name.endswith('_total'), line)
            family = families[name] = Family(kind, {})
        else:
            need(name, line)
            parse_series(line, name, family)
    return families
