# SPDX-License-Identifier: Apache-2.0
"""Whether a hop by reference costs the same whatever the frame's size: two
sizes on one side, in alternating rounds, because a minute later the machine
may be slower by half.
"""

import plan as plans
from rounds import rotate

CASES = [plans.Case(size, plans.BASE) for size in plans.ENDS]


def one(rounds, side, case, number):
    side.load(case)
    sample = rounds.sample(side, case, number)
    side.thaw()
    side.unload()
    rounds.table.extra('hops_per_s_by_size', side.name, case.size, number,
                       '%.0f' % sample.hops_per_s)


def run(rounds, side):
    side.build(plans.BASE)
    for number in range(1, rounds.plan.target_rounds + 1):
        for case in rotate(CASES, number - 1):
            rounds.attempt(side, one, rounds, side, case, number)
    side.thaw()
    side.unbuild()
