# SPDX-License-Identifier: Apache-2.0
"""The chain that is soaked: its network functions, its flows, and where its
packets are.

  src --- fw --- ids --- fwd0:fwd1 --- snk     stream 0, in the chain's order
            \\--------- red ----------- snk     stream 1, by the mark of fw
  src -------------- vm --------------- snk     stream 2
  left --- NIC left --- red --- NIC right --- right               TCP

src and snk are the ends of nf-traffic.  fw, ids and fwd are of pool blue, red
is of pool red, vm is a plain vhost-user port with testpmd behind it.  spy gets
a copy of what fw sends while there is a mirror.
"""

import os
import signal
import time

from tools import (PATIENCE, Broken, Held, child, command, end, run, unread,
                   until)

# Orders of the chain, as "ovs-chain apply" takes them.
ORDERS = [
    ['fw', 'ids', 'fwd'],
    ['ids', 'fw', 'fwd'],
    ['fw', 'fwd'],
    ['fwd', 'ids', 'fw'],
]
STOPS = {'fw': 'fw', 'ids': 'ids', 'fwd': 'fwd0:fwd1'}

WINDOWS = [256, 64, 64]         # Packets of each stream under way, at most.
VM_STREAM = 2

# Flows that stay.  Those of priority 5000 are for what is still in an NF when
# the chain does not lead there any more.
FLOWS = [
    'in_port=fw,pkt_mark=0x7/0xffff,actions=output:red',
    'in_port=red,pkt_mark=0x7/0xffff,actions=output:snk',
    'priority=5000,in_port=fw,actions=output:fwd0',
    'priority=5000,in_port=ids,actions=output:fwd0',
    'priority=5000,in_port=fwd1,actions=output:snk',
    'priority=31000,in_port=src,udp,tp_dst=7002,actions=output:vm',
    'in_port=vm,actions=output:snk',
]
# Past what comes first in the chain.
DETOUR = 'priority=20000,in_port=src,udp,tp_dst=7000,actions=output:fwd0'


