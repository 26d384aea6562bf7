# SPDX-License-Identifier: Apache-2.0
"""Talks to a VM of a test.

    guest.py run SOCKET SECONDS COMMAND    runs a shell command in the guest,
                                           prints its output, ends as it does
    guest.py qmp SOCKET COMMAND            one command for QEMU, such as stop

SOCKET is the guest's second serial port, on which a root shell listens, or
QEMU's QMP.
"""

import json
import os
import socket
import sys
import time


def connect(path, seconds):
    """Returns a connection, whose reads end by the deadline."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(seconds)
    stream.connect(path)
    return stream


def receive(stream, deadline):
    stream.settimeout(max(deadline - time.monotonic(), 0.01))
    data = stream.recv(65536)
    if not data:
        sys.exit('guest.py: the VM has closed the connection')
    return data


def run(path, seconds, command):
    """Runs 'command' and returns its output and its exit status.

    It becomes one line, as the guest's shell wants it.  What the guest still
    had to say from before comes before a first mark."""
    deadline = time.monotonic() + seconds
    stream = connect(path, seconds)
    mark = 'mark-%d-%d' % (os.getpid(), time.monotonic_ns())
    # Written apart, so that no echo of the command looks like a mark, and in a
    # line of its own, which comes even if the command is none.
    stream.sendall(('echo "%s""-begin"\n(%s) 2>&1 < /dev/null\n'
                    'echo "%s""-end $?"\n'
                    % (mark, command.replace('\n', ' '), mark)).encode())
    data = ''
    while True:
        head, end, tail = data.partition(mark + '-end ')
        if end and '\n' in tail:
            break
        try:
            data += receive(stream, deadline).decode(errors='replace')
        except socket.timeout:
            sys.exit('guest.py: no answer within %d s: %s\n%s'
                     % (seconds, command, data))
    output = head.partition(mark + '-begin')[2].replace('\r', '')
    return output.lstrip('\n'), int(tail.split()[0])


def qmp(path, command):
    """Gives QEMU one command without arguments."""
    stream = connect(path, 30).makefile('rw')
    stream.readline()
    for name in ('qmp_capabilities', command):
        stream.write(json.dumps({'execute': name}) + '\n')
        stream.flush()
        answer = {}
        while 'return' not in answer and 'error' not in answer:
            answer = json.loads(stream.readline())
        if 'error' in answer:
            sys.exit('guest.py: %s: %s' % (name, answer['error']['desc']))
    return answer['return']


def main():
    if sys.argv[1] == 'run':
        output, status = run(sys.argv[2], float(sys.argv[3]), sys.argv[4])
        sys.stdout.write(output)
        sys.exit(status)
    print(json.dumps(qmp(sys.argv[2], sys.argv[3])))


if __name__ == '__main__':
    main()
