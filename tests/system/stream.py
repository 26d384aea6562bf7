# SPDX-License-Identifier: Apache-2.0
"""A TCP connection on which the server sends numbered blocks without end and
the client checks each of them.

    stream.py serve ADDRESS PORT
    stream.py check ADDRESS PORT PROGRESS STOP

The client writes the bytes checked so far to file PROGRESS, and ends with 0
when file STOP exists.  Either ends with 1 when the connection breaks or is
silent for a minute, the client also when a byte is wrong.
"""

import hashlib
import os
import socket
import struct
import sys

BLOCK = 1 << 16
SILENCE = 600                   # Seconds: TCP gives up after more.


def block(number):
    seed = hashlib.sha256(struct.pack('!Q', number)).digest()
    return seed * (BLOCK // len(seed))


def serve(address):
    with socket.create_server(address) as listener:
        sock, _ = listener.accept()
    sock.settimeout(SILENCE)
    number = 0
    try:
        while True:
            sock.sendall(block(number))
            number += 1
    except (BrokenPipeError, ConnectionResetError):
        return  # The client has seen enough.


def read_block(sock):
    parts = []
    missing = BLOCK
    while missing:
        part = sock.recv(missing)
        if not part:
            sys.exit('stream: the server closed the connection')
        parts.append(part)
        missing -= len(part)
    return b''.join(parts)


def write_progress(name, size):
    with open(name + '.new', 'w', encoding='ascii') as f:
        f.write('%d\n' % size)
    os.rename(name + '.new', name)


def check(address, progress, stop):
    sock = socket.create_connection(address, SILENCE)
    number = 0
    while not os.path.exists(stop):
        if read_block(sock) != block(number):
            sys.exit('stream: block %d is wrong' % number)
        number += 1
        if number % 16 == 0:
            write_progress(progress, number * BLOCK)
    write_progress(progress, number * BLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack('ii', 1, 0))
    sock.close()


def main():
    address = (sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == 'serve':
        serve(address)
    else:
        check(address, sys.argv[4], sys.argv[5])


if __name__ == '__main__':
    main()
