# SPDX-License-Identifier: Apache-2.0
"""Measures a case on its sides, in turn, in alternating rounds."""

import time

import profile
from errors import PerfError

# A larger part of the time disturbs a round, which is then measured again.
WAITED = 0.03


def agree(sample, plan):
    """Whether the switch and the NFs counted the same, about."""
    most = max(sample.hops_per_s, sample.nf_hops_per_s)
    return abs(sample.hops_per_s - sample.nf_hops_per_s) \
        <= most * plan.agreement


def measure(side, plan, repeats):
    """Returns a Sample of 'side' that is worth something.  It is measured
    again if another process took its processors, which is a reason from
    outside and not a choice of results."""
    sample = None
    for _ in range(plan.tries):
        side.thaw()
        time.sleep(plan.warm)
        sample = side.measure(plan.seconds)
        side.freeze()
        if sample.waited <= WAITED and agree(sample, plan):
            return sample
        repeats.append(side.name)
    if not agree(sample, plan):
        raise PerfError('%s: the switch counted %.0f hops a second and the '
                        'NFs %.0f' % (side.name, sample.hops_per_s,
                                      sample.nf_hops_per_s))
    return sample


def rotate(items, n):
    n %= len(items)
    return items[n:] + items[:n]


class Rounds:
    """Measures cases into 'table'."""

    def __init__(self, bench, plan, table):
        self.bench, self.plan, self.table = bench, plan, table
        self.progress = bench.progress
        self.repeats = []       # Sides, once for each repetition.
        self.disturbed = 0      # Rounds with more than WAITED all the same.
        self.measured = 0

    def sample(self, side, case, number):
        """Returns the Sample of a round and says it."""
        sample = measure(side, self.plan, self.repeats)
        self.measured += 1
        self.disturbed += sample.waited > WAITED
        self.progress('%-8s %5s B %2d NFs %-7s %4d flows %-7s round %d: '
                      '%7.3f Mhops/s, %6.1f cycles a hop, PMD idle %2.0f %%'
                      % (side.name, case.size, case.chain, case.forwarder,
                         case.flows, case.rules, number,
                         sample.hops_per_s / 1e6, sample.cycles_per_hop,
                         sample.idle_share * 100))
        return sample

    def one(self, side, case, number):
        self.table.throughput(side.name, case, number,
                              self.sample(side, case, number))

    def run(self, case, sides):
        """'sides' are built and frozen, and are again afterwards."""
        for side in sides:
            side.thaw()
            side.load(case)
            side.freeze()
        for number in range(1, self.plan.rounds_of(case) + 1):
            for side in rotate(sides, number - 1):
                if side.once and number > 1:
                    continue
                self.attempt(side, self.one, side, case, number)
        if case.profile and self.plan.profile and profile.available():
            for side in sides:
                if side.name in profile.SIDES:
                    self.attempt(side, self.profile, side, case)
        for side in sides:
            self.attempt(side, side.unload)

    def profile(self, side, case):
        profile.profile(self.bench, side, case, self.plan.profile, self.table)

    def attempt(self, side, function, *args):
        """Calls 'function', while 'side' goes on.  What fails is noted."""
        side.thaw()
        try:
            function(*args)
        except PerfError as error:
            self.table.error(error)
            self.progress(str(error))
        side.freeze()
