# SPDX-License-Identifier: Apache-2.0
"""How long an NF takes from its start as a process until it is attached, and
until its first packet, while packets wait for it to come.

    gen --> p1      a packet about each 100 microseconds
"""

import subprocess
import time

import plan as plans
from side import wait_for

CASE = plans.Case(64, 1)
PACKETS = 10000000              # More than anybody waits for.


def start(side):
    """Starts an NF on the only port of 'side'.  Returns milliseconds to
    attached and to the first packet."""
    began = time.monotonic_ns()
    side.nfs = side.start_meter()
    side.nfs[0].say('forward')
    attached = side.nfs[0].ready_ns
    first = int(side.nfs[0].line('first')[1])
    side.end_nfs()
    return (attached - began) / 1e6, (first - began) / 1e6


def run(bench, plan, table, sides):
    for side in sides:
        side.thaw()
        side.build(CASE.chain, nf=None)
        side.steer(CASE)
        traffic = subprocess.Popen(
            side.injector(CASE, PACKETS, '--steady'))
        try:
            before = side.injected()
            wait_for('packets on their way',
                     lambda s=side, n=before: s.injected() > n)
            for number in range(1, plan.starts + 1):
                figures = start(side)
                for name, ms in zip(('attached', 'first_packet'), figures):
                    table.extra('start_ms_' + name, side.name, '', number,
                                '%.2f' % ms)
                bench.progress('%-8s NF attached after %7.1f ms, first packet '
                               'after %7.1f ms' % (side.name, *figures))
        finally:
            traffic.kill()
            traffic.wait()
        side.unbuild()
        side.freeze()
