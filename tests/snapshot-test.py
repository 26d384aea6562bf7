#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "ovs-chain enable" takes for a change of the switch."""

import copy
import tempfile
import unittest
from unittest import mock

import domain_facts  # pylint: disable=unused-import  # The path of modules.
import snapshot

BRIDGE = {'datapath id': '0000aabbccddeeff', 'datapath type': 'netdev',
          'ports': ['tap0', 'vm'], 'flows': ['in_port=1 actions=2'],
          'groups': [], 'meters': ['meter=7 pktps bands=type=drop rate=9']}
PORT = {'type': 'internal', 'OpenFlow port': '1', 'error': '',
        'request': '', 'chain': False}


def picture():
    return {'dpdk': 'True', 'bridges': {'br0': copy.deepcopy(BRIDGE)},
            'interfaces': {'tap0': dict(PORT), 'vm': dict(PORT)}}


class Compare(unittest.TestCase):
    def setUp(self):
        self.old, self.new = picture(), picture()

    def said(self, plain=False):
        return list(snapshot.compare(self.old, self.new, plain))

    def test_same(self):
        self.assertEqual(self.said(), [])

    def test_dpdk(self):
        self.new['dpdk'] = 'False'
        self.assertEqual(len(self.said()), 1)

    def test_lists(self):
        for key in 'flows', 'groups', 'meters', 'ports':
            self.new = picture()
            self.new['bridges']['br0'][key].append('more')
            self.assertEqual(self.said(), [
                'bridge br0: of its %s, this is new: more' % key])
        self.new = picture()
        self.new['bridges']['br0']['flows'] = []
        self.assertIn('this is gone: in_port=1', self.said()[0])

    def test_values(self):
        self.new['bridges']['br0']['datapath id'] = '0'
        self.new['interfaces']['vm']['OpenFlow port'] = '2'
        self.assertEqual(self.said(), [
            'the datapath id of bridge br0 was 0000aabbccddeeff and is 0',
            'the OpenFlow port of port vm was 1 and is 2'])

    def test_errors(self):
        """An error that was there before is none of ours."""
        self.new['interfaces']['vm']['error'] = 'broken'
        self.assertEqual(self.said(), ['port vm has an error: broken'])
        self.old['interfaces']['vm']['error'] = 'broken'
        self.assertEqual(self.said(), [])
        self.new['interfaces']['vm']['error'] = ''
        self.assertEqual(self.said(), [])

    def test_port_with_error(self):
        self.old['interfaces']['vm'].update({'error': 'x',
                                             'OpenFlow port': '-1'})
        self.assertEqual(self.said(), [])

    def test_plain(self):
        """What only the patched switch knows is an error to another."""
        for picture in self.old, self.new:
            picture['interfaces']['vm']['chain'] = True
        self.new['interfaces']['vm'].update({'error': 'x',
                                             'OpenFlow port': '-1'})
        self.assertEqual(self.said(plain=True), [])
        self.assertEqual(len(self.said()), 2)

    def test_gone(self):
        del self.new['interfaces']['vm']
        self.new['bridges']['br1'] = copy.deepcopy(BRIDGE)
        self.assertEqual(self.said(), ['bridge br1 is new', 'port vm is gone'])


class Pin(unittest.TestCase):
    def setUp(self):
        self.old, snapshot.addresses = snapshot.addresses, lambda: []

    def tearDown(self):
        snapshot.addresses = self.old

    def test_numbers(self):
        before = picture()
        before['interfaces']['br0'] = dict(PORT, **{'OpenFlow port': '65534'})
        before['interfaces']['bad'] = dict(PORT, **{'OpenFlow port': '-1'})
        before['interfaces']['own'] = dict(PORT, request='1')
        before['interfaces']['vm']['chain'] = True
        self.assertEqual([line.split()[4] for line in snapshot.pin(before)],
                         ['tap0', 'vm'])
        self.assertIn('ofport_request=1', next(snapshot.pin(before)))
        names = [line.split()[4] for line in snapshot.unpin(before, False)]
        self.assertEqual(names, ['tap0', 'vm', 'br0', 'bad'])
        self.assertNotIn('clear Interface vm', ''.join(
            snapshot.unpin(before, True)))


class Newest(unittest.TestCase):
    """What ovs-save(8) loses."""

    def commands(self, folder, protocols):
        dumps = {('groups', 'OpenFlow14'): ['group_id=1'],
                 ('groups', 'OpenFlow15'): ['group_id=1,fields(ip_src)'],
                 ('flows', 'OpenFlow14'): ['igmp,igmp_type=17 actions=drop'],
                 ('flows', 'OpenFlow15'): ['igmp,igmp_type=17 actions=drop']}
        with mock.patch.object(snapshot, 'bridges', lambda: {
                'br0': {'protocols': protocols}}), \
                mock.patch.object(
                    snapshot, 'dump',
                    lambda what, name, version: dumps[what, version[1]]):
            yield list(snapshot.newest(folder))
            dumps['flows', 'OpenFlow15'] = ['importance=5,igmp,igmp_type=17']
            yield list(snapshot.newest(folder))

    def test_newest(self):
        with tempfile.TemporaryDirectory() as folder:
            groups, both = self.commands(folder, ['set', []])
            self.assertEqual(groups, both[:1])
            for line, words in zip(both, ('mod-group br0 - < %s/br0.groups',
                                          'replace-flows br0 - < '
                                          '%s/br0.flows')):
                self.assertEqual(line, 'ovs-ofctl -O OpenFlow15 --bundle ' +
                                 words % folder)
            with open(folder + '/br0.flows', encoding='ascii') as f:
                self.assertEqual(f.read(), 'importance=5,ip,nw_proto=2,'
                                 'tp_src=17\n')
            for lines in self.commands(folder, ['set', ['OpenFlow13']]):
                self.assertEqual(lines, [])


class Expires(unittest.TestCase):
    def test_expires(self):
        for flow, expires in (('idle_timeout=9, in_port=1 actions=drop', True),
                              ('table=1, hard_timeout=9 actions=2', True),
                              ('idle_age=9, in_port=1 actions=drop', False)):
            self.assertEqual(bool(snapshot.EXPIRES.search(flow)), expires)


class Flag(unittest.TestCase):
    def test_flag(self):
        for flow in ('cookie=0x1, reset_counts priority=9,arp actions=drop',
                     'reset_counts actions=drop', 'in_port=1 actions=2'):
            self.assertNotIn('reset_counts', snapshot.without_flag(flow))
        self.assertEqual(snapshot.without_flag('reset_counts arp actions=2'),
                         'arp actions=2')


class Address(unittest.TestCase):
    def unstable(self, address, *others, **config):
        ports = {'br0': {'mac_in_use': address}}
        ports.update(('p%d' % i, {'mac_in_use': other})
                     for i, other in enumerate(others))
        old, snapshot.vsctl = snapshot.vsctl, lambda *words: [
            name for name in ports if name != 'br0']
        try:
            return snapshot.unstable('br0', {'other_config': config}, ports)
        finally:
            snapshot.vsctl = old

    def test_addresses(self):
        self.assertEqual(self.unstable('00:23:20:00:00:01'),
                         '00:23:20:00:00:01')
        self.assertEqual(self.unstable('00:23:20:00:00:01', '1'),
                         '00:23:20:00:00:01')
        self.assertIsNone(self.unstable('52:54:00:00:00:01', '1',
                                        '52:54:00:00:00:01'))
        self.assertIsNone(self.unstable('00:23:20:00:00:01', hwaddr='x'))


if __name__ == '__main__':
    unittest.main()
