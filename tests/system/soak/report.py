# SPDX-License-Identifier: Apache-2.0
"""What the soak found, in words and figures."""

import collections
import glob
import json
import os
import shutil
import statistics

import leaks
from tools import Broken, run, until
from traffic import total
from world import VM_STREAM

# What the switch logs, and what it is called here.
RELEASED = 'the flows are restored'
PMD = 'PMD thread on numa_id.* created'

# Times of a restart, in seconds.
TIMES = [
    ('exec_to_pmd', 'from exec of ovs-vswitchd to its PMD thread'),
    ('exec_to_flows', 'from exec to the flows being back'),
    ('exec_to_traffic', 'from exec to the first packet'),
    ('polls_to_traffic', 'from its first poll of NFs to the first packet'),
    ('silence', 'from the last packet before to the first after'),
]


class Report:
    # pylint: disable=too-many-instance-attributes
    def __init__(self, directory, seed):
        self.directory = directory
        # pylint: disable=consider-using-with
        self.file = open(os.path.join(directory, 'soak-events.log'), 'w',
                         encoding='utf-8')
        self.seed = seed
        self.files = []             # Of pools and rings, at the start.
        self.complaints = []
        self.restarts = []
        self.kinds = collections.Counter()
        # Packets lost, by kind of event: of chains, and of the plain port.
        self.lost = collections.Counter()
        self.lost_plain = collections.Counter()
        self.samples = []
        self.held = collections.defaultdict(list) # By name of the process.
        self.leaked = 0             # Buffers.
        self.status = None          # The last of nf-traffic.
        self.tcp_bytes = 0
        self.said = {'corrupted': 0, 'duplicated': 0}

    def log(self, text):
        self.file.write(text + '\n')
        self.file.flush()

    def say(self, text):
        print(text, flush=True)
        self.log(text)

    def wrong(self, text):
        self.complaints.append(text)
        self.say('WRONG: ' + text)

    def broken(self, text, world):
        """Something that ends the soak."""
        self.wrong(text)
        for verb in (['ovs-appctl', 'chain/show'],
                     ['ovs-ofctl', '--names', 'dump-flows', 'br0']):
            try:
                self.log(run(verb))
            except Broken as e:
                self.log(str(e))
        try:
            self.log(json.dumps(world.traffic.ask(), indent=1))
        except (AttributeError, Broken):
            pass
        logs = os.path.join(self.directory, 'soak-logs')
        shutil.rmtree(logs, ignore_errors=True)
        os.mkdir(logs)
        for path in glob.glob(os.path.join(world.directory, '*.log')):
            shutil.copy(path, logs)

    # While it runs.

    def begin(self, world):
        self.files = world.files()
        silent = [port['name'] for port in world.switch.show()['ports']
                  if not port['rx_packets']
                  and port['name'] not in ('snk', 'spy', 'fwd0')]
        if silent:
            self.wrong('no packet came from ' + ' '.join(silent))

    def compare_files(self, world):
        files = world.files()
        if files == self.files:
            return []
        return ['files %s, not %s' % (files, self.files)]

    def check_traffic(self, number, status):
        for key, now in (('corrupted', status['corrupted']),
                         ('duplicated', total(status, 'duplicated'))):
            if now > self.said[key]:
                self.wrong('#%d: %d packets %s' % (
                    number, now - self.said[key], key))
                self.said[key] = now

    def restart(self, world):
        how, times, mark = world.restarts[-1]
        status = world.traffic.ask()
        first, before = status['first_ns'] / 1e9, status['before_ns'] / 1e9
        polls = world.switch.logged_time(RELEASED, mark)
        pmd = world.switch.logged_time(PMD, mark)
        found = {'how': how, 'exec_to_flows': times['flows'] - times['exec']}
        if pmd:
            found['exec_to_pmd'] = pmd - times['exec']
        # Without a processor, the sink may have found it in its ring only now.
        if first > max(times['exec'], polls or 0):
            found['exec_to_traffic'] = first - times['exec']
            found['silence'] = first - before
            if polls:
                found['polls_to_traffic'] = first - polls
        self.restarts.append(found)

    def event(self, number, kind, lost, held):
        self.kinds[kind] += 1
        self.lost[kind] += sum(lost) - lost[VM_STREAM]
        self.lost_plain[kind] += lost[VM_STREAM]
        for name, one in held.items():
            self.samples.append(leaks.Sample(number, kind, name, one.pid,
                                             one.rss))
            self.held[name].append((one.rss, len(one.fds),
                                    len(one.threads)))

    def progress(self, elapsed, status):
        self.say('%6d s: %d events, %d restarts; %d packets, %d lost, '
                 '%d corrupted, %d duplicated%s'
                 % (elapsed, sum(self.kinds.values()), len(self.restarts),
                    total(status, 'received'), total(status, 'lost'),
                    status['corrupted'], total(status, 'duplicated'),
                    '; %d WRONG' % len(self.complaints)
                    if self.complaints else ''))

    # At the end.

    def all_detached(self, world):
        return all(port['state'] != 'attached'
                   for port in world.switch.show()['ports'])

    def end(self, world):
        """Nobody is attached any more: every buffer is free."""
        world.traffic.ask('pause')
        world.tcp.end()
        for text in world.wait_quiet():
            self.wrong('at the end: ' + text)
        self.status = world.traffic.ask('give-up')
        world.traffic.end()
        for nf in world.nfs.values():
            nf.end()
        until('all NFs have left', self.all_detached, world)
        for pool in world.switch.show()['pools']:
            leaked = pool['buffers']['all'] - pool['buffers']['free']
            self.leaked += leaked
            if leaked:
                self.wrong('pool %s: %d buffers leaked: %s'
                           % (pool['name'], leaked, pool['buffers']))
        for text in leaks.complaints(self.samples):
            self.wrong(text)

    def count(self, world):
        """Returns the figures of packets."""
        if not self.status and world.traffic:
            try:
                self.status = world.traffic.ask()
            except Broken:
                pass
        if not self.status:
            return {}
        found = {key: total(self.status, key) for key in
                 ('sent', 'received', 'bytes', 'lost', 'duplicated',
                  'reordered')}
        found['corrupted'] = self.status['corrupted']
        return found

    def times(self):
        """Returns minimum, median, maximum and number of each time."""
        found = {}
        for key, _ in TIMES:
            values = [one[key] for one in self.restarts if key in one]
            if values:
                found[key] = {'min': min(values),
                              'median': statistics.median(values),
                              'max': max(values), 'n': len(values)}
        return found

    def processes(self):
        """Returns first, last and highest of what processes held."""
        found = {}
        for name, series in sorted(self.held.items()):
            columns = zip(('rss_kib', 'fds', 'threads'), zip(*series))
            found[name] = {what: {'first': values[0], 'last': values[-1],
                                  'max': max(values)}
                           for what, values in columns}
        for name, growth in leaks.overall(self.samples).items():
            found[name]['kib_an_event'] = growth.each()
            found[name]['kib_an_event_of'] = growth.events
        return found

    def finish(self, elapsed, world):
        if world.tcp:
            self.tcp_bytes = world.tcp.progress()
        figures = {
            'minutes': elapsed / 60, 'seed': self.seed,
            'packets': self.count(world), 'tcp_bytes': self.tcp_bytes,
            'events': {kind: {'n': n, 'lost': self.lost[kind],
                              'lost_of_plain_port': self.lost_plain[kind]}
                       for kind, n in sorted(self.kinds.items())},
            'restarts': len(self.restarts), 'times': self.times(),
            'buffers_leaked': self.leaked, 'processes': self.processes(),
            'wrong': self.complaints,
        }
        with open(os.path.join(self.directory, 'soak.json'), 'w',
                  encoding='utf-8') as f:
            json.dump(figures, f, indent=1)
            f.write('\n')
        for line in summary(figures):
            self.say(line)
        self.file.close()


