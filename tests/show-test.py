#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "ovs-chain show" draws of a flow table, without a switch."""

import re
import unittest

from show_bridge import bridge, ports

import apply
import flows
import sample
import show

def drawn(one, before=None, seconds=1):
    """Returns the lines that are drawn of a Bridge."""
    after = sample.Sample(seconds, {'br0': one}, {})
    if before:
        before = sample.Sample(0, {'br0': before}, {})
    title, *lines = show.draw(after, sample.Rates(before, after))
    assert title == 'bridge br0:'
    assert all(line.startswith('  ') for line in lines)
    return [line[2:] for line in lines]


# What it is, the flows, what is drawn, and changes of ports.
CASES = (
    ("a plain chain", '''
        in_port=left => output:fw
        in_port=fw => output:ids
        in_port=ids => output:right''',
     ['left -> fw -> ids -> right'], {}),
    ("an end that only receives, and an NF without flows", '''
        in_port=left => output:fw,output:ids
        in_port=fw => output:right''',
     ['left -> fw -> right',
      '  left[also] -> ids'], {}),
    ("the mark tells directions apart", '''
        in_port=left => set_field:0x10000/0xffff0000->pkt_mark,output:fw
        in_port=right => set_field:0x20000/0xffff0000->pkt_mark,output:fw
        in_port=fw,pkt_mark=0x10000/0xffff0000 => output:right
        in_port=fw,pkt_mark=0x20000/0xffff0000 => output:left''',
     ['left -> fw -> right', 'right -> fw -> left'], {}),
    ("load is as good as set_field", '''
        in_port=left => load:0x1->NXM_NX_PKT_MARK[16..31],output:fw
        in_port=fw,pkt_mark=0x10000/0xffff0000 => output:right
        in_port=fw,pkt_mark=0x20000/0xffff0000 => output:left''',
     ['left -> fw -> right',
      'fw[pkt_mark=0x20000/0xffff0000] -> left'], {}),
    ("what an NF may have marked is a branch", '''
        in_port=left => set_field:0x70000/0xffff0000->pkt_mark,output:fw
        priority=40000,in_port=fw,pkt_mark=0x70002 => output:ids
        in_port=fw,pkt_mark=0x70000/0xffff0000 => output:right
        in_port=ids,pkt_mark=0x70002 => output:dmz''',
     ['left -> fw -> right',
      '  fw[pkt_mark=0x70002] -> ids[pkt_mark=0x70002] -> dmz'], {}),
    ("a mark that no flow matches", '''
        in_port=left => set_field:0x30000/0xffff0000->pkt_mark,output:fw
        in_port=fw,pkt_mark=0x10000/0xffff0000 => output:right''',
     ['left -> fw -> no flow',
      'fw[pkt_mark=0x10000/0xffff0000] -> right'], {}),
    ("other matches are branches, the rest the line", '''
        priority=40000,in_port=left,tcp,tp_dst=80 => output:fw
        in_port=left => output:right
        in_port=fw => output:dmz''',
     ['left -> right', '  left[tcp,tp_dst=80] -> fw -> dmz'], {}),
    ("a lower priority behind one that takes all is never reached", '''
        priority=2,in_port=left => output:right
        priority=1,in_port=left,tcp => output:fw''',
     ['left -> right'], {}),
    ("nor is one whose match another includes", '''
        priority=3,in_port=left => set_field:0x10000->pkt_mark,output:fw
        priority=9,in_port=fw,pkt_mark=0x10000/0xffff0000 => output:right
        priority=8,in_port=fw,pkt_mark=0x10000/0xffff0000 => output:ids
        priority=7,in_port=fw,pkt_mark=0x10002,tcp => output:ids
        priority=6,in_port=fw,pkt_mark=0x20000/0xffff0000 => output:ids''',
     ['left -> fw -> right',
      'fw[pkt_mark=0x20000/0xffff0000] -> ids'], {}),
    ("many matches with one target are one branch", '\n'.join(
        'priority=%d,in_port=left,tcp,tp_dst=%d => output:fw' % (100 + i, i)
        for i in range(5)) + '''
        priority=1,in_port=left => drop
        in_port=fw => output:right''',
     ['left[5 matches] -> fw -> right', '  left -> drop'], {}),
    ("an NF with two ports", '''
        in_port=left => output:in0
        in_port=out0 => output:right
        in_port=right => output:out0
        in_port=in0 => output:left''',
     ['left -> in0:out0 -> right', 'right -> out0:in0 -> left'],
     {'in0': {'peer': 'out0'}, 'out0': {'peer': 'in0'}}),
    ("the same while the NF is away, by the mark", '''
        in_port=left => set_field:0x10000/0xffff0000->pkt_mark,output:in0
        in_port=out0 => set_field:0x10000/0xffff0000->pkt_mark,output:right
        in_port=right => set_field:0x20000/0xffff0000->pkt_mark,output:out0
        in_port=in0 => set_field:0x20000/0xffff0000->pkt_mark,output:left''',
     ['left -> in0:out0(detached) -> right',
      'right -> out0:in0(detached) -> left'],
     {'in0': {'note': 'detached'}, 'out0': {'note': 'detached'}}),
    ("a chain that begins and ends at a VM with a chain port", '''
        in_port=left => set_field:0x10000/0xffff0000->pkt_mark,output:fw
        in_port=fw,pkt_mark=0x10000/0xffff0000 => output:ids
        in_port=ids => set_field:0x20000/0xffff0000->pkt_mark,output:fw
        in_port=fw,pkt_mark=0x20000/0xffff0000 => output:left''',
     ['left -> fw -> ids', 'ids -> fw -> left'], {}),
    ("a loop", '''
        in_port=left => output:fw
        in_port=fw => output:ids
        in_port=ids => output:fw''',
     ['left -> fw -> ids -> fw (loop)'], {}),
    ("a loop that nothing enters", '''
        in_port=fw => output:ids
        in_port=ids => output:fw''',
     ['fw -> ids -> fw -> ids (loop)'], {}),
    ("a plain vhost-user port inside a chain", '''
        in_port=tap => output:fw
        in_port=fw => output:vm
        in_port=vm => output:right''',
     ['tap -> fw -> vm -> right'], {}),
    ("and at the end of one", '''
        in_port=left => output:vm
        in_port=vm => output:left''',
     ['left -> vm', 'vm -> left'], {}),
    ("two tables", '''
        in_port=left => set_field:0x1->reg0,resubmit(,1)
        table=1,reg0=0x1,tcp => output:fw
        table=1,reg0=0x2 => output:ids
        table=1 => goto_table:2
        table=2,in_port=left => output:right
        table=2,in_port=right => output:left
        in_port=fw => output:right''',
     ['left -> right', '  left[tcp] -> fw -> right'], {}),
    ("what a table before has matched is known", '''
        in_port=left,tcp => goto_table:1
        in_port=left,udp => goto_table:2
        table=1,tcp,tp_dst=80 => output:fw
        table=1,udp => output:dmz
        table=1,ip => output:right
        table=2 => drop''',
     ['left[tcp,tp_dst=80] -> fw', '  left[tcp] -> right',
      '  left[udp] -> drop'], {}),
    ("resubmit goes on behind it", '''
        in_port=left => resubmit(,1),output:right
        table=1,tcp => output:fw''',
     ['left -> right', '  left[tcp] -> fw, right'], {}),
    ("tables in a circle", '''
        in_port=left => resubmit(,0)''',
     ['left -> too deep'], {}),
    ("the action set", '''
        in_port=left => write_actions(output:dmz),goto_table:1
        table=1,tcp => clear_actions
        table=1 => write_metadata:0x5,goto_table:2
        table=2,metadata=0x5 => drop''',
     ['left -> dmz', '  left[tcp] -> drop'], {}),
    ("a port by the number in a register", '''
        in_port=left => set_field:0x4->reg7,output:NXM_NX_REG7[]
        in_port=fw => output:NXM_NX_REG7[0..15]
        in_port=dmz => move:NXM_OF_IN_PORT[]->NXM_NX_REG7[0..15],'''
     '''output:NXM_NX_REG7[]''',
     ['left -> fw -> 0(missing)',
      'dmz -> output:NXM_NX_REG7[]'], {}),
    ("conntrack", '''
        in_port=left,ip,ct_state=-trk => ct(table=1,zone=7)
        table=1,in_port=left,ip,ct_state=+trk+est => output:fw
        table=1,in_port=left,ip,ct_state=+trk+new => ct(commit),output:fw
        in_port=fw => output:right''',
     ['left[ip,ct_state=-trk,ct_state=+trk+est] -> fw -> right',
      '  left[ip,ct_state=-trk,ct_state=+trk+new] -> fw -> right'], {}),
    ("what cannot be followed is named", '''
        in_port=left => learn(table=1,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),NORMAL
        in_port=right => CONTROLLER:65535
        in_port=dmz => output:99''',
     ['left -> learn, NORMAL', 'right -> CONTROLLER', 'dmz -> 99(missing)'],
     {}),
    ("flows without a port", '''
        priority=0 => NORMAL
        priority=5,dl_dst=02:00:00:00:00:01 => output:tap
        priority=7,in_port=left => output:fw''',
     ['left -> fw -> NORMAL', '  fw[dl_dst=02:00:00:00:00:01] -> tap',
      '* -> NORMAL', '  *[dl_dst=02:00:00:00:00:01] -> tap'], {}),
    ("back where it came from", '''
        in_port=left => IN_PORT
        in_port=right => output:right
        in_port=LOCAL => output:left
        in_port=dmz => LOCAL''',
     ['left -> left', 'right -> drop', 'dmz -> br0', 'br0 -> left'], {}),
    ("names in quotes", '''
        in_port="left",dl_vlan=5 => strip_vlan,output:"eth0,1->"
        in_port="eth0,1->" => mod_vlan_vid:5,output:left''',
     ['left[dl_vlan=5] -> eth0,1->(missing)', 'eth0,1->(missing) -> left'],
     {}),
    ("numbers of ports", '''
        in_port=1 => resubmit(2,5),output:4
        in_port=4 => enqueue:2:7
        table=5,in_port=2 => output:3
        in_port=2 => output:65534''',
     ['left -> fw -> right', '  left[also] -> dmz', 'right -> br0'], {}),
    ("actions that change nothing here", '''
        in_port=left => meter:1,dec_ttl,note:00.00,enqueue:fw:3
        in_port=fw => output(port=right,max_len=100)''',
     ['left -> fw -> right'], {}),
    ("ports that do not work", '''
        in_port=left => output:fw
        in_port=fw => output:ids
        in_port=ids => output:right''',
     ['left(down) -> fw(stalled) -> ids(detached) -> right'],
     {'left': {'note': 'down'}, 'fw': {'note': 'stalled'},
      'ids': {'note': 'detached'}}),
)


