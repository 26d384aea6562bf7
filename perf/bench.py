# SPDX-License-Identifier: Apache-2.0
"""Measures ovs-chain side by side with vhost-user and memif ports of an
unpatched switch: see README.md.

    bench.py --prefix DIR --stock DIR --programs DIR --csv FILE
             [--plan NAME | --full]
"""

import argparse
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time

import idle
import machine
import plan as plans
import sizes
import starts
from chain import ChainSide
from errors import PerfError
from floor import BareSide, RteRingSide
from latency import Latency
from rounds import Rounds
from stock import MemifSide, StockSide
from table import Table


PARTS = ('throughput', 'sizes', 'latency', 'starts', 'idle')


class Bench:
    """What all parts of a run need to know."""

    def __init__(self, args):
        self.args = args
        self.plan = plans.PLANS[args.plan]
        self.ovs_chain = args.prefix + '/sbin/ovs-chain'
        self.hz = machine.hz(self.program('perf-bare'))
        self.pmd_cpu, self.nf_cpu = machine.cpus()
        self.scratch = tempfile.mkdtemp(prefix='ovs-chain-perf-')
        self.started = time.monotonic()
        self.sides = {}

    def program(self, name):
        return self.args.programs + '/' + name

    def log(self, name):
        return self.scratch + '/' + name

    def progress(self, text):
        print('[%4.0f s] %s' % (time.monotonic() - self.started, text),
              flush=True)

    def side(self, name):
        """Returns a side, started."""
        if name not in self.sides:
            make = {
                'stock': lambda: StockSide(self, self.args.stock),
                'memif': lambda: MemifSide(self, self.args.stock),
                'chain': lambda: ChainSide(self, self.args.prefix),
                'bare': lambda: BareSide(self),
                'rte_ring': lambda: RteRingSide(self),
            }[name]
            self.progress('starting ' + name)
            self.sides[name] = make()
            self.sides[name].start()
        return self.sides[name]

    def stop(self):
        """Gives everything back, whatever happened before."""
        for side in self.sides.values():
            try:
                side.stop()
            except (PerfError, OSError) as error:
                print('bench: %s: %s' % (side.name, error), file=sys.stderr)
        shutil.rmtree(self.scratch)


def shape(case):
    return case.chain, case.jumbo()


def throughput(bench, plan, rounds):
    """Cases with the same ports share them."""
    for (chain, jumbo), cases in itertools.groupby(
            sorted(plan.cases, key=shape), key=shape):
        cases = list(cases)
        names = [name for name in ('stock', 'chain', 'memif', 'bare',
                                   'rte_ring')
                 if any(name in case.sides for case in cases)]
        sides = {name: bench.side(name) for name in names}
        for side in sides.values():
            bench.progress('%s: %d ports%s' % (side.name, chain, ' for jumbo '
                                               'frames' if jumbo else ''))
            side.build(chain, jumbo)
            side.freeze()
        for case in cases:
            rounds.run(case, [sides[name] for name in case.sides])
        for side in sides.values():
            side.thaw()
            side.unbuild()


def both(bench):
    return [bench.side('stock'), bench.side('chain')]


def measure(bench, plan, table):
    for name, value in machine.describe(bench):
        table.comment(name, value)
    table.header()
    rounds = Rounds(bench, plan, table)
    if 'throughput' in bench.args.parts:
        throughput(bench, plan, rounds)
    if 'sizes' in bench.args.parts:
        sizes.run(rounds, bench.side('chain'))
    if 'latency' in bench.args.parts:
        Latency(bench, plan, table, both(bench)).run()
    if 'starts' in bench.args.parts:
        starts.run(bench, plan, table, both(bench))
    if 'idle' in bench.args.parts:
        idle.Idle(bench, plan, table, both(bench)).run()
    table.comment('rounds measured', rounds.measured)
    table.comment('rounds repeated', len(rounds.repeats))
    table.comment('rounds disturbed all the same', rounds.disturbed)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(signo, _frame):
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + signo)


def main():
    parser = argparse.ArgumentParser()
    for name in 'prefix', 'stock', 'programs', 'csv':
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--plan', choices=plans.PLANS, default='quick')
    parser.add_argument('--full', dest='plan', action='store_const',
                        const='full')
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    args = parser.parse_args()

    bench = Bench(args)
    for signo in SIGNALS:
        signal.signal(signo, interrupted)
    table = Table(args.csv)
    try:
        measure(bench, bench.plan, table)
    except PerfError as error:
        table.error(error)
        print('bench: %s' % error, file=sys.stderr)
    finally:
        bench.stop()
    if table.errors:
        print('bench: %d errors, see %s' % (table.errors, args.csv),
              file=sys.stderr)
    sys.exit(table.errors > 0)


if __name__ == '__main__':
    main()
