# SPDX-License-Identifier: Apache-2.0
"""Prints what QEMU needs to know of the ports that a VM gets.

    guest-ports.py PORT...

A line for each port, with a tab between the fields:

    access (rw or ro)  MAC  socket  ring file  bytes  pool file  bytes

Exits with 1 after a sentence on stderr if a port is not fit for a VM.
"""

import hashlib
import os
import sys

import devices
import facts

LISTENS = 0x10000               # Flag in /proc/net/unix: __SO_ACCEPTCON.


def mac_address(name, external_ids):
    """Returns the address of the VM's NIC: the one that the Interface tells,
    else one that depends on the port's name alone, locally administered."""
    told = external_ids.get('attached-mac')
    if told:
        return told
    digest = hashlib.sha256(name.encode()).digest()
    return ':'.join('%02x' % byte for byte in b'\x52\x54' + digest[:4])


def check_size(name, file):
    """Checks that QEMU can give a file's memory to a VM."""
    size = file['size']
    if size < 4096 or size & (size - 1):
        facts.fail("port '%s': %s has %d bytes; QEMU takes a power of two only"
                   % (name, file['path'], size))


def is_listened_on(path, sockets):
    """Returns whether a process listens on 'path', by 'sockets', the text of
    /proc/net/unix."""
    for line in sockets.splitlines()[1:]:
        words = line.split(maxsplit=7)
        if len(words) == 8 and words[7] == path:
            if int(words[3], 16) & LISTENS:
                return True
    return False


def check_socket(name, path, sockets):
    """Checks that QEMU can listen on 'path'."""
    folder = os.path.dirname(path)
    if not path.startswith('/'):
        facts.fail("port '%s': its socket '%s' is no absolute path"
                   % (name, path))
    if not os.path.isdir(folder):
        facts.fail("port '%s': its socket's directory is not there; make it:"
                   " mkdir -p %s" % (name, folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        facts.fail("port '%s': cannot write to %s, where its socket belongs"
                   % (name, folder))
    if is_listened_on(path, sockets):
        facts.fail("port '%s': a VM that runs has its socket %s; end that one"
                   " first" % (name, path))


def main():
    """Prints the lines of the ports that the command line names."""
    names = sys.argv[1:]
    found, interfaces = facts.collect(facts.SHM)
    facts.check_ports(names, found['ports'], interfaces)
    if len(set(names)) != len(names):
        facts.fail("a port is named twice: %s" % ' '.join(names))
    many = devices.too_many([found['ports'][name]['pool'] for name in names])
    if many:
        facts.fail(many)
    external_ids = {row['name']: row['external_ids'] for row in
                    facts.table('Interface', 'name,external_ids')}
    with open('/proc/net/unix', encoding='utf-8') as file:
        sockets = file.read()
    for name in names:
        port = found['ports'][name]
        pool = found['pools'][port['pool']]
        check_socket(name, port['socket'], sockets)
        for file in port['ring'], pool:
            check_size(name, file)
        print(port['access'], mac_address(name, external_ids[name]),
              port['socket'], port['ring']['path'], port['ring']['size'],
              pool['path'], pool['size'], sep='\t')


if __name__ == '__main__':
    main()
