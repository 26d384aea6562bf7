# SPDX-License-Identifier: Apache-2.0
"""Our switch with NFs on reference lanes."""

import json

import side
from errors import PerfError
from process import Process

SMALL_MIB, JUMBO_MIB = 32, 64   # Of the pools.
DEFAULT_SHARES = 16             # A port may hold a part of so many of a pool.
FEW_CREDITS = 16                # Buffers that one of more ports may hold.
COMMANDS = {'none': 'forward', 'macswap': 'swap'}


class ChainSide(side.Side):
    """Chain ports, and one process with libnf-shim for all of them."""

    name = 'chain'
    pools = SMALL_MIB + JUMBO_MIB

    def prepare(self):
        huge = self.instance.env['OVS_CHAIN_HUGE']
        self.instance.vsctl(
            'set', 'Open_vSwitch', '.',
            'other_config:chain-pool-small="size=%dM,dir=%s"'
            % (SMALL_MIB, huge),
            'other_config:chain-pool-jumbo="size=%dM,buffer-size=9216,'
            'dir=%s"' % (JUMBO_MIB, huge))

    def pool(self, jumbo):
        return 'jumbo' if jumbo else 'small'

    def settings(self, port, jumbo):
        # Frozen, a side stands still for longer than an NF may.
        words = ['type=dpdkvhostuserclient', 'options:chain-stall-timeout=0',
                 'options:chain-pool=' + self.pool(jumbo)]
        if self.n_ports > DEFAULT_SHARES:
            words.append('options:chain-credits=%d' % FEW_CREDITS)
        return words

    def attach(self, jumbo, *options):
        rings = ['%s/ovs-chain.%s.%s' % (self.instance.env['OVS_CHAIN_DIR'],
                                         self.pool(jumbo), port)
                 for port in self.ports()]
        nf = Process([self.bench.program('perf-nf-shim'), *options, *rings],
                     self.instance.dir + '/nf.log')
        nf.wait_ready()
        return [nf]

    def start_forwarder(self, jumbo):
        return self.attach(jumbo)

    def start_meter(self, jumbo=False):
        return self.attach(jumbo, '--source')

    def start_silent(self, jumbo=False):
        return self.attach(jumbo)

    def show(self):
        return json.loads(self.instance.ask('chain/show-json'))

    def is_connected(self):
        return sum(port['state'] == 'attached'
                   for port in self.show()['ports']) == self.n_ports

    def start_forwarding(self, forwarder):
        self.nfs[0].say(COMMANDS[forwarder])

    def stop_forwarding(self):
        self.nfs[0].say('idle')

    def nf_count(self):
        self.nfs[0].say('count')
        _, ns, packets = self.nfs[0].line('count')
        return int(ns) / 1e9, int(packets)

    def nf_thread(self):
        return self.nfs[0].pid

    def buffer_memory(self):
        """Yields bytes of a buffer: what all share, and what is the switch's
        (with its mbuf 10 bytes of tables, see vhc/pool.h)."""
        for pool in self.show()['pools']:
            if pool['name'] == 'small':
                yield 'shared', SMALL_MIB * (1 << 20) / pool['buffers']['all']
        yield 'private', self.instance.object_size('vhc_') + 10

    def check_drained(self):
        for pool in self.show()['pools']:
            buffers = pool['buffers']
            if not pool['balanced'] or buffers['free'] != buffers['all']:
                raise PerfError('pool %s: buffers are missing: %s'
                                % (pool['name'], buffers))
