# SPDX-License-Identifier: Apache-2.0
"""The switch of a private instance: its configuration, its end in several
ways, and its next start."""

import datetime
import json
import os
import re
import shutil
import signal
import socket
import time

from tools import (PATIENCE, Broken, child, children, command, end, kill, run,
                   until)

BRIDGE = 'br0'
WAIT = 'other_config:flow-restore-wait'
DROPPED = re.compile(r'^(\w*drop\w*) .*total: (\d+)$', re.MULTILINE)


class Switch:
    def __init__(self, directory, netns, scratch):
        self.directory = directory
        self.netns = netns
        self.log = os.path.join(directory, 'ovs-vswitchd.log')
        self.pid = self.read_pid()
        self.argv, self.environ = command(self.pid)
        self.binaries = [self.argv[0], self.copy_binary(scratch)]

    def copy_binary(self, scratch):
        """Returns another file with the same program: what an upgrade brings.
        """
        folder = os.path.join(scratch, 'upgrade')
        os.mkdir(folder)
        return shutil.copy(self.argv[0], folder)

    # What it says.

    def read_pid(self):
        with open(os.path.join(self.directory, 'ovs-vswitchd.pid'),
                  encoding='ascii') as f:
            return int(f.read())

    def appctl(self, verb):
        """Asks as ovs-appctl does, without a process for each question."""
        path = os.path.join(self.directory,
                            'ovs-vswitchd.%d.ctl' % self.pid)
        answer = b''
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            try:
                sock.connect(path)
                sock.sendall(json.dumps({'id': 0, 'method': verb,
                                         'params': []}).encode())
                while True:
                    part = sock.recv(1 << 20)
                    answer += part
                    if not part:
                        raise Broken('the switch does not answer %s'
                                     % verb)
                    try:
                        return json.loads(answer)['result']
                    except ValueError:
                        continue
            except OSError as e:
                raise Broken('the switch does not answer %s: %s'
                             % (verb, e)) from e

    def show(self):
        return json.loads(self.appctl('chain/show-json'))

    def drops(self):
        """Returns how many packets this process has dropped, by where or why.
        """
        found = {'%s: %s' % (port['name'], reason): n
                 for port in self.show()['ports']
                 for reason, n in port['drops'].items()}
        for name, n in DROPPED.findall(self.appctl('coverage/show')):
            found[name] = int(n)
        return found

    # How it is configured.

    def set(self, *words):
        run(['ovs-vsctl', 'set', *words])

    def del_port(self, port, wait=True):
        run(['ovs-vsctl', *([] if wait else ['--no-wait']), 'del-port',
             BRIDGE, port])

    def add_port(self, port, settings, wait=True):
        run(['ovs-vsctl', *([] if wait else ['--no-wait']), 'add-port',
             BRIDGE, port, '--', 'set', 'Interface', port, *settings])

    def bundle(self, flows, verb='add-flows'):
        run(['ovs-ofctl', '--bundle', verb, BRIDGE, '-'],
            input='\n'.join(flows) + '\n')

    def wait_flows(self):
        """Waits until packets take the flows that the bridge has now.  Its
        caches follow one by one, and until then a packet may take an old flow
        to a port and a new one from there.  The first look at them that ends
        may have begun before the flows changed."""
        for _ in range(2):
            self.appctl('revalidator/wait')

    # Its end.

    def end(self, how):
        """Kills it, or makes it exit."""
        if how == 'exit':
            self.appctl('exit')
            end(self.pid, 0)
        else:
            end(self.pid)

    # Its next start.

    def start(self, binary):
        """Starts it without waiting."""
        argv = [self.binaries[binary], *self.argv[1:]]
        with open(os.path.join(self.directory, 'stderr.log'), 'ab') as log:
            return child(['ip', 'netns', 'exec', self.netns, *argv],
                         env=self.environ, stderr=log)

    def kill_in_start(self, binary, seconds):
        """Starts it and kills it so long after, with the process that it has
        become if it runs by itself already."""
        starting = self.start(binary)
        time.sleep(seconds)
        kill(starting.pid, signal.SIGSTOP)
        found = children(starting.pid)
        for pid in [starting.pid, *found]:
            end(pid)
        if not starting.wait():
            self.pid = self.read_pid()
            end(self.pid)

    def hold(self):
        """The next one is to wait for its flows."""
        run(['ovs-vsctl', '--no-wait', 'set', 'Open_vSwitch', '.',
             WAIT + '=true'])

    def release(self):
        """The flows are there."""
        run(['ovs-vsctl', 'remove', 'Open_vSwitch', '.',
             *WAIT.split(':')])

    def has_ports(self, ports):
        shown = run(['ovs-ofctl', '--names', 'show', BRIDGE])
        return all('(%s):' % port in shown for port in ports)

    def wait_for_start(self, starting):
        if starting.wait():
            raise Broken('ovs-vswitchd does not start: ' + self.last_words())
        self.pid = self.read_pid()

    def wait_for_ports(self, ports):
        until('the bridge has its ports', self.has_ports, ports)

    # What it logs.

    def last_words(self):
        with open(os.path.join(self.directory, 'stderr.log'),
                  encoding='utf-8') as f:
            return ' '.join(f.read().splitlines()[-3:])

    def log_size(self):
        return os.path.getsize(self.log)

    def log_since(self, mark):
        """Returns what it has logged since the log had the size 'mark'."""
        with open(self.log, encoding='utf-8') as f:
            f.seek(mark)
            return f.read()

    def logged_time(self, pattern, mark=0):
        """Returns when it last logged a line that matches, on the clock of
        time.monotonic(), or None."""
        found = re.findall(r'^([^|]+)Z\|.*' + pattern, self.log_since(mark),
                           re.MULTILINE)
        if not found:
            return None
        then = datetime.datetime.fromisoformat(found[-1] + '+00:00')
        return then.timestamp() - time.time() + time.monotonic()

    def logged(self, text, mark):
        return text in self.log_since(mark)


def stop_for(pids, seconds):
    """Stops processes for so long."""
    for pid in pids:
        kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        kill(pid, signal.SIGCONT)
