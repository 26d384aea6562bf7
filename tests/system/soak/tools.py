# SPDX-License-Identifier: Apache-2.0
"""What every part of the soak uses."""

import collections
import os
import re
import select
import signal
import struct
import subprocess
import time

PATIENCE = 300                  # Seconds for what must come true.

# What a process may hold more than when it was new: the switch's thread that
# attaches and detaches NFs makes a pipe when it first waits for RCU.
ONCE = {'pipe:[N]': 2}


class Broken(Exception):
    """Something is wrong, and the soak cannot go on."""


def child(argv, **options):
    """Starts a program that ends with this one."""
    options.setdefault('stdin', subprocess.DEVNULL)
    return subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *argv],
                            **options)


def run(argv, **options):
    """Runs a command and returns what it prints."""
    done = subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False,
                          timeout=PATIENCE, **options)
    if done.returncode:
        raise Broken('%s: %s' % (' '.join(argv), done.stderr.strip()))
    return done.stdout


def until(what, test, *args, patience=PATIENCE):
    """Waits until test(*args) is true, and returns what it returns."""
    deadline = time.monotonic() + patience
    while True:
        result = test(*args)
        if result:
            return result
        if time.monotonic() > deadline:
            raise Broken('this does not come true: ' + what)
        time.sleep(0.005)


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def command(pid):
    """Returns the command line and the environment of a process."""
    def strings(name):
        with open('/proc/%d/%s' % (pid, name), encoding='utf-8') as f:
            return f.read().rstrip('\0').split('\0')

    return strings('cmdline'), dict(s.split('=', 1)
                                    for s in strings('environ'))


def end(pid, number=signal.SIGKILL, patience=PATIENCE):
    """Ends a process, and returns when all of its threads have: until then it
    keeps its files and locks, though it may be called a zombie already."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if number:
            signal.pidfd_send_signal(fd, number)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(patience * 1000):
            raise Broken('process %d does not end' % pid)
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)


def children(pid):
    """Returns the processes that 'pid' has started."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/stat' % name, encoding='ascii') as f:
                fields = f.read().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(name))
    return found


def unread(ring_file):
    """Returns how many empty buffers lie in the fill rings of a port: its own
    to take, by vhost-chain(7)."""
    with open(ring_file, 'rb') as f:
        data = f.read()
    n_queues, _, ring_bytes, rings_off = struct.unpack_from('<4I', data, 24)
    n = 0
    for queue in range(n_queues):
        fill = rings_off + (3 * queue + 2) * ring_bytes
        prod, = struct.unpack_from('<I', data, fill)
        cons, = struct.unpack_from('<I', data, fill + 128)
        n += prod - cons & 0xffffffff
    return n


class Held:
    """What a process holds: KiB of memory, descriptors, threads."""

    def __init__(self, pid):
        self.pid = pid
        with open('/proc/%d/status' % pid, encoding='ascii') as f:
            status = dict(line.split(':', 1) for line in f)
        self.rss = int(status['VmRSS'].split()[0])
        self.fds = sorted(links('/proc/%d/fd' % pid))
        self.threads = sorted(comms('/proc/%d/task' % pid))

    def more_than(self, other):
        """Returns what this holds and 'other' did not, in words."""
        found = []
        for what in 'fds', 'threads':
            extra = (collections.Counter(getattr(self, what))
                     - collections.Counter(getattr(other, what)))
            found.extend('%d more of %s' % (n, name)
                         for name, n in sorted(extra.items())
                         if n > ONCE.get(name, 0))
        return found


def links(directory):
    """Yields where descriptors lead, without what is different each time."""
    for name in os.listdir(directory):
        try:
            link = os.readlink(os.path.join(directory, name))
        except FileNotFoundError:
            continue
        yield re.sub(r'[0-9]+', 'N', link)


def comms(directory):
    """Yields the names of threads."""
    for name in os.listdir(directory):
        try:
            with open(os.path.join(directory, name, 'comm'),
                      encoding='ascii') as f:
                yield re.sub(r'[0-9]+', 'N', f.read().strip())
        except (FileNotFoundError, ProcessLookupError):
            continue
