#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "ovs-chain doctor" makes of what it reads."""

import mmap
import os
import tempfile
import types
import unittest
from unittest import mock

from domain_facts import new_facts

import doctor
import doctor_host
import doctor_switch
import doctor_vms
from doctor_result import FAIL, NOTE, OK, read

# A QEMU as libvirt 9.0 starts it, in what matters, and one started by hand.
LIBVIRT = r'''qemu-system-x86_64 -name guest=fw1,debug-threads=on
-machine pc-q35-7.2,usb=off,memory-backend=pc.ram
-object {"qom-type":"memory-backend-memfd","id":"pc.ram","share":true}
-chardev socket,id=charnet0,path=/run/vm/fw.sock,server=on
-netdev {"type":"vhost-user","chardev":"charnet0","id":"hostnet0"}
-object {"qom-type":"memory-backend-file","id":"shmmem-ring","mem-path":RING}
-device {"driver":"ivshmem-plain","id":"ring","memdev":"shmmem-ring"}
-object {"qom-type":"memory-backend-file","id":"shmmem-pool","mem-path":POOL}
-device {"driver":"ivshmem-plain","id":"pool","memdev":"shmmem-pool"}'''

BY_HAND = '''qemu-system-x86_64 -machine q35,memory-backend=m
-object memory-backend-file,id=m,size=128M,mem-path=/dev/hugepages,share=on
-chardev socket,path=/run/vm/fw.sock,server=on,wait=off,id=c
-object memory-backend-file,id=r,mem-path=/dev/shm/ovs-chain.blue.fw,share=on
-device ivshmem-plain,memdev=r
-object memory-backend-file,id=p,mem-path=/dev/shm/ovs-chain.blue,share=on
-device ivshmem-plain,memdev=p'''


def guest(text):
    text = text.replace('RING', '"/dev/shm/ovs-chain.blue.fw"').replace(
        'POOL', '"/dev/shm/ovs-chain.blue"')
    return doctor_vms.Guest(text.split())


def row(**more):
    return dict({'name': 'fw', 'type': 'dpdkvhostuserclient',
                 'options': {'chain-pool': 'blue'}, 'error': ['set', []]},
                **more)


def port(**more):
    return dict({'name': 'fw', 'state': 'attached', 'reason': '', 'pid': 7,
                 'stalled': False}, **more)


class Guests(unittest.TestCase):
    def problems(self, text):
        facts = new_facts()
        return list(doctor_vms.port_problems(
            guest(text), facts['ports']['fw'], facts['pools']['blue']))

    def test_all_is_well(self):
        self.assertEqual(self.problems(LIBVIRT), [])
        self.assertEqual(self.problems(BY_HAND), [])

    def test_socket(self):
        for text in LIBVIRT, BY_HAND:
            self.assertTrue(guest(text).has_socket('/run/vm/fw.sock'))
            self.assertFalse(guest(text).has_socket('/run/vm/fw.soc'))

    def test_memory(self):
        for text in (LIBVIRT.replace('"share":true', '"share":false'),
                     LIBVIRT.replace(',memory-backend=pc.ram', ''),
                     BY_HAND.replace('hugepages,share=on', 'hugepages')):
            text, = self.problems(text)
            self.assertIn('does not share its memory', text)

    def test_devices(self):
        for text in (LIBVIRT.replace('RING', '"/dev/shm/x"'),
                     BY_HAND.replace('ivshmem-plain,memdev=r', 'x')):
            text, = self.problems(text)
            self.assertIn('no ivshmem device for the ring file', text)
        text, = self.problems(BY_HAND.replace('-device ivshmem-plain,memdev=p',
                                              ''))
        self.assertIn('no ivshmem device for the pool', text)

    def test_device_added_later(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b'ring')
            file.flush()
            with mmap.mmap(file.fileno(), 4):
                late = doctor_vms.Guest([], 'self')
                self.assertTrue(late.has_file(file.name))
            late = doctor_vms.Guest([], 'self')
            self.assertFalse(late.has_file(file.name))
            self.assertFalse(late.has_file(file.name + '-none'))

    def test_commands(self):
        facts = new_facts()
        result, = doctor_vms.check_guest(
            guest(LIBVIRT.replace('POOL', '"/x"')), facts['ports']['fw'],
            facts['pools']['blue'])
        self.assertEqual(result.result, FAIL)
        self.assertEqual(result.commands[0],
                         ['ovs-chain', 'vm', 'attach', 'fw1', 'fw'])


