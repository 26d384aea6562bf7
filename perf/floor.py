# SPDX-License-Identifier: Apache-2.0
"""Sides without a switch, for scale: what the exchange itself costs."""

import re

import side
from instance import run
from process import Process

TOUCH = {'none': 'none', 'macswap': 'touch'}
RING_TITLE = 'Testing using two physical cores'
# As DPDK 22.11 says it, and as 24.11 does.
RING_LINE = (r'SP/SC(?:: bulk \(size: 32\):| - bulk \(n:32 *\) - cycles per '
             r'elem:) *([\d.]+)')


class Floor:
    """A side that needs no setting up."""

    frozen = False
    once = False

    def __init__(self, bench):
        self.bench, self.case = bench, None

    def start(self):
        pass

    def stop(self):
        pass

    def build(self, n_ports, jumbo=False, nf=''):
        pass

    def unbuild(self):
        pass

    def load(self, case):
        self.case = case

    def unload(self):
        pass

    def freeze(self):
        pass

    def thaw(self):
        pass


class BareSide(Floor):
    """References between two processors by vhc/ring.h: see bare.c."""

    name = 'bare'

    def measure(self, seconds):
        chain = self.case.chain
        packets = min(side.PACKETS_PER_PORT * chain, side.MAX_PACKETS)
        text = run([self.bench.program('perf-bare'), str(self.bench.pmd_cpu),
                    str(self.bench.nf_cpu), str(chain), str(packets),
                    str(int(seconds * 1000)), TOUCH[self.case.forwarder]])
        got = {word.split('=')[0]: float(word.split('=')[1])
               for word in text.split()}
        return side.Sample(hops_per_s=got['hops'] / got['interval'] *
                           got['hz'], nf_hops_per_s=got['nf_hops'] /
                           got['interval'] * got['hz'],
                           cycles_per_hop=got['busy'] / got['hops'],
                           idle_share=1 - got['busy'] / got['interval'],
                           waited=0)


class RteRingSide(Floor):
    """DPDK's own ring, as dpdk-test measures it: cycles that an element takes
    from one processor to another.  A hop is two such crossings."""

    name = 'rte_ring'
    once = True                 # It takes a while.

    def measure(self, seconds):
        test = Process(
            ['dpdk-test', '-l', '%d,%d' % (self.bench.nf_cpu,
                                           self.bench.pmd_cpu),
             '--no-huge', '-m', '64', '--no-pci', '--no-telemetry',
             '--no-shconf'], self.bench.log('dpdk-test.log'))
        try:
            test.say('ring_perf_autotest')
            test.expect(RING_TITLE)
            while True:
                found = re.search(RING_LINE, test.expect('\n'))
                if found:
                    break
        finally:
            test.process.kill()
            test.end()
        cycles = 2 * float(found.group(1))
        return side.Sample(hops_per_s=self.bench.hz / cycles,
                           nf_hops_per_s=self.bench.hz / cycles,
                           cycles_per_hop=cycles, idle_share=0, waited=0)