class Draw(unittest.TestCase):
    maxDiff = None

    def test_cases(self):
        for what, text, expected, changes in CASES:
            with self.subTest(what):
                self.assertEqual(drawn(bridge(text, **changes)), expected)

    def test_no_flows(self):
        self.assertEqual(drawn(bridge('')), ['no flows'])

    def test_applied(self):
        """What "apply" writes is drawn as it was in the file."""
        chains = ['left -> in0:out0 -> fw -> ids -> right',
                  'right -> ids -> fw -> out0:in0 -> left',
                  'dmz -> fw -> left']
        paths = apply.parse('left <-> in0:out0 <-> fw <-> ids <-> right\n'
                            'dmz -> fw -> left\n', list(ports()))
        text = '\n'.join(
            re.sub(r',actions=', ' => ', re.sub('^add cookie=0x[0-9a-f]*,', '',
                                                line))
            for line in apply.flows(paths)[1:])
        lines = drawn(bridge(text, in0={'peer': 'out0'},
                             out0={'peer': 'in0'}))
        self.assertEqual(lines[:3], chains)
        self.assertEqual(lines[3:], [
            'fw[pkt_mark=0/0xffff0000] -> left, right, dmz',
            'ids[pkt_mark=0/0xffff0000] -> left, right'])


GROUPS = '''OFPST_GROUP_DESC reply (OF1.5) (xid=0x2):
 group_id=1,type=%s,bucket=bucket_id:0,weight:1,watch_port:fw,%s,bucket=%s
'''
GROUP_STATS = '''OFPST_GROUP reply (OF1.5) (xid=0x4):
 group_id=1,duration=7.8s,ref_count=1,packet_count=30,byte_count=0,'''\
 '''bucket0:packet_count=%d,byte_count=0,bucket1:packet_count=%d,byte_count=0
'''
GROUP_FLOWS = '''
    in_port=left => group:1
    n_packets=%d,in_port=fw => output:right
    in_port=ids => output:right'''


