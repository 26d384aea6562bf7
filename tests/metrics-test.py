#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "ovs-chain metrics", "graph" and "top" make of what the switch tells,
without a switch.

Every text of metrics is read by exposition.py, which is strict, and shown to
promtool if that is there; every graph to dot.  Without dot the test counts as
skipped after all other checks have passed.
"""

import http.client
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

from show_bridge import POOL, bridge, chain_port

import exporter
import graph
import metrics
import sample
import top
from exposition import Wrong, parse
from switch import NoAnswer

DOT, PROMTOOL = shutil.which('dot'), shutil.which('promtool')

FLOWS = '''
    n_packets=100,in_port=left => output:fw
    n_packets=90,in_port=fw => output:ids
    n_packets=80,in_port=ids,tcp => output:right
    n_packets=3,in_port=tap => output:fw,output:br0
    n_packets=1,priority=0 => NORMAL'''


def new_sample(seconds=1, text=FLOWS, **changes):
    return sample.Sample(seconds, {'br0': bridge(text, **changes)}, {
        'pools': [POOL], 'ports': [chain_port('fw'), chain_port(
            'ids', state='detached', owned=0)]})


def text_of(taken):
    """Returns the metrics of a Sample, or of a switch that does not run."""
    answer = {'side_effect': NoAnswer('no')} if taken is None else {
        'return_value': taken}
    with mock.patch.object(sample, 'take', **answer):
        return metrics.exposition()


class Metrics(unittest.TestCase):
    def setUp(self):
        # That the switch does not answer is said on stderr.
        self.enterContext(mock.patch.object(sys, 'stderr', io.StringIO()))

    def test_values(self):
        found = parse(text_of(new_sample()))
        port = {'bridge': 'br0', 'port': 'fw', 'pool': 'blue'}
        for name, labels, value in (
                ('up', {}, 1),
                ('port_attached', port, 1),
                ('port_attached', dict(port, port='ids'), 0),
                ('port_held_buffers', port, 3),
                ('port_credit_buffers', port, 1024),
                ('port_receive_packets_total', port, 10),
                ('port_transmit_reference_packets_total', port, 15),
                ('port_transmit_copied_bytes_total', port, 500),
                ('port_dropped_packets_total', dict(port, reason='by_nf'), 4),
                ('hop_copied_packets_total', dict(port, **{'from': 'nic'}), 5),
                ('pool_buffers', {'pool': 'blue'}, 100),
                ('pool_free_buffers', {'pool': 'blue'}, 90),
                ('flow_packets_total', {
                    'bridge': 'br0', 'from': 'left', 'to': 'fw',
                    'match': 'priority=32768,in_port=left'}, 100),
                ('flow_packets_total', {
                    'bridge': 'br0', 'from': 'ids', 'to': 'right',
                    'match': 'priority=32768,in_port=ids,tcp'}, 80),
                ('flow_packets_total', {
                    'bridge': 'br0', 'from': '*', 'to': 'NORMAL',
                    'match': 'priority=0'}, 1)):
            with self.subTest(name):
                self.assertEqual(found['ovs_chain_' + name].series[
                    tuple(sorted(labels.items()))], value)

    def test_every_counter(self):
        """Nothing that counts is left out, and nothing is told twice."""
        one = chain_port('fw')
        count = iter(range(1000, 2000))
        for key, value in one.items():
            if isinstance(value, int) and not isinstance(value, bool):
                one[key] = next(count)
        taken = new_sample()
        taken.show['ports'] = [one]
        values = [value for name, family in parse(text_of(taken)).items()
                  if name.startswith('ovs_chain_port_')
                  for value in family.series.values() if value >= 1000]
        self.assertEqual(sorted(values), list(range(1000, next(count))))

    def test_down(self):
        found = parse(text_of(None))
        self.assertEqual(list(found), ['ovs_chain_up'])
        self.assertEqual(found['ovs_chain_up'].series, {(): 0})

    def test_strange_names(self):
        taken = new_sample(text='in_port="a\\\\\\"b" => output:"c\\\\d"')
        self.assertIn(
            'from="a\\\\\\"b",to="c\\\\d"', text_of(taken))
        parse(text_of(taken))

    def test_many_outputs(self):
        """Two outputs to one port, or two buckets, are no series twice."""
        parse(text_of(new_sample(
            text='in_port=left => output:fw,output:fw')))

    @unittest.skipUnless(PROMTOOL, "no promtool")
    def test_promtool(self):
        done = subprocess.run([PROMTOOL, 'check', 'metrics'], check=False,
                              input=text_of(new_sample()), text=True,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr),
                         (0, ''))

    def test_output(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'chain.prom')
            for text in 'first\n', 'second\n':
                metrics.write(path, text)
                with open(path, encoding='ascii') as f:
                    self.assertEqual(f.read(), text)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o644)
            # What cannot be finished leaves what was there, and no rest.
            with mock.patch.object(os, 'replace',
                                   side_effect=OSError(28, 'No space')):
                self.assertRaises(SystemExit, metrics.write, path, 'third\n')
            self.assertEqual(os.listdir(directory), ['chain.prom'])


class Parser(unittest.TestCase):
    def test_refuses(self):
        head = '# HELP a_total A.\n# TYPE a_total counter\n'
        parse(head + 'a_total{x="1"} 1\na_total{x="2"} 2\n')
        for text in ('a_total 1\n', head + 'a_total 1', head + 'a_total -1\n',
                     head + 'a_total{x="1"} 1\na_total{x="1"} 2\n',
                     head + 'a_total{x="1",x="2"} 1\n',
                     head + 'a_total{x="\\q"} 1\n',
                     head + 'a_total{1x=""} 1\n', head + 'a_total{x=1} 1\n',
                     head + 'b_total 1\n', head + head + 'a_total 1\n',
                     head + 'a_total 1\n\n',
                     '# HELP a A.\n# TYPE a counter\na 1\n',
                     '# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n',
                     '# TYPE a gauge\na 1\n', '# HELP a A.\na 1\n'):
            with self.subTest(text):
                self.assertRaises(Wrong, parse, text)


class Exporter(unittest.TestCase):
    def setUp(self):
        self.enterContext(mock.patch.object(exporter.Handler, 'timeout',
                                            3600))
        family, address = exporter.parse_address('0')
        self.server = exporter.Server(family, address, lambda: 'a 1\n')
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def ask(self, method, path):
        client = http.client.HTTPConnection(*self.server.server_address,
                                            timeout=60)
        client.request(method, path)
        answer = client.getresponse()
        return answer.status, answer.read(), answer.getheader('Content-Type')

    def test_answers(self):
        kind = 'text/plain; version=0.0.4; charset=utf-8'
        self.assertEqual(self.ask('GET', '/metrics'), (200, b'a 1\n', kind))
        self.assertEqual(self.ask('HEAD', '/metrics'), (200, b'', kind))
        with exporter.socket.create_connection(self.server.server_address,
                                               60) as client:
            client.sendall(b'HEAD /metrics HTTP/1.0\r\n\r\n')
            with client.makefile('rb') as answer:
                self.assertTrue(answer.read().endswith(b'\r\n\r\n'))
        self.assertEqual(self.ask('GET', '/')[0], 404)
        self.assertEqual(self.ask('POST', '/metrics')[0], 501)

    def test_silent_clients(self):
        """Those that say nothing keep nobody waiting, and are not served
        without end."""
        address = self.server.server_address
        silent = [exporter.socket.create_connection(address, 60)
                  for _ in range(exporter.MAX_CLIENTS - 1)]
        self.assertEqual(self.ask('GET', '/metrics')[0], 200)
        silent += [exporter.socket.create_connection(address, 60)
                   for _ in range(2)]
        self.assertEqual(silent[-1].recv(1), b'')
        for one in silent:
            one.close()

    def test_addresses(self):
        for text, host in (('9199', '127.0.0.1'), ('0.0.0.0:0', '0.0.0.0'),
                           ('[::1]:80', '::1'), ('localhost:1', '127.0.0.1')):
            family, address = exporter.parse_address(text)
            if family != exporter.socket.AF_INET6 or ':' in host:
                self.assertEqual(address[0], host)
        for text in '', ':9199', '::1:80', 'x', '1.2.3.4', '70000':
            self.assertRaises(SystemExit, exporter.parse_address, text)


class Graph(unittest.TestCase):
    def lines(self, **changes):
        rates = sample.Rates(new_sample(0, FLOWS, **changes),
                             new_sample(1, FLOWS, **changes))
        return list(graph.graph(new_sample(**changes), rates))

    def edges(self, **changes):
        """Returns the edges as (from, to, style)."""
        found = []
        for line in self.lines(**changes):
            if ' -> ' in line:
                ends, _, rest = line.strip().partition(' [')
                style = rest.partition('style="')[2].partition('"')[0]
                found.append((*(end.strip('"') for end in ends.split(' -> ')),
                              style))
        return found

    def test_edges(self):
        self.assertEqual(self.edges(), [
            ('left', 'fw', 'solid'), ('fw', 'ids', 'solid'),
            ('ids', 'right', 'solid'), ('tap', 'fw', 'dashed'),
            ('tap', 'br0', 'dashed'), ('br0 *', 'br0 * NORMAL', 'solid')])

    def test_other_pool(self):
        edges = self.edges(ids={'pool': 'red'})
        self.assertIn(('fw', 'ids', 'dashed'), edges)
        self.assertIn(('ids', 'right', 'dashed'), edges)
        lines = self.lines(ids={'pool': 'red'})
        self.assertIn('    subgraph "cluster_red" {', lines)
        self.assertEqual(sum('cluster_' in line for line in lines), 2)

    def test_detached(self):
        self.assertIn(('fw', 'ids', 'dashed'),
                      self.edges(ids={'note': 'detached'}))

    def test_copies(self):
        """The last that gets a packet gets the packet itself."""
        taken = new_sample(text='in_port=left => output:fw,output:ids')
        lines = list(graph.graph(taken, sample.Rates(None, taken)))
        self.assertEqual([line.strip() for line in lines if ' -> ' in line], [
            '"left" -> "fw" [label=" ", style="dashed"];',
            '"left" -> "ids" [label=" ", style="solid"];'])

    def test_two_ports(self):
        text = 'in_port=left => output:in0\nin_port=out0 => output:right'
        changes = {'in0': {'peer': 'out0'}, 'out0': {'peer': 'in0'}}
        taken = new_sample(text=text, **changes)
        lines = list(graph.graph(taken, sample.Rates(None, taken)))
        self.assertTrue(any('"in0" -> "out0" [style="dotted"' in line
                            for line in lines))

    @unittest.skipUnless(DOT, "no dot")
    def test_dot(self):
        for text in (FLOWS, '',
                     'in_port="a\\\\\\"b" => output:"c\\nd",output:fw'):
            taken = new_sample(text=text)
            done = subprocess.run(
                [DOT, '-Tsvg'], check=False, text=True, capture_output=True,
                input='\n'.join(graph.graph(taken, sample.Rates(None,
                                                                taken))))
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertIn('</svg>', done.stdout)


class Top(unittest.TestCase):
    def test_frame(self):
        before, after = new_sample(0), new_sample(2)
        after.show['ports'] = [
            chain_port('fw', tx_packets=40, drops={'by_nf': 10,
                                                   'no_credit': 0}),
            chain_port('ids', rx_packets=2010, tx_packets=2020, owned=7)]
        self.assertEqual(top.frame(before, after)[-5:], [
            '',
            'pool blue: 90 free, 6 held by NFs, 4 in the switch, of 100 '
            'buffers',
            '  port            state        rx/s    tx/s  copied dropped   '
            'held credits  drops',
            '  ids             attached     1.0k    1.0k       0       0      '
            '7    1024',
            '  fw              attached        0      10       0       3      '
            '3    1024  by_nf'])

    def test_sorted(self):
        text = '''
            n_packets=%d,in_port=left => output:right
            n_packets=%d,in_port=right => output:left'''
        before = new_sample(0, text % (0, 0))
        after = new_sample(1, text % (5, 5000))
        self.assertEqual(top.frame(before, after)[:3], [
            'bridge br0:', '  right ->5.0k left', '  left ->5 right'])


if __name__ == '__main__':
    RESULT = unittest.main(exit=False, verbosity=0).result
    if RESULT.wasSuccessful() and not DOT:
        print('skipped: no dot (graphviz)')
        sys.exit(77)
    sys.exit(not RESULT.wasSuccessful())
