#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "ovs-chain vm attach" says of permissions and NUMA nodes."""

import copy
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET
from unittest import mock

from domain_facts import entry, new_facts

import facts as gathered
import placement


class Placement(unittest.TestCase):
    def setUp(self):
        self.facts = new_facts()
        self.who = placement.Who(64055, 64055, {64055})

    def texts(self, who=None):
        return [(one.text, one.ours) for one in placement.access_problems(
            who or self.who, self.facts, ['fw', 'ids'])]

    def test_all_is_well(self):
        self.assertEqual(self.texts(), [])

    def test_root_may_all(self):
        self.facts['pools']['blue']['ways'][-1]['gid'] = 0
        self.assertEqual(self.texts(placement.Who(0, 0, {0})), [])

    def test_group(self):
        self.facts['pools']['blue']['ways'][-1]['gid'] = 0
        (text, ours), = self.texts()
        self.assertRegex(text, r'may not open /dev/shm/ovs-chain.blue '
                         r'\(root:root, mode 0660\)$')
        self.assertTrue(ours)

    def test_group_of_others(self):
        self.facts['ports']['fw']['ring']['ways'][-1]['gid'] = 99999
        (text, ours), = self.texts()
        self.assertRegex(text, r'blue\.fw \(root:\+99999, mode 0660\)$')
        self.assertFalse(ours)

    def test_supplementary_group(self):
        self.facts['ports']['fw']['ring']['ways'][-1]['gid'] = 99999
        self.assertEqual(self.texts(self.who._replace(
            groups={64055, 99999})), [])

    def test_key(self):
        self.facts['pools']['blue']['config'] = '64M'
        problem, = placement.access_problems(self.who, self.facts, ['fw'])
        self.assertRegex(problem.commands[0][-1],
                         '^other_config:chain-pool-blue="64M,group=.+"$')

    def test_directories(self):
        self.facts['pools']['blue']['ways'][1]['mode'] = 0o700
        (text, ours), = self.texts()
        self.assertRegex(text, 'does not get through /dev/shm ')
        self.assertFalse(ours)

    def test_socket_directory(self):
        self.facts['ports']['fw']['directory'] = None
        self.facts['ports']['ids']['directory'] = None
        self.assertEqual(self.texts(), [(
            'the directory /run/vm for the socket of fw is missing', True)])
        with tempfile.TemporaryDirectory() as path:
            place = entry(path, mode=0o755)
            self.facts['ports']['fw']['directory'] = place
            self.assertTrue(self.texts()[0][1])
            with open(os.path.join(path, 'theirs'), 'w', encoding='ascii'):
                self.assertFalse(self.texts()[0][1])

    def test_user(self):
        capabilities = ET.fromstring('''<capabilities><host><secmodel>
            <model>dac</model><doi>0</doi>
            <baselabel type='kvm'>+64055:+64056</baselabel>
            <baselabel type='qemu'>+1:+2</baselabel>
            </secmodel></host></capabilities>''')
        domain = ET.fromstring("<domain type='kvm'/>")
        label = placement.qemu_label(capabilities, domain)
        self.assertEqual(placement.who_is(label)[:2], (64055, 64056))
        own = ET.fromstring(
            "<domain type='kvm'><seclabel type='static' model='dac'>"
            "<label>root:root</label></seclabel></domain>")
        label = placement.qemu_label(capabilities, own)
        self.assertEqual(placement.who_is(label)[:2], (0, 0))
        self.assertIsNone(placement.who_is('no-such-user:root'))

    def test_apparmor(self):
        texts = [one.text for one in placement.apparmor_problems(
            self.facts, ['fw', 'ids'])]
        self.assertEqual(texts, ['AppArmor confines QEMU and does not know '
                                 '/dev/shm/ovs-chain.blue'])

    def test_apparmor_is_told(self):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(placement, 'LOCAL_PROFILE',
                                  folder + '/abstractions/libvirt-qemu'):
            for n_left in 1, 0:
                found = list(placement.apparmor_problems(self.facts,
                                                         ['fw', 'ids']))
                self.assertEqual(len(found), n_left)
                for problem in found:
                    for command in problem.commands:
                        subprocess.run(command, check=True)
            with open(placement.LOCAL_PROFILE, encoding='ascii') as f:
                self.assertEqual(f.read(), '/dev/shm/ovs-chain.blue r,\n')


class Numa(unittest.TestCase):
    def setUp(self):
        self.facts = new_facts()

    def lines(self, pools, pmd, of_domain):
        facts = copy.deepcopy(self.facts)
        facts['pools']['blue']['nodes'] = pools
        facts['ports']['fw']['pmd_nodes'] = pmd
        return list(placement.numa_warnings(facts, ['fw'], of_domain))

    def test_mismatches(self):
        self.assertEqual(self.lines([0], [0], {0}), [])
        self.assertEqual(self.lines([0, 1], [0], {1})[0][:33],
                         'NUMA: the switch polls fw from no')
        self.assertEqual(len(self.lines([1], [0], {0})), 2)
        self.assertEqual(len(self.lines([0], [0], {1})), 2)
        self.assertEqual(len(self.lines([1], [0], set())), 1)
        self.assertEqual(self.lines([], [], {0, 1}), [])

    def test_domain_nodes(self):
        nodes = {0: 0, 1: 0, 2: 1, 3: 1}
        for text, expected in (
                ("<vcpu>2</vcpu>", set()),
                ("<vcpu cpuset='0-3,^2,^3'>2</vcpu>", {0}),
                ("<cputune><vcpupin vcpu='0' cpuset='3'/></cputune>", {1}),
                ("<numatune><memory mode='strict' nodeset='0-1'/></numatune>",
                 {0, 1})):
            domain = ET.fromstring('<domain>%s</domain>' % text)
            self.assertEqual(placement.domain_nodes(domain, nodes), expected)

    def test_numbers(self):
        self.assertEqual(placement.numbers('0-3,^1, 8'), {0, 2, 3, 8})
        self.assertEqual(placement.numbers(None), set())

    def test_outputs_of_tools(self):
        text = '''pmd thread numa_id 0 core_id 1:
  isolated : false
  port: fw                queue-id:  0 (enabled)   pmd usage: NOT AVAIL
pmd thread numa_id 1 core_id 9:
  port: fw                queue-id:  1 (enabled)   pmd usage: NOT AVAIL
'''
        self.assertEqual(gathered.pmd_nodes(text), {'fw': {0, 1}})
        maps = ('7f0 local file=/dev/hugepages/ovs-chain.blue huge N1=32 '
                'kernelpagesize_kB=2048\n7f1 default file=/x N0=1\n')
        self.assertEqual(gathered.mapped_nodes(
            maps, '/dev/hugepages/ovs-chain.blue'), {1})


if __name__ == '__main__':
    unittest.main(verbosity=0)
