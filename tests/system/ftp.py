# SPDX-License-Identifier: Apache-2.0
"""A server of one file, and a client that fetches it, by FTP.

    ftp.py serve ADDRESS FILE
    ftp.py get ADDRESS active|passive

The server listens on port 21 until it is killed.  In active mode the client
names the address and port of the data connection, in passive mode the server
does.  The client writes what it got to its standard output.
"""

import ftplib
import socket
import sys

SILENCE = 60


def numbers(address):
    """Returns 'address', a host and a port, as FTP writes it."""
    host, port = address
    return ','.join(host.split('.') + [str(port >> 8), str(port & 0xff)])


def parse(text):
    part = text.split(',')
    return '.'.join(part[:4]), int(part[4]) << 8 | int(part[5])


class Session:
    """One control connection."""

    def __init__(self, sock, data):
        self.sock = sock
        self.data = data
        self.target = None
        self.listener = None

    def reply(self, text):
        self.sock.sendall(text.encode('ascii') + b'\r\n')

    def connect(self):
        if self.listener:
            return self.listener.accept()[0]
        return socket.create_connection(self.target, SILENCE)

    def passive(self):
        host = self.sock.getsockname()[0]
        self.listener = socket.create_server((host, 0))
        self.listener.settimeout(SILENCE)
        self.reply('227 Entering Passive Mode (%s)'
                   % numbers(self.listener.getsockname()))

    def retrieve(self):
        self.reply('150 Here it comes')
        with self.connect() as connection:
            connection.sendall(self.data)
        self.reply('226 That was it')

    def run(self):
        self.reply('220 Hello')
        for line in self.sock.makefile('r', encoding='ascii'):
            verb, _, argument = line.strip().partition(' ')
            if verb == 'PORT':
                self.target = parse(argument)
                self.reply('200 I will')
            elif verb == 'PASV':
                self.passive()
            elif verb == 'RETR':
                self.retrieve()
            elif verb == 'QUIT':
                self.reply('221 Bye')
                return
            elif verb == 'USER':
                self.reply('230 Come in')
            else:
                self.reply('200 As you like')


def serve(host, name):
    with open(name, 'rb') as f:
        data = f.read()
    with socket.create_server((host, 21)) as listener:
        while True:
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(SILENCE)
                Session(sock, data).run()


def get(host, mode):
    with ftplib.FTP(host, timeout=SILENCE) as ftp:
        ftp.login()
        ftp.set_pasv(mode == 'passive')
        ftp.retrbinary('RETR file', sys.stdout.buffer.write)


if __name__ == '__main__':
    {'serve': serve, 'get': get}[sys.argv[1]](*sys.argv[2:])
