# SPDX-License-Identifier: Apache-2.0
"""The figures of a run, read from its CSV."""

import collections
import csv
import statistics
from typing import NamedTuple

import latency
import plan


class Key(NamedTuple):
    """What a row was measured on, the side and the round apart."""
    size: str
    chain: int
    forwarder: str = 'none'
    flows: int = 1
    rules: str = 'in_port'


BASE = plan.BASE


def key(size, chain=BASE, forwarder='none', flows=1, rules='in_port'):
    return Key(str(size), chain, forwarder, flows, rules)


def make_key(size, chain, forwarder, flows, rules):
    """Returns a key of fields, of which those that do not apply are ''."""
    return Key(size, int(chain or 0), forwarder, int(flows or 0), rules)


def parse_key(text):
    return make_key(*text.split('/'))


def bare(where):
    """Returns the key of 'where' without a switch."""
    return where._replace(flows=0, rules='')


class Spread(NamedTuple):
    """Some values, in three."""
    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values):
        return cls(min(values), statistics.median(values), max(values))

    def text(self, form='%.2f'):
        return ' / '.join(form % value for value in self)


class Figures:
    """Values by side, key and round; 'extra' by name, side, x and round."""

    def __init__(self, path):
        self.comments, self.errors = {}, []
        self.extra = collections.defaultdict(dict)
        self.cdf = collections.defaultdict(list)
        self.shares = collections.defaultdict(dict)
        self.symbols = collections.defaultdict(list)
        self.rows = collections.defaultdict(dict)
        self.latencies = collections.defaultdict(dict)
        with open(path, encoding='utf-8') as f:
            lines = f.read().splitlines()
        for line in lines:
            if line.startswith('# '):
                self.take_comment(line[2:])
        for row in csv.DictReader(line for line in lines
                                  if line and line[0] != '#'):
            self.take_row(row)

    def take_comment(self, text):
        words = text.split(',')
        if words[0] == 'extra':
            self.extra[words[1], words[2], words[3]][int(words[4])] = \
                float(words[5])
        elif words[0] == 'cdf':
            self.cdf[words[1], int(words[2])].append(
                (float(words[3]), float(words[4])))
        elif words[0] == 'part':
            self.shares[words[1], parse_key(words[2])][words[3]] = \
                float(words[4])
        elif words[0] == 'symbol':
            self.symbols[words[1], parse_key(words[2])].append(
                (words[3], float(words[4])))
        elif text.startswith('error: '):
            self.errors.append(text[len('error: '):])
        else:
            name, value = text.split(': ', 1)
            self.comments[name] = value

    def take_row(self, row):
        number = int(row['round'])
        if row['lat_p50_us']:
            # The loads of a round come in their order.
            seen = self.latencies[row['side']].setdefault(number, {})
            load = latency.LOADS[len(seen)]
            seen[load] = {name: float(row[name]) for name in (
                'packets_per_s', 'lat_p50_us', 'lat_p99_us', 'lat_p999_us',
                'lat_max_us')}
            return
        where = make_key(row['size_bytes'], row['chain_nfs'],
                         row['forwarder'], row['flows'], row['rules'])
        self.rows[row['side'], where][number] = {
            name: float(row[name]) for name in (
                'packets_per_s', 'hops_per_s', 'pmd_cycles_per_hop',
                'gbit_per_s') if row[name]}

    def keys(self):
        """Returns all keys, in the order of the file."""
        return list(dict.fromkeys(where for _, where in self.rows))

    def sides(self, where):
        return [side for side, other in self.rows if other == where]

    def values(self, side, where, name):
        """Returns a dict by round."""
        return {number: row[name]
                for number, row in self.rows.get((side, where), {}).items()
                if name in row}

    def spread(self, side, where, name):
        values = self.values(side, where, name).values()
        return Spread.of(values) if values else None

    def ratio(self, name, one, other):
        """Returns the Spread of the ratios of two (side, key), round by
        round, or None."""
        above, below = self.values(*one, name), self.values(*other, name)
        return ratios(above, below)

    def latency(self, side, load, name):
        """Returns a dict by round."""
        return {number: loads[load][name] for number, loads
                in self.latencies.get(side, {}).items() if load in loads}

    def by_size(self, size):
        """Returns hops/s by reference, by round, measured in turn with
        those of other sizes."""
        return self.extra.get(('hops_per_s_by_size', 'chain', str(size)), {})

    def idle_per_port(self, side):
        """Returns cycles an iteration that a silent port more costs, by
        round: from the least to the largest number of ports."""
        by_ports = {int(x): values for (name, other, x), values
                    in self.extra.items()
                    if name == 'idle_cycles_per_iteration' and other == side}
        if len(by_ports) < 2:
            return {}
        least, most = min(by_ports), max(by_ports)
        return {number: (by_ports[most][number] - value) / (most - least)
                for number, value in by_ports[least].items()
                if number in by_ports[most]}


def ratios(above, below):
    """Returns the Spread of the ratios of two dicts by round, or None."""
    both = [above[number] / below[number] for number in above
            if below.get(number)]
    return Spread.of(both) if both else None