class Nf:
    """A network function that is a process."""

    def __init__(self, world, name, argv, ports):
        self.world = world
        self.name = name
        self.argv = argv
        self.ports = ports
        self.process = None

    def start(self):
        rings = [self.world.ring(port) for port in self.ports]
        with open(os.path.join(self.world.directory, self.name + '.log'),
                  'ab') as log:
            self.process = child([*self.argv, '--timeout', '0', *rings],
                                 stdout=log, stderr=log)

    def end(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait()

    @property
    def pid(self):
        return self.process.pid


class World:
    # pylint: disable=too-many-instance-attributes
    def __init__(self, args, switch):
        self.directory = args.dir
        self.scratch = args.scratch
        self.chain_dir = args.chain_dir
        self.switch = switch
        self.guest = args.guest     # The pid of testpmd.
        self.guest_argv, self.guest_environ = command(self.guest)
        self.traffic = self.tcp = None
        self.order = 0
        self.detour = False
        self.mirror = False
        self.leaked = {}            # Buffers, by pool.
        self.new = {}               # What each process held when it was new.
        self.restarts = []          # How, and when what happened.
        self.complaints = []        # Of events.
        self.huge_dir = args.huge_dir
        self.settings = {port: [] for port in ('src', 'snk', 'spy')}
        self.chains = {}
        self.nfs = {}
        rules = os.path.join(self.scratch, 'rules')
        with open(rules, 'w', encoding='ascii') as f:
            f.write('allow mark 7 proto udp dport 7001\ndefault allow\n')
        for name, argv, ports in (
                ('fw', ['nf-firewall', '--rules', rules], ['fw']),
                ('ids', ['nf-monitor'], ['ids']),
                ('fwd', ['nf-forward'], ['fwd0', 'fwd1']),
                ('red', ['nf-forward'], ['red']),
                ('spy', ['nf-monitor'], ['spy'])):
            self.nfs[name] = Nf(self, name, argv, ports)
            for port in ports:
                self.settings[port] = []
        self.settings['ids'] = ['options:chain-access=ro']
        self.settings['red'] = ['options:chain-credits=1024']

    def start_guest(self):
        """Starts testpmd in place of the one that runs."""
        end(self.guest)
        os.unlink(os.path.join(self.directory, 'vm.sock'))
        with open(os.path.join(self.directory, 'vm.log'), 'ab') as log:
            self.guest = child(['nice', '-n', '19', *self.guest_argv],
                               env=self.guest_environ, stdout=log,
                               stderr=log).pid

    # Ports.

    def pool(self, port):
        return 'red' if port == 'red' else 'blue'

    def ring(self, port):
        return os.path.join(self.chain_dir,
                            'ovs-chain.%s.%s' % (self.pool(port), port))

    def port_settings(self, port):
        return ['type=dpdkvhostuserclient',
                'options:chain-pool=' + self.pool(port), *self.settings[port]]

    def configure_pool(self, size, wait=True):
        run(['ovs-vsctl', *([] if wait else ['--no-wait']), 'set',
             'Open_vSwitch', '.', 'other_config:chain-pool-blue="%s,dir=%s"'
             % (size, self.huge_dir)])

    def attached(self, nf):
        """Whether 'nf' has all of its ports."""
        ports = {port['name']: port for port in self.switch.show()['ports']}
        return all(port in ports and ports[port]['state'] == 'attached'
                   and ports[port]['pid'] == nf.pid for port in nf.ports)

    def generations(self):
        return {port['name']: port['generation']
                for port in self.switch.show()['ports']}

    def wait_attached(self, *nfs):
        for nf in nfs:
            until('%s is attached' % nf.name, self.attached, nf)

    def ends_attached(self):
        status = self.traffic.ask()
        return status['source'] and status['sink']

    def wait_ends_attached(self):
        until('nf-traffic is attached', self.ends_attached)

    def all_ports(self):
        return [*self.settings, 'left', 'right', 'vm']

    # Flows.

    def write_chains(self, order):
        path = os.path.join(self.scratch, 'chains-%d' % order)
        if not os.path.exists(path):
            stops = [STOPS[name] for name in ORDERS[order]]
            with open(path, 'w', encoding='ascii') as f:
                f.write('left <-> red <-> right\n')
                f.write(' -> '.join(['src', *stops, 'snk']) + '\n')
        return path

    def chain_flows(self):
        """The flows that "ovs-chain apply" writes."""
        if self.order not in self.chains:
            text = run(['ovs-chain', 'apply', '--dry-run', '--ports',
                        ','.join(self.all_ports()),
                        self.write_chains(self.order)])
            self.chains[self.order] = [
                line[4:] for line in text.splitlines()
                if line.startswith('add ')]
        return self.chains[self.order]

    def flows(self):
        """All flows that there shall be."""
        return [*FLOWS, *self.chain_flows(),
                *([DETOUR] if self.detour else [])]

    def put_flows(self):
        self.switch.bundle(self.flows(), 'replace-flows')

    def apply(self):
        run(['ovs-chain', 'apply', self.write_chains(self.order)])
        self.switch.wait_flows()

    def streams_through(self, name):
        """Returns the streams whose packets may be in an NF."""
        order = ORDERS[self.order]
        if name in ('src', 'snk'):
            return list(range(len(WINDOWS)))
        if name == 'red':
            return [1]
        if name not in order:
            return []
        return [0, 1] if order.index(name) <= order.index('fw') else [0]

    # Where packets are.

    def moved(self, show, status):
        """What changes if any packet moves."""
        counts = [[s[key] for key in ('sent', 'received', 'duplicated')]
                  for s in status['streams']]
        for port in show['ports']:
            counts.append([port['name'], port['rx_packets'],
                           port['tx_packets'], port['owned'],
                           port['copy_rx_packets'], port['copy_tx_packets'],
                           *port['drops'].values()])
        counts.extend(pool['buffers'] for pool in show['pools'])
        return counts, status['corrupted']

    def astray(self, show, status):
        """Returns where packets are that are not at home, in words."""
        found = []
        for pool in show['pools']:
            n = pool['buffers']['in_switch']
            if n != self.leaked.get(pool['name'], 0):
                found.append('%d buffers of %s in the switch'
                             % (n, pool['name']))
        for port in show['ports']:
            home = unread(self.ring(port['name']))
            if port['owned'] != home:
                found.append('%s owns %d buffers, %d of them empty ones'
                             % (port['name'], port['owned'], home))
        if status['unsent'] or status['unreturned']:
            found.append('nf-traffic has packets in hand')
        return found

    def is_quiet(self, last):
        show, status = self.switch.show(), self.traffic.ask()
        moved, astray = self.moved(show, status), self.astray(show, status)
        was, last['moved'], last['astray'] = last['moved'], moved, astray
        return not astray and was == moved

    def wait_quiet(self):
        """Waits until no packet is anywhere, and returns the complaints if
        that does not come true."""
        last = {'moved': None, 'astray': []}
        try:
            until('all buffers come home', self.is_quiet, last, patience=120)
        except Broken:
            for pool in self.switch.show()['pools']:
                self.leaked[pool['name']] = pool['buffers']['in_switch']
            return last['astray'] or ['packets move for ever']
        return []

    def wait_guest(self):
        """Gives the guest of the plain port time to send what it has, which
        nobody sees: it gets little of a processor that others want."""
        try:
            until('nothing is in the guest', self.guest_is_empty, patience=2)
        except Broken:
            pass

    def guest_is_empty(self):
        return not self.traffic.ask()['streams'][VM_STREAM]['under_way']

    def is_balanced(self):
        return all(pool['balanced'] for pool in self.switch.show()['pools'])

    def unbalanced(self):
        """Returns a complaint if the account of the switch does not add up.
        It counts while packets move, in a moment that may be too short."""
        try:
            until('the account adds up', self.is_balanced, patience=60)
            return []
        except Broken:
            return ['the account does not balance: %s'
                    % [pool['buffers'] for pool
                       in self.switch.show()['pools']]]

    # What processes hold.

    def pids(self):
        return {'switch': self.switch.pid,
                'nf-traffic': self.traffic.process.pid,
                **{name: nf.pid for name, nf in self.nfs.items()}}

    def look_held(self):
        """Returns what each process holds, and complaints about what it holds
        more than when it was new.  Some goes a moment after an event, as a
        connection does that was closed."""
        found, wrong = {}, []
        for name, pid in self.pids().items():
            held = Held(pid)
            new = self.new.setdefault((name, pid), held)
            deadline = time.monotonic() + 5
            while held.more_than(new) and time.monotonic() < deadline:
                time.sleep(0.02)
                held = Held(pid)
            more = held.more_than(new)
            if more:
                wrong.extend('%s holds %s' % (name, text) for text in more)
                self.new[name, pid] = held
            found[name] = held
        return found, wrong

    def files(self):
        """The files of pools and rings."""
        return sorted(os.listdir(self.chain_dir))

    def wait_progress(self, streams, patience=PATIENCE):
        """Waits until more packets than were under way arrive on each of the
        streams."""
        def counts():
            status = self.traffic.ask()
            return [status['streams'][i]['received'] for i in streams]

        before = counts()

        def passed():
            return all(now >= was + WINDOWS[i] for i, now, was
                       in zip(streams, counts(), before))

        start = time.monotonic()
        until('packets arrive on streams %s' % streams, passed,
              patience=patience)
        return time.monotonic() - start