class Groups(unittest.TestCase):
    def lines(self, kind, first='actions=output:fw',
              second='bucket_id:1,actions=output:ids', flows_text=GROUP_FLOWS):
        return drawn(bridge(flows_text.replace('%d', '0'),
                            GROUPS % (kind, first, second)))

    def test_select(self):
        self.assertEqual(self.lines('select'), [
            'left[select 1.0] -> fw -> right',
            '  left[select 1.1] -> ids -> right'])

    def test_fast_failover(self):
        self.assertEqual(self.lines('ff'), [
            'left[ff 1.0] -> fw -> right',
            '  left[ff 1.1] -> ids -> right'])

    def test_all(self):
        self.assertEqual(self.lines('all'), [
            'left -> fw -> right', '  left[also] -> ids -> right'])

    def test_indirect(self):
        self.assertEqual(drawn(bridge(
            GROUP_FLOWS.replace('%d', '0'), ' group_id=1,type=indirect,'
            'bucket=actions=output:ids\n'))[0], 'left -> ids -> right')

    def test_marks_of_buckets(self):
        text = '''
            in_port=left => group:1
            in_port=fw,pkt_mark=0x10000/0xffff0000 => output:right
            in_port=fw,pkt_mark=0x20000/0xffff0000 => output:dmz'''
        self.assertEqual(self.lines(
            'select', 'actions=set_field:0x10000->pkt_mark,output:fw',
            'actions=set_field:0x20000->pkt_mark,output:fw', text), [
                'left[select 1.0] -> fw -> right',
                '  left[select 1.1] -> fw -> dmz'])

    def test_action_set(self):
        """A group in it comes in place of an output."""
        text = GROUP_FLOWS.replace('group:1',
                                   'write_actions(output:dmz,group:1)')
        self.assertEqual(self.lines('all', flows_text=text), [
            'left -> fw -> right', '  left[also] -> ids -> right'])

    def test_missing(self):
        self.assertEqual(drawn(bridge('in_port=left => group:9')),
                         ['left -> group:9'])

    def test_rates(self):
        groups = GROUPS % ('select', 'actions=output:fw',
                           'bucket_id:1,actions=output:ids')
        before = bridge(GROUP_FLOWS % 100, groups, GROUP_STATS % (10, 20))
        after = bridge(GROUP_FLOWS.replace('in_port=left',
                                           'n_packets=900,in_port=left') % 105,
                       groups, GROUP_STATS % (60, 320))
        self.assertEqual(drawn(after, before), [
            'left[select 1.0] ->50 fw ->5 right',
            '  left[select 1.1] ->300 ids ->0 right'])


