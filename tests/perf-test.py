#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests what becomes of a benchmark's figures: ratios, targets, the report,
and the flows that lead packets round."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'perf'))

# pylint: disable=wrong-import-position
import figures                  # noqa: E402
import plan                     # noqa: E402
import report                   # noqa: E402
import rules                    # noqa: E402
import table                    # noqa: E402
import targets                  # noqa: E402
from side import Sample, counters  # noqa: E402


def sample(hops, cycles=100):
    return Sample(hops_per_s=hops, nf_hops_per_s=hops, cycles_per_hop=cycles,
                  idle_share=0, waited=0)


class FiguresTest(unittest.TestCase):
    """A run that is written and read again."""

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.table = table.Table(self.dir.name + '/run.csv')
        self.table.comment('kernel', '1.2: a, b')
        self.table.header()

    def tearDown(self):
        self.table.file.close()
        self.dir.cleanup()

    def read(self):
        return figures.Figures(self.dir.name + '/run.csv')

    def rounds(self, side, case, *hops):
        for number, one in enumerate(hops, 1):
            self.table.throughput(side, case, number, sample(one))

    def target(self, text):
        found = [target for target in targets.targets(self.read())
                 if text in target.text]
        self.assertEqual(len(found), 1)
        return found[0]

    def test_ratio_is_of_the_same_round(self):
        case = plan.Case(64, plan.BASE)
        self.rounds('stock', case, 100, 200, 1000)
        self.rounds('chain', case, 500, 600, 4500)
        target = self.target('against stock, 64 B, in_port')
        self.assertEqual(target.spread, (3, 4.5, 5))
        self.assertEqual(target.met(), 'yes')

    def test_median_below_the_bound(self):
        case = plan.Case(64, plan.BASE)
        self.rounds('stock', case, 100, 100, 100)
        self.rounds('memif', case, 100, 100, 100)
        self.rounds('chain', case, 190, 199, 500)
        target = self.target('against memif')
        self.assertEqual(target.spread.median, 1.99)
        self.assertEqual(target.met(), '**no**')

    def test_upper_bound(self):
        for side, step in ('stock', 10), ('chain', 14):
            for n_ports in 10, 100:
                self.table.extra('idle_cycles_per_iteration', side, n_ports,
                                 1, 50 + step * n_ports)
        target = self.target('silent port')
        self.assertEqual(target.spread.median, 1.4)
        self.assertEqual(target.met(), 'yes')

    def test_sizes_are_compared_where_they_alternate(self):
        self.rounds('chain', plan.Case(64, plan.BASE), 100)
        self.rounds('chain', plan.Case(1518, plan.BASE), 50)
        for size, hops in (64, 100), (1518, 96):
            self.table.extra('hops_per_s_by_size', 'chain', size, 1, hops)
        target = self.target('1518 B over hops/s at 64 B')
        self.assertEqual(target.spread.median, 0.96)
        self.assertEqual(target.met(), 'yes')

    def test_missing_round_has_no_ratio(self):
        case = plan.Case(1518, plan.BASE)
        self.rounds('stock', case, 100)
        self.table.throughput('chain', case, 2, sample(100))
        self.assertEqual(self.target('1518 B, in_port').met(), 'not measured')

    def test_loads_of_a_round(self):
        for number in 1, 2:
            for side, scale in ('stock', 10), ('chain', 1):
                for p99 in 1, 4, 9:
                    self.table.row(side, plan.Case(64, 3), number,
                                   packets_per_s=5, lat_p50_us=1,
                                   lat_p99_us=p99 * scale, lat_p999_us=1,
                                   lat_max_us=1)
        read = self.read()
        self.assertEqual(read.latency('chain', 50, 'lat_p99_us'),
                         {1: 4, 2: 4})
        self.assertEqual(self.target('p99').spread.median, 0.1)

    def test_packets_are_hops_over_nfs(self):
        case = plan.Case('imix', 4)
        self.rounds('stock', case, 4e6)
        read = self.read()
        where = figures.key('imix', 4)
        self.assertEqual(read.spread('stock', where, 'packets_per_s').median,
                         1e6)
        self.assertAlmostEqual(
            read.spread('stock', where, 'gbit_per_s').median,
            1e6 * 8 * (7 * 64 + 4 * 570 + 1518) / 12 / 1e9, 3)

    def test_fields_that_do_not_apply(self):
        self.rounds('rte_ring', plan.Case(64, 4), 5)
        self.rounds('bare', plan.Case(64, 4), 5)
        with open(self.dir.name + '/run.csv', encoding='utf-8') as f:
            lines = f.read().splitlines()
        self.assertIn('rte_ring,,,,,,1,,5,100.0,,,,,', lines)
        self.assertIn('bare,64,4,none,,,1,1,5,100.0,,,,,', lines)

    def test_report(self):
        case = plan.Case(64, plan.BASE)
        self.rounds('stock', case, 1e6, 2e6)
        self.rounds('chain', case, 5e6, 6e6)
        self.table.note('part', 'chain', '64/4/none/1/in_port', 'receive',
                        '0.5')
        self.table.note('part', 'chain', '64/4/none/1/in_port', 'classify',
                        '0.3')
        self.table.note('part', 'chain', '64/4/none/1/in_port', 'send', '0.2')
        self.table.error('a, b')
        text = '\n'.join(report.report(self.read(), 'plots'))
        for expected in ('| at least 4 | 3.00 / 4.00 / 5.00 | yes |',
                         '| kernel | 1.2: a, b |', '- a, b',
                         '| 50 (50 %) | 30 (30 %) | 20 (20 %) |',
                         '](plots/cycles.svg)'):
            self.assertIn(expected, text)


