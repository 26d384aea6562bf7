# SPDX-License-Identifier: Apache-2.0
"""The machine that a run is on, and how it is used."""

import os
import platform
import subprocess

from errors import PerfError
from instance import run


def hz(perf_bare):
    """Returns the speed of the time stamp counter, in ticks a second."""
    text = run([perf_bare, '0', '0', '1', '1', '100', 'none'])
    return float(text.split('hz=')[1].split()[0])


def cpus():
    """Leaves the processor on which switches poll, the last of the first
    node, to them alone, and returns it and the one for all else."""
    with open('/sys/devices/system/node/node0/cpulist') as f:
        pmd = int(f.read().strip().replace('-', ',').split(',')[-1])
    others = sorted(os.sched_getaffinity(0) - {pmd})
    if not others:
        raise PerfError('this needs two processors')
    os.sched_setaffinity(0, others[:1])
    return pmd, others[0]


def first_line(path, start):
    with open(path) as f:
        for line in f:
            if line.startswith(start):
                return line.split(':', 1)[1].strip()
    return '?'


def version(*argv):
    return run(list(argv)).splitlines()


def commit():
    done = subprocess.run(
        ['git', '-C', os.path.dirname(os.path.abspath(__file__)), 'describe',
         '--always', '--dirty'], text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() or 'not a git tree'


def describe(bench):
    """Yields names and values of what a reader must know."""
    stock = version(bench.args.stock + '/sbin/ovs-vswitchd', '--version')
    ours = version(bench.args.prefix + '/sbin/ovs-vswitchd', '--version')
    yield 'cpu', first_line('/proc/cpuinfo', 'model name')
    yield 'processors', os.cpu_count()
    yield 'tsc_hz', '%.0f' % bench.hz
    yield 'virtual machine', 'yes' if 'hypervisor' in first_line(
        '/proc/cpuinfo', 'flags') else 'no'
    yield 'memory', first_line('/proc/meminfo', 'MemTotal')
    yield 'kernel', platform.release()
    yield 'stock switch', ', '.join(stock)
    yield 'our switch', ', '.join(ours)
    yield 'commit', commit()
    yield 'pmd cpu', bench.pmd_cpu
    yield 'nf cpu', bench.nf_cpu
    yield 'plan', bench.args.plan