class Rates(unittest.TestCase):
    def test_rates(self):
        text = '''
            n_packets=%d,in_port=left => output:fw
            n_packets=%d,in_port=fw => output:ids'''
        for before, after, seconds, expected in (
                ((0, 0), (1234567, 999), 1, 'left ->1.2M fw ->999 ids'),
                ((5, 5), (5, 15004), 2, 'left ->0 fw ->7.5k ids'),
                # A flow that was written anew counts from 0.
                ((100, 50), (100, 30), 1, 'left ->0 fw ->30 ids')):
            self.assertEqual(drawn(bridge(text % after), bridge(text % before),
                                   seconds), [expected])

    def test_new_flow(self):
        self.assertEqual(drawn(bridge('n_packets=7,in_port=left => output:fw'),
                               bridge('')), ['left ->7 fw'])

    def test_least_of_a_way(self):
        text = '''
            n_packets=%d,in_port=left => resubmit(,1)
            n_packets=%d,in_port=right => resubmit(,1)
            table=1,n_packets=%d => output:dmz'''
        self.assertEqual(
            drawn(bridge(text % (30, 50, 80)), bridge(text % (0, 0, 0))),
            ['left ->30 dmz', 'right ->50 dmz'])

    def test_sum_of_merged(self):
        text = '\n'.join('n_packets=%%d,in_port=left,tcp,tp_dst=%d => '
                         'output:right' % i for i in range(5))
        self.assertEqual(
            drawn(bridge(text % (1, 2, 3, 4, 5)),
                  bridge(text % (0, 0, 0, 0, 0))),
            ['left[5 matches] ->15 right'])

    def test_numbers(self):
        for n, text in ((0, '0'), (0.4, '0'), (7.6, '8'), (999.4, '999'),
                        (999.6, '1.0k'), (1000, '1.0k'), (9940, '9.9k'),
                        (9960, '10k'), (123456, '123k'), (999499, '999k'),
                        (999500, '1.0M'), (12.3e9, '12G'), (5e15, '5000T')):
            self.assertEqual(show.si(n), text)


