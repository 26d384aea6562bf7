# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own, types a key when it has shown
something twice, and fails unless it then ends well and leaves the terminal as
it was.

    terminal.py q|^C COMMAND...
"""

import os
import pty
import select
import signal
import sys
import termios
import time

HOME, LEAVE, CURSOR = b'\x1b[H', b'\x1b[?1049l', b'\x1b[?25h'
PATIENCE = 60


def read_until(fd, enough):
    """Returns what a terminal shows until 'enough' says so, or its end."""
    shown = b''
    deadline = time.monotonic() + PATIENCE
    while not enough(shown):
        left = deadline - time.monotonic()
        if left < 0 or not select.select([fd], [], [], left)[0]:
            sys.exit('terminal: it shows no more than %r' % shown[-1000:])
        try:
            more = os.read(fd, 4096)
        except OSError:         # The other end is closed.
            break
        if not more:
            break
        shown += more
    return shown


def main():
    key = {'q': b'q', '^C': b'\x03'}[sys.argv[1]]
    pid, fd = pty.fork()
    if pid == 0:
        # In the background of a script it is ignored, which is inherited.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp(sys.argv[2], sys.argv[2:])
    before = termios.tcgetattr(fd)
    read_until(fd, lambda shown: shown.count(HOME) >= 2)
    if termios.tcgetattr(fd)[3] & termios.ICANON:
        sys.exit('terminal: a key would need Enter')
    os.write(fd, key)
    rest = read_until(fd, lambda shown: LEAVE in shown)
    after = termios.tcgetattr(fd)
    read_until(fd, lambda shown: False)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status or LEAVE not in rest or CURSOR not in rest:
        sys.exit('terminal: it ends with %d, after %r' % (status, rest))
    if after != before:
        sys.exit('terminal: modes are %r, not %r' % (after, before))


if __name__ == '__main__':
    main()