class Versions(unittest.TestCase):
    def check(self, *words):
        return doctor_vms.check_version('QEMU', *words).result

    def test_versions(self):
        self.assertEqual(self.check((7, 2), (7, 2), 'p'), OK)
        self.assertEqual(self.check((10, 0), (7, 2), 'p'), OK)
        self.assertEqual(self.check((7, 1), (7, 2), 'p'), FAIL)
        self.assertEqual(self.check((), (7, 2), 'p'), NOTE)

    def test_upstream(self):
        for text, found in (('3.1.0-2+deb12u1', '3.1.0'),
                            ('1:3.5.0~rc1-1', '3.5.0'), ('x', '')):
            self.assertEqual(doctor_host.upstream(text), found)


class Account(unittest.TestCase):
    def test_conf(self):
        text = ('#user = "no"\nuser = "+6"\nuser = "+7"\n'
                '  group="+9"\n')
        self.assertEqual(doctor_vms.qemu_user(text)[:2], (7, 9))
        self.assertIsNone(doctor_vms.conf_value(text, 'security_driver'))


class Confinement(unittest.TestCase):
    """As with the kernel's files of these, and labels, of a host that has
    them."""

    def results(self, files, label='root:object_r:hugetlbfs_t:s0'):
        asked = types.SimpleNamespace(facts=new_facts())
        with mock.patch.object(doctor_vms, 'read',
                               lambda path: files.get(path, '')), \
                mock.patch.object(os.path, 'isdir', lambda path: True), \
                mock.patch.object(os, 'getxattr',
                                  lambda path, name: label.encode()):
            return list(doctor_vms.check_confinement(asked))

    def test_none(self):
        result, = self.results({})
        self.assertEqual(result.result, OK)

    def test_selinux(self):
        enforced = {'/sys/fs/selinux/enforce': '1'}
        result, = self.results(enforced)
        self.assertEqual(result.result, FAIL)
        self.assertEqual(result.commands[0][:3],
                         ['chcon', '-t', 'svirt_image_t'])
        # Four rings, two pools.
        self.assertEqual(len(result.commands[0]), 3 + 6)
        result, = self.results(enforced, 'system_u:object_r:svirt_image_t:s0')
        self.assertEqual(result.result, OK)
        result, = self.results({'/sys/fs/selinux/enforce': '0'})
        self.assertEqual(result.result, OK)

    def test_apparmor(self):
        enabled = {'/sys/module/apparmor/parameters/enabled': 'Y'}
        for result in self.results(enabled):
            self.assertEqual(result.result, FAIL)
            self.assertIn('AppArmor', result.text)
        enabled[doctor_vms.CONF] = 'security_driver = "none"'
        result, = self.results(enabled)
        self.assertEqual(result.result, OK)


class Restart(unittest.TestCase):
    def results(self, **config):
        asked = types.SimpleNamespace(config=config)
        with tempfile.TemporaryDirectory() as path, \
                mock.patch.object(doctor_host, 'MOVE', path):
            yield from doctor_host.check_restart(asked)
            with open(path + '/begun', 'w', encoding='ascii'):
                yield from doctor_host.check_restart(asked)

    def test_restart(self):
        well, begun = self.results()
        self.assertEqual(well.result, OK)
        self.assertEqual([one[0] for one in begun.commands], ['sh'])
        waits, begun = self.results(**{'flow-restore-wait': 'true'})
        self.assertEqual([one[0] for one in waits.commands], ['ovs-vsctl'])
        self.assertEqual([one[0] for one in begun.commands], ['sh'])


class Ports(unittest.TestCase):
    def test_ports(self):
        check = doctor_switch.check_port
        for result, words, text in (
                (OK, (row(), port()), 'has an NF'),
                (FAIL, (row(error='no pool'), None), 'no pool'),
                (FAIL, (row(), None), 'is not'),
                (FAIL, (row(), port(state='refused', reason='wrong ABI')),
                 'refused: wrong ABI'),
                (FAIL, (row(), port(stalled=True)), 'process 7, takes no'),
                (NOTE, (row(), port(state='detached')), 'has no NF'),
                (OK, (row(type='dpdk'), None), 'receives into pool blue')):
            found = check('fw', *words)
            self.assertEqual(found.result, result, text)
            self.assertIn(text, found.text)


