# SPDX-License-Identifier: Apache-2.0
"""A side of the comparison: a switch and network functions (NFs) on ports in a
closed ring of chains.

    gen --> p1 --> p2 --> ... --> pN --> p1 ...

Packets come in from 'gen', a veth device, and then go round.  The PMD thread
of the switch has a processor of its own; one process with all NFs, this one
and all else share the other.

    side.start()            a private instance of the switch
    side.build(n, jumbo)    N ports, NFs attached to them
    side.load(case)         flows, packets under way
    side.freeze()           ...stopped, while another side is measured
    side.thaw()
    side.measure(seconds)   a Sample
    side.unload()           drained; PerfError unless no packet is missing
    side.unbuild()
    side.stop()
"""

import os
import re
import signal
import sys
import time
from typing import NamedTuple

import rules
import threads
from errors import PerfError
from instance import Instance, run, since

PACKETS_PER_PORT = 128
MAX_PACKETS = 896               # Fewer than entries in any ring: none is lost.
PATIENCE = 30                   # Seconds for what is to come true.
DEVICE_MTU = 9216
HERE = os.path.dirname(os.path.abspath(__file__))


class Sample(NamedTuple):
    """What was measured in an interval."""
    hops_per_s: float           # By the switch's own count.
    nf_hops_per_s: float        # By the NFs' count.
    cycles_per_hop: float       # Of the PMD, without its polls in vain.
    idle_share: float           # Of the PMD's cycles, polls in vain.
    waited: float               # Largest part of its time that the PMD or the
                                # NFs waited for their processors.


def counters(text):
    """Returns a dict of "name=value" in 'text', the first of each name; what
    is not counted is '?'."""
    found = {}
    for name, value in re.findall(r'(\w+)=([\d?]+)', text):
        found.setdefault(name, 0 if value == '?' else int(value))
    return found


def wait_for(what, test):
    deadline = time.monotonic() + PATIENCE
    while not test():
        if time.monotonic() > deadline:
            raise PerfError('timed out: ' + what)
        time.sleep(0.05)