class RulesTest(unittest.TestCase):
    """Flows of rings."""

    def flows(self, side, case, n_ports):
        ports = ['p%d' % (i + 1) for i in range(n_ports)]
        return rules.ring(side, case, ports).splitlines()

    def test_ring(self):
        self.assertEqual(self.flows('chain', plan.Case(64, 3), 3), [
            'in_port=gen,actions=p1', 'in_port=p1,actions=p2',
            'in_port=p2,actions=p3', 'in_port=p3,actions=p1'])

    def test_ring_of_one(self):
        self.assertEqual(self.flows('stock', plan.Case(64, 1), 1)[1],
                         'in_port=p1,actions=in_port')

    def test_both_ways(self):
        case = plan.Case(64, 3, rules='mark')
        flows = self.flows('chain', case, 3)
        self.assertIn('in_port=p1,pkt_mark=0x10000/0xffff0000,actions=p2',
                      flows)
        self.assertIn('in_port=p1,pkt_mark=0x20000/0xffff0000,actions=p3',
                      flows)
        self.assertFalse([flow for flow in self.flows('stock', case, 3)
                          if 'mark' in flow])

    def test_a_flow_for_each(self):
        case = plan.Case(64, 2, flows=1000, rules='5tuple')
        flows = self.flows('stock', case, 2)
        self.assertEqual(len(set(flows)), 2001)


class PlanTest(unittest.TestCase):
    """The table of cases."""

    def test_no_case_is_twice(self):
        for selected in plan.PLANS.values():
            cases = [case[:5] for case in selected.cases]
            self.assertEqual(len(cases), len(set(cases)))

    def test_quick_has_what_the_targets_need(self):
        keys = {case[:5] for case in plan.PLANS['quick'].cases}
        full = {case[:5] for case in plan.PLANS['full'].cases}
        self.assertLessEqual(keys, full)

    def test_counters(self):
        self.assertEqual(
            counters('rx pkts=5, bytes=7, drop=?, errs=0\ntx pkts=6'),
            {'pkts': 5, 'bytes': 7, 'drop': 0, 'errs': 0})


if __name__ == '__main__':
    unittest.main()
