# SPDX-License-Identifier: Apache-2.0
"""The traffic of the soak: nf-traffic with both ends of numbered streams, and
a TCP connection between two hosts, stream.py."""

import json
import os
import signal
import subprocess

from tools import PATIENCE, Broken, child, until


class Traffic:
    """nf-traffic, and what it has counted."""

    def __init__(self, program, source, sink, windows, log):
        self.windows = windows
        self.log = open(log, 'ab')  # pylint: disable=consider-using-with
        self.process = child(
            [program, '--windows', ','.join(map(str, windows)), source, sink],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            text=True)

    def ask(self, command='status'):
        """Sends a command and returns the answer."""
        try:
            self.process.stdin.write(command + '\n')
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = ''
        if not line:
            raise Broken('nf-traffic has ended, with %s'
                         % self.process.wait())
        return json.loads(line)

    def end(self):
        if self.process.poll() is None:
            self.ask('quit')
            self.process.wait()
        self.log.close()


def total(status, key):
    """Returns the sum over all streams."""
    return sum(stream[key] for stream in status['streams'])


class Tcp:
    """A TCP connection whose every byte is checked."""

    def __init__(self, netns, here, scratch):
        self.progress_file = os.path.join(scratch, 'progress')
        self.stop_file = os.path.join(scratch, 'stop')
        script = os.path.join(here, 'stream.py')
        for host in 'left', 'right':
            # Little under way: it shall all be where it goes in a moment.
            for key in 'rmem', 'wmem':
                subprocess.run(['ip', 'netns', 'exec', netns + '-' + host,
                                'sysctl', '-qw', 'net.ipv4.tcp_%s=4096 65536 '
                                '131072' % key], check=True)
        self.server = child(['ip', 'netns', 'exec', netns + '-right',
                             'python3', script, 'serve', '192.0.2.2', '80'])
        subprocess.run(['ip', 'netns', 'exec', netns + '-right', 'sh', '-c',
                        'until ss -Hlnt sport = :80 | grep -q .; '
                        'do sleep 0.05; done'], check=True,
                       timeout=PATIENCE)
        self.client = child(['ip', 'netns', 'exec', netns + '-left',
                             'python3', script, 'check', '192.0.2.2', '80',
                             self.progress_file, self.stop_file])

    def signal(self, number):
        for process in self.server, self.client:
            process.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def go(self):
        self.signal(signal.SIGCONT)

    def progress(self):
        """Returns the bytes checked so far."""
        try:
            with open(self.progress_file, encoding='ascii') as f:
                return int(f.read())
        except FileNotFoundError:
            return 0

    def wait_progress(self):
        """Waits until more bytes arrive, or the connection has ended.  TCP
        itself may wait for two minutes until it tries again."""
        before = self.progress()
        until('TCP goes on', lambda: self.progress() > before
              or self.client.poll() is not None)

    def check(self):
        """Raises Broken unless the connection still stands."""
        for name, process in ('client', self.client), ('server', self.server):
            if process.poll() is not None:
                raise Broken('the TCP connection broke: its %s ended with %s'
                             % (name, process.returncode))

    def end(self):
        if self.client.poll() is None:
            self.go()
            with open(self.stop_file, 'w', encoding='ascii'):
                pass
            if self.client.wait():
                raise Broken('the TCP client ended with %d'
                             % self.client.returncode)
        self.server.wait()
