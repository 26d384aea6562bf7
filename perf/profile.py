# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of a PMD go, by perf(1).

The parts are defined by functions that both switches export from libraries, so
that they mean the same on a switch without symbols of its own:

    receive    within rte_vhost_dequeue_burst() or vhc_port_rx()
    send       within rte_vhost_enqueue_burst() or vhc_port_tx()
    classify   all else of the thread: flow lookup, actions, batches, and
               netdev-dpdk's own part of receiving and sending

A memif is part of DPDK's drivers, of which the functions have no such names:
it has no profile.
"""

import collections
import shutil
import subprocess

from errors import PerfError
from instance import run
import threads

PARTS = {
    'rte_vhost_dequeue_burst': 'receive', 'vhc_port_rx': 'receive',
    'rte_vhost_enqueue_burst': 'send', 'vhc_port_tx': 'send',
}
SIDES = 'stock', 'chain'
HZ = 499                        # Samples a second.
STACK = 16384                   # Bytes of it that a sample keeps: librte_vhost
                                # has arrays of several thousand there.
SYMBOLS = 14                    # Of the most expensive functions.


def available():
    return shutil.which('perf') is not None


def samples(text):
    """Yields the functions of each sample, the innermost first."""
    for sample in text.split('\n\n'):
        functions = [line.split() for line in sample.split('\n')
                     if line.startswith('\t')]
        if functions:
            yield [words[1].split('+')[0] if len(words) > 1 else '?'
                   for words in functions]


def record(bench, pid, seconds):
    """Returns what perf says of the thread that polls in process 'pid'."""
    data = bench.log('perf.data')
    run(['perf', 'record', '-q', '-e', 'cpu-clock', '-F', str(HZ),
         '--call-graph', 'dwarf,%d' % STACK, '-o', data,
         '-t', str(threads.find(pid, 'pmd-c')), '--', 'sleep', str(seconds)])
    done = subprocess.run(['perf', 'script', '--no-inline', '-i', data,
                           '-F', 'ip,sym'], text=True, check=False,
                          errors='replace', stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    if done.returncode:
        raise PerfError('perf script: %d' % done.returncode)
    return done.stdout


def profile(bench, side, case, seconds, table):
    """Notes the parts and the functions, as parts of all samples, of 'side',
    which is not frozen."""
    parts, symbols, n = collections.Counter(), collections.Counter(), 0
    what = '/'.join(str(field) for field in case[:5])
    for functions in samples(record(bench, side.instance.pid, seconds)):
        part = next((PARTS[f] for f in functions if f in PARTS), 'classify')
        parts[part] += 1
        symbols[functions[0]] += 1
        n += 1
    if not n:
        raise PerfError('%s: perf saw nothing' % side.name)
    for part in 'receive', 'classify', 'send':
        table.note('part', side.name, what, part, '%.3f' % (parts[part] / n))
    for symbol, count in symbols.most_common(SYMBOLS):
        table.note('symbol', side.name, what, symbol, '%.3f' % (count / n))
    bench.progress('%-8s profile %s: receive %.0f %%, classify %.0f %%, send '
                   '%.0f %%' % (side.name, what, 100 * parts['receive'] / n,
                                100 * parts['classify'] / n,
                                100 * parts['send'] / n))
