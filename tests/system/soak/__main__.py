# SPDX-License-Identifier: Apache-2.0
"""Random events on a running chain under traffic, and whether each lost what
it may lose and no more.

    soak --minutes N --seed N --dir DIR ...

95-soak.sh prepares the switch and starts this.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time

import schedule
from report import Report
from switch import Switch
from tools import Broken
from traffic import Tcp, Traffic, total
from world import WINDOWS, World

RATES = [0, 0, 100000, 20000, 2000] # Packets a second; 0: any number.
PROGRESS = 10                   # Seconds between two lines.


class Interrupted(Exception):
    """The user wants no more."""


def parse():
    parser = argparse.ArgumentParser(prog='soak')
    parser.add_argument('--minutes', type=float, required=True)
    parser.add_argument('--seed', type=int, required=True)
    parser.add_argument('--kinds', help='of events, separated by commas')
    parser.add_argument('--dir', required=True, help='run directory')
    parser.add_argument('--netns', required=True)
    parser.add_argument('--chain-dir', required=True)
    parser.add_argument('--huge-dir', required=True)
    parser.add_argument('--guest', type=int, required=True,
                        help='pid of testpmd')
    parser.add_argument('--scratch', required=True)
    parser.add_argument('--here', required=True)
    parser.add_argument('--tree', required=True)
    parser.add_argument('--logs', required=True)
    args = parser.parse_args()
    args.kinds = args.kinds.split(',') if args.kinds else []
    unknown = set(args.kinds) - schedule.known()
    if unknown:
        parser.error('no events %s; there are: %s' % (
            ' '.join(sorted(unknown)), ' '.join(sorted(schedule.known()))))
    return args


class Soak:
    def __init__(self, args):
        self.args = args
        self.start = self.said = time.monotonic()
        self.number = 0
        self.everywhere = range(len(WINDOWS))
        self.drops = {}             # Of the switch when it was looked at last.
        self.report = Report(args.logs, args.seed)
        self.world = World(args,
                           Switch(args.dir, args.netns, args.scratch))

    def elapsed(self):
        return time.monotonic() - self.start

    def prepare(self):
        world = self.world
        for nf in world.nfs.values():
            nf.start()
        world.wait_attached(*world.nfs.values())
        world.traffic = Traffic(
            os.path.join(self.args.tree, 'tests', 'nf-traffic'),
            world.ring('src'), world.ring('snk'), WINDOWS,
            os.path.join(self.args.dir, 'traffic.log'))
        world.traffic.ask('pause')
        world.wait_ends_attached()
        world.put_flows()
        world.tcp = Tcp(self.args.netns, self.args.here, self.args.scratch)
        self.start_traffic()
        self.report.begin(world)

    def start_traffic(self):
        """The first packets to the plain port can be lost while its queues
        are set up, and a whole window of them leaves no room for more."""
        for _ in range(20):
            self.world.traffic.ask('go')
            try:
                self.world.wait_progress(self.everywhere, patience=10)
                return
            except Broken:
                self.world.traffic.ask('pause')
                self.world.wait_quiet()
                self.world.traffic.ask('give-up')
        raise Broken('packets do not arrive on all streams')

    def new_drops(self):
        """Returns what the switch has dropped since this was asked last, in
        words.  Counters begin anew with a port and with a switch."""
        before, self.drops = self.drops, self.world.switch.drops()
        found = []
        for name, n in self.drops.items():
            was = before.get(name, 0)
            if n != was:
                found.append('%s %d' % (name, n - was if n > was else n))
        return ', '.join(found) or 'nothing'

    def settle(self, what, allowance):
        """Stops the traffic until nothing moves: then what has not arrived is
        lost, and every buffer has its place."""
        world = self.world
        wrong, world.complaints = world.complaints, []
        world.traffic.ask('pause')
        world.tcp.pause()
        world.wait_guest()
        astray = world.wait_quiet()
        before = world.traffic.ask()
        lost = [stream['under_way'] for stream in before['streams']]
        dropped = self.new_drops()
        world.traffic.ask('give-up')
        if allowance.excess(lost, WINDOWS):
            wrong.append('lost %s, but may lose %s: %s; dropped: %s' % (
                lost, allowance.limit(WINDOWS), allowance.why, dropped))
        wrong += astray + world.unbalanced()
        held, more = world.look_held()
        wrong += more + self.report.compare_files(world)
        for text in wrong:
            self.report.wrong('%s: %s' % (what, text))
        world.tcp.go()
        world.traffic.ask('go')
        return lost, held

    def event(self, kind):
        rng = random.Random('%d/%d' % (self.args.seed, self.number))
        world = self.world
        world.traffic.ask('rate %d' % rng.choice(RATES))
        time.sleep(rng.uniform(0.05, 0.8))
        for text in world.unbalanced():
            self.report.wrong('before #%d: %s' % (self.number, text))
        begin = self.elapsed()
        n_restarts = len(world.restarts)
        what, allowance = schedule.event(kind)(world, rng)
        world.wait_progress([i for i in self.everywhere
                             if i not in allowance.streams])
        if len(world.restarts) > n_restarts:
            self.report.restart(world)
            world.tcp.wait_progress()
        self.say()
        lost, held = self.settle('#%d %s' % (self.number, what), allowance)
        world.wait_progress(self.everywhere)
        world.tcp.check()
        self.report.event(self.number, kind, lost, held)
        self.report.log('%8.2f s  #%d %s: lost %s of %d'
                        % (begin, self.number, what, lost,
                           allowance.limit(WINDOWS)))
        self.say()

    def say(self):
        """Checks what must never be, and tells how far the soak is."""
        status = self.world.traffic.ask()
        self.report.check_traffic(self.number, status)
        if time.monotonic() - self.said >= PROGRESS:
            self.said = time.monotonic()
            self.report.progress(self.elapsed(), status)

    def is_over(self):
        """On a slow machine, the first restart may come when time is over."""
        return (self.elapsed() >= self.args.minutes * 60
                and (self.world.restarts
                     or not schedule.has_restarts(self.args.kinds)))

    def events(self):
        self.prepare()
        for kind in schedule.kinds(self.args.seed, self.args.kinds):
            if self.is_over():
                break
            self.number += 1
            self.event(kind)
        self.report.end(self.world)

    def run(self):
        try:
            self.events()
        except (Broken, subprocess.TimeoutExpired) as e:
            self.report.broken('#%d: %s' % (self.number, e), self.world)
        except Interrupted:
            self.report.wrong('interrupted in #%d' % self.number)
        self.report.finish(self.elapsed(), self.world)
        return 1 if self.report.complaints else 0


def interrupt(_number, _frame):
    raise Interrupted


def main():
    args = parse()
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, interrupt)
    sys.exit(Soak(args).run())


if __name__ == '__main__':
    main()
