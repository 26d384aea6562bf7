# SPDX-License-Identifier: Apache-2.0
"""What ports cost at which nothing happens: cycles of the PMD for each in each
iteration of its loop, and memory."""

import glob
import os
import re
import resource
import time

from errors import PerfError
from instance import since

FILES = 16384                   # File descriptors of a switch.


def private_memory(pid):
    """Returns bytes of a process's own memory, hugepages apart."""
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'RssAnon:\s+(\d+) kB', f.read()).group(1)) << 10


def file_memory(instance):
    """Returns bytes that the ring files of an instance take."""
    return sum(os.stat(path).st_blocks * 512
               for path in glob.glob(instance.env['OVS_CHAIN_DIR'] + '/*')
               if not os.path.islink(path) and os.path.isfile(path))


def memory(side):
    return private_memory(side.instance.pid) + file_memory(side.instance)


class Idle:
    """Measures 'sides' with the numbers of ports that the plan says."""

    def __init__(self, bench, plan, table, sides):
        self.bench, self.plan, self.table = bench, plan, table
        self.sides = sides
        self.memory = {}        # Bytes, by name of side: by number of ports.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for one in sides:
            resource.prlimit(one.instance.pid, resource.RLIMIT_NOFILE,
                             (min(FILES, hard), hard))

    def one(self, side, n_ports, number):
        side.thaw()
        time.sleep(self.plan.warm)
        before = side.instance.pmd_iterations()
        time.sleep(self.plan.seconds)
        stats = since(before, side.instance.pmd_iterations())
        side.freeze()
        if stats['packets']:
            raise PerfError('%s: silent ports sent packets' % side.name)
        cycles = stats['cycles'] / stats['iterations']
        self.table.extra('idle_cycles_per_iteration', side.name, n_ports,
                         number, '%.1f' % cycles)
        self.bench.progress('%-8s %3d silent ports: %8.0f cycles an iteration,'
                            ' %6.1f a port' % (side.name, n_ports, cycles,
                                               cycles / n_ports))

    def build(self, side, n_ports):
        side.build(n_ports, nf='silent')
        self.memory.setdefault(side.name, {})[n_ports] = memory(side)
        side.freeze()

    def report_memory(self):
        """From the difference, so that what all ports share is in none."""
        for name, by_ports in self.memory.items():
            least, most = min(by_ports), max(by_ports)
            if least < most:
                self.table.extra(
                    'memory_per_port', name, most, 0, '%.0f' % (
                        (by_ports[most] - by_ports[least]) / (most - least)))

    def report_buffers(self):
        for side in self.sides:
            side.thaw()
            for kind, size in side.buffer_memory():
                self.table.extra('memory_per_buffer', side.name, kind, 0,
                                 '%.0f' % size)
            side.freeze()

    def run(self):
        for n_ports in self.plan.idle:
            for side in self.sides:
                side.thaw()
                self.build(side, n_ports)
            if n_ports == self.plan.idle[0]:
                self.report_buffers()
            for number in range(1, self.plan.target_rounds + 1):
                for side in self.sides:
                    self.one(side, n_ports, number)
            for side in self.sides:
                side.thaw()
                side.unbuild()
                side.freeze()
        self.report_memory()
