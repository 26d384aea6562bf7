# SPDX-License-Identifier: Apache-2.0
"""Facts of ports as facts.py prints them, for tests of what is made of them.
Importing this puts ovs-ctl-scripts/ into the path of modules."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ.get('srcdir', os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..')), 'ovs-ctl-scripts'))

MIB = 1 << 20


def entry(path, uid=0, gid=0, mode=0o755):
    return {'path': path, 'uid': uid, 'gid': gid, 'mode': mode}


def file(name, size, gid=64055):
    path = '/dev/shm/' + name
    return {'path': path, 'shmem': name, 'size': size, 'ways': [
        entry('/'), entry('/dev/shm'), entry(path, gid=gid, mode=0o660)]}


def port(name, pool='blue', access='rw'):
    return {'name': name, 'pool': pool, 'access': access,
            'socket': '/run/vm/%s.sock' % name, 'mac': None,
            'ring': file('ovs-chain.%s.%s' % (pool, name), MIB),
            'directory': entry('/run/vm', 64055, 64055), 'pmd_nodes': [0]}


def pool(name, **more):
    return dict(file('ovs-chain.' + name, 64 * MIB),
                config='size=64M,group=kvm', nodes=[0], **more)


def new_facts():
    ports = [port('fw'), port('ids', access='ro'), port('fw.2'),
             port('red0', 'red')]
    return {'ports': {one['name']: one for one in ports},
            'pools': {name: pool(name) for name in ('blue', 'red')}}
