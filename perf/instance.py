# SPDX-License-Identifier: Apache-2.0
"""A private instance of a switch: "ovs-chain start", and what asks it."""

import json
import os
import re
import signal
import socket
import subprocess

from errors import PerfError

# Of "dpif-netdev/pmd-stats-show", for the thread that polls.
PMD_COUNTERS = {
    'packets': r'packets received: (\d+)',
    'idle': r'idle cycles: (\d+)',
    'busy': r'processing cycles: (\d+)',
}

# Of "dpif-netdev/pmd-perf-show".
PERF_COUNTERS = {
    'iterations': r'Iterations: +(\d+)',
    'cycles': r'Used TSC cycles: +(\d+)',
    'packets': r'Rx packets: +(\d+)',
}


def run(argv, env=None, stdin=None):
    """Returns what a command prints; PerfError with its words if it fails."""
    done = subprocess.run(argv, env=env, input=stdin, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise PerfError('%s: %s' % (' '.join(argv[:6]),
                                    done.stdout.strip()[-500:]))
    return done.stdout


def since(before, after):
    """Returns what a PMD counted between two looks at it.  Its counters must
    not be cleared instead: an iteration in which a side was stopped takes more
    cycles than an int holds, which OVS adds as one, so that a counter may go
    below zero.  Then OVS shows 0 for what came after it was cleared."""
    return {name: (count - before[name]) % (1 << 64)
            for name, count in after.items()}


class Instance:
    """The switch in 'prefix', started with the 'ovs_chain' command."""

    def __init__(self, name, prefix, ovs_chain):
        self.name, self.prefix, self.ovs_chain = name, prefix, ovs_chain
        self.env, self.pid, self.dir = None, None, None

    def start(self, memory, pools):
        run([self.ovs_chain, 'start', '--name', self.name,
             '--prefix', self.prefix, '--memory', str(memory),
             '--pools', str(pools)])
        text = run(['bash', '-c', 'eval "$("$0" env "$1")" && env -0',
                    self.ovs_chain, self.name])
        self.env = dict(pair.split('=', 1) for pair in text.split('\0')
                        if '=' in pair)
        self.dir = self.env['OVS_RUNDIR']
        with open(self.dir + '/ovs-vswitchd.pid') as f:
            self.pid = int(f.read())

    def stop(self):
        """Puts all back, from any state that start() may have left."""
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        if os.path.exists('/run/ovs-chain/' + self.name):
            run([self.ovs_chain, 'stop', '--name', self.name])
        self.pid = None

    @property
    def netns(self):
        return self.env['OVS_CHAIN_NETNS']

    def vsctl(self, *args):
        return run(['ovs-vsctl', *args], env=self.env)

    def ofctl(self, *args, stdin=None):
        return run(['ovs-ofctl', *args], env=self.env, stdin=stdin)

    def ask(self, method, *params):
        """What ovs-appctl does, but without a process that takes time from
        the network functions."""
        path = '%s/ovs-vswitchd.%d.ctl' % (self.dir, self.pid)
        request = {'id': 0, 'method': method, 'params': params}
        text = b''
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(60)
            sock.connect(path)
            sock.sendall(json.dumps(request).encode())
            while True:
                data = sock.recv(1 << 16)
                if not data:
                    raise PerfError('the switch does not answer ' + method)
                text += data
                try:
                    answer = json.loads(text)
                    break
                except ValueError:
                    continue
        if answer['error'] is not None:
            raise PerfError('%s: %s' % (method, answer['error'].strip()))
        return answer['result']

    def pmd_stats(self):
        """Returns the counters of the one thread that polls, see since()."""
        return self.pmd_counters('stats', PMD_COUNTERS)

    def pmd_iterations(self):
        """Returns how often the thread that polls went through its loop, its
        cycles, and packets, see since()."""
        return self.pmd_counters('perf', PERF_COUNTERS, '-nh')

    def pmd_counters(self, kind, patterns, *options):
        text = self.ask('dpif-netdev/pmd-%s-show' % kind, *options)
        text = text[text.index('pmd thread numa_id'):].split('main thread')[0]
        matches = {name: re.search(pattern, text)
                   for name, pattern in patterns.items()}
        return {name: int(match.group(1)) if match else 0
                for name, match in matches.items()}

    def object_size(self, mempool):
        """Returns bytes of an element of the first mempool of DPDK's whose
        name begins with 'mempool'."""
        text = self.ask('netdev-dpdk/get-mempool-info')
        text = text[text.index('mempool <' + mempool):]
        return int(re.search(r'total_obj_size=(\d+)', text).group(1))
