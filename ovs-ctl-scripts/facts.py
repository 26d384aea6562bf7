# SPDX-License-Identifier: Apache-2.0
"""Prints what a libvirt domain needs to know of chain ports, as JSON.

    facts.py [--shm DIR] PORT... > FACTS

Asks the switch (ovs-appctl, ovs-vsctl) and looks at the files.  DIR is what
libvirt of the domain sees as /dev/shm, by default that.  Each PORT must exist
and have a vhost-user socket; the other chain ports are told, too:

    {"ports": {NAME: {"name", "pool", "access", "socket", "mac": or null,
                      "ring": FILE, "directory": ENTRY or null,
                      "pmd_nodes": [NODE...]}},
     "pools": {NAME: FILE with "config" and "nodes": [NODE...]}}

    FILE    {"path", "shmem", "size": bytes, "ways": [ENTRY...]}
    ENTRY   {"path", "uid", "gid", "mode"}

"path" is what QEMU opens; "shmem" is the name of the file below DIR, or null.
"ways" are the directories that lead to the file, and the file itself.  Exits
with 1 after a sentence on stderr.
"""

import argparse
import json
import os
import re
import sys

from switch import chain_show, fail, run, table

SHM = '/dev/shm'


def entry(path):
    found = os.stat(path)
    return {'path': path, 'uid': found.st_uid, 'gid': found.st_gid,
            'mode': found.st_mode & 0o7777}


def ways(path):
    """Returns the entries of the directories to a file, and its own."""
    path = os.path.realpath(path)
    parts = [path]
    while os.path.dirname(parts[0]) != parts[0]:
        parts.insert(0, os.path.dirname(parts[0]))
    return [entry(part) for part in parts]


def file_facts(path, shm):
    """Returns the facts of a file that a domain maps."""
    directory, name = os.path.split(path)
    inside = os.path.realpath(directory) == os.path.realpath(shm)
    try:
        return {'path': os.path.join(SHM, name) if inside else path,
                'shmem': name if inside else None,
                'size': os.stat(path).st_size, 'ways': ways(path)}
    except OSError as e:
        fail("%s: %s; is it this host's switch that runs?"
             % (path, e.strerror))


def pmd_nodes(text):
    """Returns the NUMA nodes of the threads that poll each port, from the
    output of dpif-netdev/pmd-rxq-show."""
    nodes, node = {}, None
    for line in text.splitlines():
        found = re.match(r'pmd thread numa_id (\d+)', line)
        if found:
            node = int(found[1])
        found = re.match(r'\s+port: (\S+)\s+queue-id:', line)
        if found and node is not None:
            nodes.setdefault(found[1], set()).add(node)
    return nodes


def mapped_nodes(text, path):
    """Returns the NUMA nodes on which pages of a file are, from the text of
    /proc/PID/numa_maps."""
    nodes = set()
    for line in text.splitlines():
        words = line.split()
        if 'file=' + path in words:
            nodes.update(int(word[1:].split('=')[0]) for word in words
                         if re.match(r'N\d+=', word))
    return nodes


def switch_maps():
    """Returns the text of the switch's numa_maps, or nothing."""
    rundir = os.environ.get('OVS_RUNDIR', '/var/run/openvswitch')
    try:
        with open(os.path.join(rundir, 'ovs-vswitchd.pid'),
                  encoding='ascii') as f:
            pid = int(f.read())
        with open('/proc/%d/numa_maps' % pid, encoding='utf-8') as f:
            return f.read()
    except (OSError, ValueError):
        return ''


def socket_directory(socket):
    """Returns the entry of the directory of a socket, or None."""
    try:
        return entry(os.path.realpath(os.path.dirname(socket)))
    except OSError:
        return None


def port_facts(show, interface, shm, nodes):
    socket = interface['options'].get('vhost-server-path', '')
    return {'name': show['name'], 'pool': show['pool'],
            'access': show['access'], 'socket': socket,
            'mac': interface['external_ids'].get('attached-mac'),
            'ring': file_facts(show['ring'], shm),
            'directory': socket_directory(socket) if socket else None,
            'pmd_nodes': sorted(nodes)}


def pool_facts(show, link, shm, config, maps):
    nodes = {show['node']} if show['node'] >= 0 else \
        mapped_nodes(maps, show['file'])
    if not (os.path.exists(link) and os.path.samefile(link, show['file'])):
        link = show['file']
    facts = file_facts(link, shm)
    facts.update(config=config, nodes=sorted(nodes))
    return facts


def check_ports(wanted, ports, interfaces):
    for name in wanted:
        if name not in interfaces:
            fail("no port '%s'; chain ports are: %s"
                 % (name, ' '.join(sorted(ports)) or 'none'))
        if name not in ports:
            fail("port '%s' has no options:chain-pool, or its pool is not "
                 "usable: ovs-vsctl get Interface %s status" % (name, name))
        if not ports[name]['socket']:
            fail("port '%s' has no socket for a VM: ovs-vsctl set Interface "
                 "%s options:vhost-server-path=/run/vm/%s.sock"
                 % (name, name, name))


def collect(shm):
    """Returns the facts, and the rows of all interfaces by name."""
    show = chain_show()
    interfaces = {row['name']: row for row in table(
        'Interface', 'name,options,external_ids')}
    config = table('Open_vSwitch', 'other_config')[0]['other_config']
    nodes = pmd_nodes(run('ovs-appctl', '-T', '10',
                          'dpif-netdev/pmd-rxq-show'))
    maps = switch_maps()
    ports = {port['name']: port_facts(
        port, interfaces[port['name']], shm, nodes.get(port['name'], ()))
        for port in show['ports'] if port['name'] in interfaces}
    links = {port['pool']: os.path.dirname(port['ring'])
             for port in show['ports']}
    pools = {}
    for pool in show['pools']:
        name = pool['name']
        link = os.path.join(links.get(name, SHM), 'ovs-chain.' + name)
        pools[name] = pool_facts(pool, link, shm, config.get(
            'chain-pool-' + name, ''), maps)
    return {'ports': ports, 'pools': pools}, interfaces


def main():
    parser = argparse.ArgumentParser(prog='facts.py')
    parser.add_argument('--shm', default=SHM)
    parser.add_argument('ports', nargs='*')
    args = parser.parse_args()
    facts, interfaces = collect(args.shm)
    check_ports(args.ports, facts['ports'], interfaces)
    json.dump(facts, sys.stdout, indent=1)
    print()


if __name__ == '__main__':
    main()
