# SPDX-License-Identifier: Apache-2.0
"""Latency through a chain of three, with the same program on each side.

    p1: generator, sink --> p2 --> p3 --> p4 --> p1

One process has all four ports: see latency.c.  First, what each side can do at
all; then, in alternating rounds, parts of that.
"""

import plan as plans
from errors import PerfError

LOADS = 10, 50, 90              # Per cent of what the side can do.
CASE = plans.Case(64, 3)
WARM = 0.2                      # Seconds.


class Latency:
    """Measures all 'sides' into 'table'."""

    def __init__(self, bench, plan, table, sides):
        self.bench, self.plan, self.table = bench, plan, table
        self.sides = sides
        self.capacity = {}

    def ask(self, side, rate):
        """Returns the figures of one run, and its distribution."""
        meter = side.nfs[0]
        meter.say('latency %.0f %g %g %d' % (rate, WARM, self.plan.latency,
                                             CASE.size))
        words = meter.line('latency')[1:]
        figures = {word.split('=')[0]: float(word.split('=')[1])
                   for word in words}
        return figures, meter.line('cdf')[1:]

    def one(self, side, load, number):
        rate = self.capacity[side] * load / 100
        figures, cdf = self.ask(side, rate)
        if figures['foreign'] or not figures['measured']:
            raise PerfError('%s: latency: %s' % (side.name, figures))
        self.table.row(
            side.name, CASE, number, packets_per_s='%.0f' % figures['rate'],
            gbit_per_s='%.3f' % (figures['rate'] * CASE.size * 8 / 1e9),
            lat_p50_us=figures['p50'], lat_p99_us=figures['p99'],
            lat_p999_us=figures['p999'], lat_max_us=figures['max'])
        self.table.extra('latency_lost', side.name, load, number,
                         '%.0f' % figures['lost'])
        if number == 1:
            for point in cdf:
                self.table.note('cdf', side.name, load, *point.split(':'))
        self.bench.progress(
            '%-8s latency at %2d %%: %8.0f packets/s, p50 %6.1f us, p99 '
            '%7.1f, p99.9 %7.1f, max %7.1f, %.0f lost'
            % (side.name, load, figures['rate'], figures['p50'],
               figures['p99'], figures['p999'], figures['max'],
               figures['lost']))

    def measure_capacity(self, side):
        side.thaw()
        figures, _ = self.ask(side, 0)
        side.freeze()
        self.capacity[side] = figures['rate']
        self.table.extra('latency_capacity', side.name, CASE.chain, 0,
                         '%.0f' % figures['rate'])
        self.bench.progress('%-8s a chain of three carries %.0f packets/s'
                            % (side.name, figures['rate']))

    def run(self):
        for side in self.sides:
            side.build(CASE.chain + 1, nf='meter')
            side.steer(CASE)
            side.freeze()
        for side in self.sides:
            self.measure_capacity(side)
        for number in range(1, self.plan.target_rounds + 1):
            for load in LOADS:
                for side in self.sides:
                    side.thaw()
                    self.one(side, load, number)
                    side.freeze()
        for side in self.sides:
            side.thaw()
            side.unbuild()
