# SPDX-License-Identifier: Apache-2.0
"""The unpatched switch with dpdk-testpmd at its ports."""

import time

import side
import threads
from process import Process

PROMPT = 'testpmd> '
MBUFS = 2560                    # For each queue of testpmd.
PORTS_OF_PROCESS = 30
SILENT_MIB = 6                  # Of an NF that does nothing, for each port.
MODES = {'none': 'io', 'macswap': 'macswap'}


class TestpmdSide(side.Side):
    """Ports of the unpatched switch, served by one dpdk-testpmd.

    Its memory comes from the hugepages that are set aside for the instance's
    mount.
    """

    queues = 1

    def vdev(self, i, port):
        """Returns the device at the other end of port number 'i'."""
        raise NotImplementedError

    def eal_options(self, first, ports, lcores):
        """Options of DPDK for a process at 'ports', which are those from
        number 'first' on."""
        threads_of = ['%d@%d' % (i, self.bench.nf_cpu) for i in range(lcores)]
        return (['--lcores', ','.join(threads_of), '--main-lcore=0',
                 '--no-pci', '--no-telemetry', '--single-file-segments',
                 '--huge-dir', self.instance.env['OVS_CHAIN_HUGE'],
                 '--file-prefix', 'nf-%s-%d' % (self.name, first)]
                + ['--vdev=' + self.vdev(first + i, port)
                   for i, port in enumerate(ports)])

    def process(self, argv, name):
        return Process(argv, '%s/%s.log' % (self.instance.dir, name),
                       dict(self.instance.env,
                            RUNTIME_DIRECTORY=self.instance.dir))

    def start_forwarder(self, jumbo):
        frame = ['--mbuf-size=9600', '--max-pkt-len=9018'] if jumbo else []
        n_mbufs = MBUFS * (self.queues * self.n_ports + 1)
        nf = self.process(
            ['stdbuf', '-oL', 'dpdk-testpmd',
             *self.eal_options(0, self.ports(), lcores=2), '--', '-i',
             '--nb-cores=1', '--port-topology=loop', '--no-flush-rx',
             '--total-num-mbufs=%d' % n_mbufs, '--rxd=1024', '--txd=1024',
             '--rxq=%d' % self.queues, '--txq=%d' % self.queues, *frame],
            'testpmd')
        nf.expect(PROMPT)
        return [nf]

    def start_meter(self, _jumbo=False):
        nf = self.process([self.bench.program('perf-nf-dpdk'),
                           str(self.queues),
                           *self.eal_options(0, self.ports(), lcores=1)],
                          'meter')
        nf.wait_ready()
        return [nf]

    def start_silent(self, _jumbo=False):
        """A process of DPDK's has no more than 32 ports."""
        nfs = []
        ports = self.ports()
        for first in range(0, len(ports), PORTS_OF_PROCESS):
            nfs.append(self.process(
                [self.bench.program('perf-nf-dpdk'), str(self.queues),
                 *self.eal_options(first, ports[first:][:PORTS_OF_PROCESS],
                                   lcores=1)], 'silent'))
        for nf in nfs:
            nf.wait_ready()
        return nfs

    def start_forwarding(self, forwarder):
        self.nfs[0].ask('set fwd ' + MODES[forwarder], PROMPT)
        self.nfs[0].ask('start', PROMPT)

    def stop_forwarding(self):
        self.nfs[0].ask('stop', PROMPT)

    def nf_count(self):
        before = time.monotonic()
        self.nfs[0].say('show port stats all')
        text = self.nfs[0].expect('for port %d ' % (self.n_ports - 1)) \
            + self.nfs[0].expect(PROMPT)
        after = time.monotonic()
        received = sum(int(part.split()[0])
                       for part in text.split('RX-packets:')[1:])
        return (before + after) / 2, received

    def buffer_memory(self):
        yield 'private', self.instance.object_size('ovs')

    def nf_thread(self):
        return threads.find(self.nfs[0].pid, 'lcore-worker') or self.nfs[0].pid


class StockSide(TestpmdSide):
    """vhost-user ports, net_virtio_user at the other end."""

    name = 'stock'

    def start(self):
        if 'idle' in self.bench.args.parts:
            self.pools = max(self.pools,
                             SILENT_MIB * max(self.bench.plan.idle))
        super().start()

    def settings(self, port, jumbo):
        return ['type=dpdkvhostuserclient',
                'options:vhost-server-path=' + self.socket(port)]

    def vdev(self, i, port):
        return ('net_virtio_user%d,path=%s,server=1,queues=1,queue_size=1024'
                % (i, self.socket(port)))

    def is_connected(self):
        text = self.instance.vsctl('--columns=status', 'list', 'Interface')
        return text.count('status="connected"') \
            + text.count('status=connected') == self.n_ports


class MemifSide(TestpmdSide):
    """memif ports, zero-copy clients at the other end.

    The switch sends from the thread that polls and from another one, each on
    a queue of its own, and a memif has as many queues as both ends agree on:
    two here, of which the first only carries what is put in.
    """

    name = 'memif'
    queues = 2

    def settings(self, port, jumbo):
        i = int(port[1:]) - 1
        return ['type=dpdk', 'options:n_rxq=2', 'options:n_rxq_desc=1024',
                'options:n_txq_desc=1024',
                'options:dpdk-devargs="net_memif%d,role=server,id=%d,'
                'socket=%s,socket-abstract=no,rsize=10"'
                % (i, i, self.socket('memif'))]

    def vdev(self, i, port):
        return ('net_memif%d,role=client,id=%d,socket=%s,socket-abstract=no,'
                'rsize=10,zero-copy=yes' % (i, i, self.socket('memif')))

    def is_connected(self):
        text = self.instance.vsctl('--columns=name,link_state', '--format=csv',
                                   '--no-headings', 'list', 'Interface')
        return sum(line.startswith('p') and line.endswith(',up')
                   for line in text.split()) == self.n_ports
