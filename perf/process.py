# SPDX-License-Identifier: Apache-2.0
"""A process that takes commands on its standard input and polls meanwhile."""

import ctypes
import os
import select
import signal
import subprocess
import time

from errors import PerfError

PATIENCE = 60
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Frozen or not, a process of ours ends when we are killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """'argv', started with its output to be read and kept in 'log'."""

    def __init__(self, argv, log, env=None):
        self.argv, self.log, self.text = argv, log, ''
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=env, start_new_session=True,
            preexec_fn=die_with_parent)
        self.pid = self.process.pid
        self.ready_ns = None
        os.set_blocking(self.process.stdout.fileno(), False)

    def say(self, line):
        """Sends a line."""
        try:
            self.process.stdin.write(line.encode() + b'\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            self.give_up_ended()

    def take(self):
        """Reads what there is; returns False at the end."""
        data = self.process.stdout.read()
        if data:
            self.text += data.decode(errors='replace')
            with open(self.log, 'ab') as log:
                log.write(data)
        return data != b''

    def give_up(self, why):
        said = ''
        if os.path.exists(self.log):
            with open(self.log, encoding='utf-8', errors='replace') as log:
                said = log.read()[-300:].strip()
        raise PerfError('%s %s: %s' % (os.path.basename(self.argv[0]), why,
                                       said))

    def give_up_ended(self):
        status = self.process.wait()
        self.give_up('was killed by signal %d' % -status if status < 0
                     else 'ended with %d' % status)

    def expect(self, what, patience=PATIENCE):
        """Reads until 'what' is in the output, and returns all up to it."""
        deadline = time.monotonic() + patience
        while what not in self.text:
            left = deadline - time.monotonic()
            if left <= 0:
                self.give_up('does not say "%s"' % what.strip())
            select.select([self.process.stdout], [], [], left)
            if not self.take():
                self.give_up_ended()
        end = self.text.index(what) + len(what)
        got, self.text = self.text[:end], self.text[end:]
        return got

    def line(self, word):
        """Reads until a line that begins with 'word'; returns its words."""
        while True:
            words = self.expect('\n').split()
            if words and words[0] == word:
                return words

    def wait_ready(self):
        """Waits until an NF of nf.c is attached; 'ready_ns' is when."""
        self.ready_ns = int(self.line('ready')[1])

    def ask(self, line, until):
        """Sends a line and returns what comes after it, up to 'until'."""
        self.take()
        self.text = ''
        self.say(line)
        return self.expect(until)

    def end(self):
        """Ends the process by the end of its input, or else by force."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        deadline = time.monotonic() + 5
        while self.process.poll() is None and time.monotonic() < deadline:
            self.take()
            time.sleep(0.01)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