class Side:
    """What all sides with a switch have in common."""

    name = None                 # Of the column 'side'.
    once = False                # Measured in the first round only.
    memory = 512                # MiB of the switch's own.
    pools = 256                 # MiB for pools and the NFs.

    def __init__(self, bench, prefix):
        self.bench = bench
        self.instance = Instance('perf-%s-%d' % (self.name, os.getpid()),
                                 prefix, bench.ovs_chain)
        self.n_ports, self.case, self.packets = 0, None, 0
        self.nfs = []           # Processes; the first one forwards.
        self.frozen = False

    # Setting up.

    def start(self):
        self.instance.start(self.memory, self.pools)
        netns = self.instance.netns
        run(['ip', '-n', netns, 'link', 'add', 'gen', 'mtu', str(DEVICE_MTU),
             'type', 'veth', 'peer', 'gen-far', 'mtu', str(DEVICE_MTU)])
        for device in 'gen', 'gen-far':
            run(['ip', '-n', netns, 'link', 'set', device, 'up'])
        self.instance.vsctl(
            'add-br', 'br0', '--', 'set', 'Bridge', 'br0',
            'datapath_type=netdev', 'fail-mode=secure',
            '--', 'add-port', 'br0', 'gen')
        self.prepare()

    def stop(self):
        self.end_nfs()
        self.instance.stop()

    def ports(self):
        return ['p%d' % (i + 1) for i in range(self.n_ports)]

    def socket(self, port):
        return '%s/%s.sock' % (self.instance.dir, port)

    def build(self, n_ports, jumbo=False, nf='forwarder'):
        """Adds ports, for frames of up to 1518 or 9018 bytes, and attaches
        NFs: 'forwarder', 'meter', which measures latency from the first port
        on, 'silent', or None."""
        self.add_ports(n_ports, jumbo)
        if nf:
            self.nfs = getattr(self, 'start_' + nf)(jumbo)
            wait_for('%s: NFs on all ports' % self.name, self.is_connected)

    def add_ports(self, n_ports, jumbo):
        self.n_ports = n_ports
        words = []
        for port in self.ports():
            words += ['--', 'add-port', 'br0', port, '--', 'set', 'Interface',
                      port, *self.settings(port, jumbo)]
            if jumbo:
                words.append('mtu_request=9000')
        self.instance.vsctl(*words[1:])

    def unbuild(self):
        self.end_nfs()
        words = []
        for port in self.ports():
            words += ['--', 'del-port', 'br0', port]
        self.instance.vsctl(*words[1:])
        self.n_ports = 0

    def end_nfs(self):
        self.thaw()
        for nf in self.nfs:
            nf.end()
        self.nfs = []

    # Traffic.

    def steer(self, case):
        self.instance.ofctl(
            '-O', 'OpenFlow14', '--bundle', 'replace-flows', 'br0', '-',
            stdin=rules.ring(self.name, case, self.ports()))
        # A datapath flow that matches on more than it has to now would be
        # kept for as long as packets take it.
        self.instance.ask('revalidator/purge')
        # Caches may still have flows from before; a look at them that ends
        # now may have begun before, too.
        for _ in range(2):
            self.instance.ask('revalidator/wait')

    def load(self, case):
        """Lets packets go round as 'case' says."""
        self.case = case
        self.packets = min(PACKETS_PER_PORT * self.n_ports, MAX_PACKETS)
        self.steer(case)
        self.start_forwarding(case.forwarder)
        self.inject()

    def injected(self):
        """Returns how many packets ever came in from 'gen'."""
        text = self.instance.ofctl('dump-ports', 'br0', 'gen')
        return counters(text)['pkts']

    def injector(self, case, n, *options):
        """Returns the command that puts 'n' packets in."""
        return [sys.executable, HERE + '/inject.py',
                self.instance.netns + ':gen-far', '--size', str(case.size),
                '--flows', str(case.flows), '--count', str(n), *options]

    def inject(self):
        """Sends packets until all are in: the kernel may drop some before
        they reach the switch."""
        before, missing = self.injected(), self.packets
        for _ in range(20):
            run(self.injector(self.case, missing))
            missing = before + self.packets - self.injected()
            if not missing:
                return
        raise PerfError('%s: %d packets do not get in'
                        % (self.name, missing))

    def counts(self):
        """Returns how many packets ever came from the ports of the ring, went
        to them, and were dropped there."""
        text = self.instance.ofctl('--names', 'dump-ports', 'br0')
        parts = re.findall(r'^ +port +"?p\d+"?: (rx .*)\n +(tx .*)$', text,
                           re.MULTILINE)
        received, sent = ([counters(part[i]) for part in parts]
                          for i in (0, 1))
        return (sum(count['pkts'] for count in received),
                sum(count['pkts'] for count in sent),
                sum(count['drop'] + count['errs']
                    for count in received + sent))

    def unload(self):
        """Takes the packets out again.  All that went to NFs must have come
        back, none may have been dropped on the way."""
        self.instance.ofctl('add-flows', 'br0', '-',
                            stdin=rules.drain(self.ports()))
        deadline = time.monotonic() + PATIENCE
        before = None
        while True:
            received, sent, dropped = now = self.counts()
            if received == sent and now == before:
                break
            if time.monotonic() > deadline:
                break
            before = now
            time.sleep(0.1)
        self.stop_forwarding()
        if received != sent or not sent or dropped:
            raise PerfError('%s: of %d packets to NFs %d came back, and %d '
                            'were dropped' % (self.name, sent, received,
                                              dropped))
        self.check_drained()

    # Measuring.

    def pids(self):
        return [self.instance.pid] + [nf.pid for nf in self.nfs]

    def freeze(self):
        for pid in reversed(self.pids()):
            os.kill(pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        if self.frozen:
            for pid in self.pids():
                os.kill(pid, signal.SIGCONT)
            self.frozen = False

    def tids(self):
        return [threads.find(self.instance.pid, 'pmd-c'), self.nf_thread()]

    def measure(self, seconds):
        waits = threads.Waits(self.tids())
        before = self.instance.pmd_stats()
        first = self.nf_count()
        time.sleep(seconds)
        deadline = time.monotonic() + PATIENCE
        while True:
            last = self.nf_count()
            stats = since(before, self.instance.pmd_stats())
            # The PMD may not have got around once, on a busy machine.
            if stats['busy'] or time.monotonic() > deadline:
                break
        interval = (stats['idle'] + stats['busy']) / self.bench.hz
        if not stats['busy']:
            received, sent, dropped = self.counts()
            raise PerfError('%s: no packet goes round: of %d put in, %d went '
                            'to NFs, %d came back, and %d were dropped'
                            % (self.name, self.packets, sent, received,
                               dropped))
        return Sample(
            hops_per_s=stats['packets'] / interval,
            nf_hops_per_s=(last[1] - first[1]) / (last[0] - first[0]),
            cycles_per_hop=stats['busy'] / stats['packets'],
            idle_share=stats['idle'] / (stats['idle'] + stats['busy']),
            waited=waits.share())

    # What sides differ in.

    def prepare(self):
        """Done once, when the switch has started."""

    def settings(self, port, jumbo):
        """Returns the words that make Interface 'port' what it is."""
        raise NotImplementedError

    def start_forwarder(self, jumbo):
        """Returns a list of the one Process of all NFs."""
        raise NotImplementedError

    def start_meter(self, _jumbo=False):
        """The same, an NF that nf.c describes."""
        raise NotImplementedError

    def start_silent(self, _jumbo=False):
        """Returns Processes that attach to the ports and do nothing."""
        raise NotImplementedError

    def is_connected(self):
        raise NotImplementedError

    def start_forwarding(self, forwarder):
        raise NotImplementedError

    def stop_forwarding(self):
        raise NotImplementedError

    def nf_count(self):
        """Returns the time, in seconds, and how many packets came in to the
        NFs until then."""
        raise NotImplementedError

    def nf_thread(self):
        """Returns the id of the thread that forwards."""
        raise NotImplementedError

    def buffer_memory(self):
        """Yields kinds of memory and bytes of it that a packet buffer is."""
        raise NotImplementedError

    def check_drained(self):
        """Raises PerfError if the switch has lost a buffer."""
