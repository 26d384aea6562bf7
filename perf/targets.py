# SPDX-License-Identifier: Apache-2.0
"""What is to be reached, and what was."""

from typing import NamedTuple

from figures import bare, key, ratios


class Target(NamedTuple):
    """A Spread and its bound."""
    text: str
    bound: float
    at_least: bool
    spread: object              # None: not measured.
    form: str = '%.2f'

    def bound_text(self):
        return '%s %g' % ('at least' if self.at_least else 'at most',
                          self.bound)

    def met(self):
        """Judged by the median."""
        if self.spread is None:
            return 'not measured'
        value = self.spread.median
        good = value >= self.bound if self.at_least else value <= self.bound
        return 'yes' if good else '**no**'


def hops(figures, one, other):
    return figures.ratio('hops_per_s', one, other)


def against_stock(figures, where, stock_where=None):
    return hops(figures, ('chain', where), ('stock', stock_where or where))


def targets(figures):
    """Yields Targets."""
    base = key(64)
    swap = key(64, forwarder='macswap')
    yield Target('hops/s against stock, 64 B, in_port, untouched', 4, True,
                 against_stock(figures, base))
    yield Target('the same, MAC addresses swapped', 3, True,
                 against_stock(figures, swap))
    yield Target('the same, untouched, both directions by a masked `pkt_mark`,'
                 ' against stock in one direction by in_port', 3.5, True,
                 against_stock(figures, key(64, rules='mark'), base))
    yield Target('the same, against stock in both directions by MAC address',
                 3.5, True, against_stock(figures, key(64, rules='mark')))
    yield Target('5-tuple rules, 1,000 flows', 2.2, True,
                 against_stock(figures, key(64, flows=1000, rules='5tuple')))
    yield Target('1518 B, in_port', 12, True,
                 against_stock(figures, key(1518)))
    yield Target('9000 B, in_port', 35, True,
                 against_stock(figures, key(9000)))
    yield Target('hops/s at 1518 B over hops/s at 64 B, by reference', 0.95,
                 True, ratios(figures.by_size(1518), figures.by_size(64)))
    yield Target('PMD cycles a hop over the bare exchange, both sides '
                 'touching the header', 1.2, False,
                 figures.ratio('pmd_cycles_per_hop', ('chain', swap),
                               ('bare', bare(swap))))
    yield Target('hops/s against memif, 64 B, in_port, untouched', 2, True,
                 hops(figures, ('chain', base), ('memif', base)))
    yield Target('cycles of a silent port in a PMD iteration, against stock',
                 1.5, False, ratios(figures.idle_per_port('chain'),
                                    figures.idle_per_port('stock')))
    yield Target('p99 of the latency of three NFs at 50 %, against stock',
                 0.5, False,
                 ratios(figures.latency('chain', 50, 'lat_p99_us'),
                        figures.latency('stock', 50, 'lat_p99_us')))
    starts = figures.extra.get(('start_ms_first_packet', 'chain', ''))
    yield Target('milliseconds from the start of an NF to its first packet',
                 20, False, ratios(starts, dict.fromkeys(starts, 1))
                 if starts else None, '%.1f')