class Parse(unittest.TestCase):
    def test_split(self):
        self.assertEqual(flows.split('a,"b,(",c(d,e[f,g]),h'),
                         ['a', '"b,("', 'c(d,e[f,g])', 'h'])
        self.assertEqual(flows.split(r'"a\",b",c'), [r'"a\",b"', 'c'])

    def test_lines_that_are_no_flows(self):
        self.assertEqual(flows.parse_flows(
            'OFPST_FLOW reply (OF1.5) (xid=0x2):\n\nNXST_FLOW reply\n',
            {}), [])

    def test_flags(self):
        flow = flows.parse_flow(
            ' cookie=0x0, duration=0.3s, table=3, n_packets=7, n_bytes=98, '
            'idle_timeout=9, send_flow_rem check_overlap reset_counts '
            'no_packet_counts no_byte_counts importance=4, idle_age=0, '
            'priority=5,tcp,in_port="a b",pkt_mark=0x1/0xff actions=drop',
            {})
        self.assertEqual(flow, flows.Flow(3, 5, 'a b', (
            flows.Term('tcp', flows.SHORTHANDS['tcp']),
            flows.Term('pkt_mark=0x1/0xff', (('pkt_mark', '0x1/0xff'),))),
            (), 7))

    def test_conjunctions(self):
        self.assertEqual(drawn(bridge('''
            in_port=left,tp_dst=80,tcp => conjunction(1,1/2)
            in_port=left,nw_src=10.0.0.1,ip => conjunction(1,2/2)
            in_port=left,conj_id=1,ip => output:fw''')),
                         ['left[conj_id=1,ip] -> fw'])


if __name__ == '__main__':
    unittest.main(verbosity=0)