def summary(figures):
    """Yields the figures as lines for people."""
    yield ('%.1f minutes, seed %d: %d events, %d restarts of the switch'
           % (figures['minutes'], figures['seed'],
              sum(one['n'] for one in figures['events'].values()),
              figures['restarts']))
    if figures['packets']:
        yield ('packets: %(received)d received, %(bytes)d bytes; %(lost)d '
               'lost, %(corrupted)d corrupted, %(duplicated)d duplicated, '
               '%(reordered)d reordered' % figures['packets'])
    yield 'TCP: %d bytes, each of them right' % figures['tcp_bytes']
    yield 'buffers leaked: %d' % figures['buffers_leaked']
    for kind, one in figures['events'].items():
        yield ('  %-16s %5d events, %6d packets lost, and %d of the plain '
               'port' % (kind, one['n'], one['lost'],
                         one['lost_of_plain_port']))
    for name, one in figures['processes'].items():
        yield '  %-10s  %s%s' % (
            name, '; '.join('%s %d, then %d, at most %d'
                            % (what, one[what]['first'], one[what]['last'],
                               one[what]['max'])
                            for what in ('rss_kib', 'fds', 'threads')),
            '; %.1f KiB an event' % one['kib_an_event']
            if 'kib_an_event' in one else '')
    for key, text in TIMES:
        if key in figures['times']:
            yield ('  %s: min %.3f s, median %.3f s, max %.3f s (%d)'
                   % ((text,) + tuple(figures['times'][key][what] for what in
                                      ('min', 'median', 'max', 'n'))))
    yield ('%d complaints' % len(figures['wrong']) if figures['wrong']
           else 'all well')