class Pools(unittest.TestCase):
    def test_settings(self):
        self.assertEqual(doctor_switch.settings('"64M,node=1"'),
                         {'size': '64M', 'node': '1'})
        self.assertEqual(doctor_host.mib('1G'), 1024)
        self.assertEqual(doctor_host.mib('33554432'), 32)

    def test_log(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'log')
            with open(path, 'w', encoding='utf-8') as f:
                f.write('2026|00001|chain|ERR|pool blue: too large\n'
                        '2026|00002|chain|INFO|pool blue: removed\n'
                        '2026|00003|chain|ERR|pool blues: other\n')
            self.assertEqual(doctor_switch.last_line(path, r'pool blue\b'),
                             'pool blue: too large')

    def test_unusable(self):
        self.assertEqual(doctor_switch.unusable_pools(
            'pool blue: 64 MiB\npool far: not usable: no hugetlbfs\n'),
                         {'far': 'no hugetlbfs'})

    def test_wanted(self):
        asked = types.SimpleNamespace(
            show={'pools': [{'name': 'red'}]},
            pools=lambda: {'red': {'size': '1G'}, 'blue': {'size': '64M'},
                           'far': {'size': '32M', 'node': '1'}})
        self.assertEqual(doctor_host.wanted_hugepages(asked),
                         {'': 64, '1': 32})


class Hugepages(unittest.TestCase):
    """On a host with two nodes."""

    def results(self, free, **pools):
        pools = {name: dict(zip(('size', 'node'), value))
                 for name, value in pools.items()}
        asked = types.SimpleNamespace(show=None, pools=lambda: pools)
        found = {'/node0': (512, free[0], 'hugepages-2048kB'),
                 '/node1': (512, free[1], 'hugepages-2048kB')}
        with mock.patch.object(doctor_host.glob, 'glob',
                               lambda pattern: list(found)), \
                mock.patch.object(doctor_host, 'node_hugepages', found.get):
            return [one.result for one in doctor_host.check_hugepages(asked)]

    def test_node(self):
        self.assertEqual(self.results((0, 64), blue=('64M', '1')), [OK, OK])
        self.assertEqual(self.results((64, 0), blue=('64M', '1')), [OK, FAIL])

    def test_any_node(self):
        for free in (64, 0), (0, 64), (32, 32):
            self.assertEqual(self.results(free, blue=('64M',)), [OK, OK])
        self.assertEqual(self.results((30, 32), blue=('64M',)), [OK, FAIL])
        self.assertEqual(self.results((32, 32), blue=('48M',),
                                      red=('32M', '0')), [OK, FAIL])


class Result(unittest.TestCase):
    def test_read(self):
        """Processes have names of any bytes."""
        with tempfile.NamedTemporaryFile() as f:
            f.write(b'kvm\0\xff')
            f.flush()
            self.assertEqual(read(f.name)[:4], 'kvm\0')
        self.assertEqual(read('/nowhere'), '')

    def test_silent(self):
        with tempfile.TemporaryDirectory() as folder:
            for path, word in (('/', 'start'), (folder + '/no', 'install')):
                with mock.patch.object(doctor_host, 'OVS_CTL', path):
                    self.assertIn(word, doctor.silent(None).commands[0])


class Cores(unittest.TestCase):
    def results(self, mask):
        asked = types.SimpleNamespace(config={'pmd-cpu-mask': mask})
        return [one.result for one in doctor_host.check_cores(asked)]

    def test_mask(self):
        self.assertEqual(self.results(''), [NOTE])
        self.assertEqual(self.results('0x0'), [FAIL])
        self.assertEqual(self.results('zz'), [FAIL])
        self.assertEqual(self.results('0x' + '8' + '0' * 64), [FAIL])
        self.assertIn(self.results('1'), ([NOTE], [OK]))


if __name__ == '__main__':
    unittest.main()
