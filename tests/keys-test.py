#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each key, statistic and command of the glue is documented: in vswitch.xml
and the manual of each series, with range, default and what a change ends, and
in vhost-chain(7); and nothing is documented that the glue has not got."""

import glob
import os
import re
import sys
import unittest

TOP = os.environ.get('srcdir', os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..'))
# What the glue says that looks like a key, and is none.
NO_KEYS = {'chain_wake',        # The name of a piece of DPDK's memory.
           'chain_drop'}        # Of "chain_drop_%s"; see statistics().


def read(name):
    with open(os.path.join(TOP, name), encoding='utf-8') as stream:
        return stream.read()


def read_all(pattern):
    files = sorted(glob.glob(os.path.join(TOP, pattern)))
    return {os.path.basename(file): read(file) for file in files}


GLUE = '\n'.join(read_all('ovs-patches/glue/*.[ch]').values())
DROPS = re.findall(r'VHC_DROP_REASON\(\w+, "(\w+)"',
                   read('vhost-chain/include/vhc/drops.h'))
NUMBERS = {'INT_MAX': 2 ** 31 - 1, 'VHC_MAX_QUEUES': int(re.search(
    r'define VHC_MAX_QUEUES (\d+)',
    read('vhost-chain/include/vhc/abi.h')).group(1))}


def found(pattern):
    """What PATTERN finds in the glue, which is at least something: a pattern
    that has gone stale would let everything pass."""
    result = re.findall(pattern, GLUE)
    if not result:
        sys.exit('nothing in the glue matches %s' % pattern)
    return set(result)


def ranges():
    """The range of each option that is a number, by key."""
    return {key: (int(NUMBERS.get(low, low)), int(NUMBERS.get(high, high)))
            for key, low, high in found(
                r'parse_number\(options,\s*"([^"]+)",\s*(\w+),\s*(\w+),')}


def options():
    return found(r'smap_get\w*\(options,\s*"([^"]+)"') | set(ranges())


def other_config():
    prefixes = found(r'#define POOL_PREFIX "([^"]+)"')
    return (found(r'smap_get\w*\(other_config,\s*"([^"]+)"')
            | {prefix + '*' for prefix in prefixes})


def settings():
    return found(r'strcmp\(key, "([^"]+)"\)')


def status():
    return found(r'smap_add\(args, "([^"]+)"')


def counters():
    return found(r'add_counter\(stats, [\w.]+, "chain_(\w+)"\)')


def statistics():
    return ({'chain_' + name for name in counters()}
            | {prefix + drop for drop in DROPS
               for prefix in found(r'xasprintf\("(chain_\w+_)%s"')})


def commands():
    return found(r'unixctl_command_register\("([^"]+)"')


def added(series, ends):
    """The lines that SERIES adds to files whose names end so, and leaves."""
    lines = []
    for patch in sorted(glob.glob(os.path.join(series, '*.patch'))):
        wanted = False
        for line in read(patch).split('\n'):
            if line.startswith('+++ '):
                wanted = line.endswith(ends)
            elif wanted and line.startswith('+'):
                lines.append(line[1:])
            elif (wanted and line.startswith('-')
                  and not line.startswith('---') and line[1:] in lines):
                lines.remove(line[1:])
    return '\n'.join(lines)


def columns(xml):
    """The text of each column that is documented, by its name and key."""
    return {(name, key): text for name, key, text in re.findall(
        r'<column name="(\w+)" key="([^"]+)"(.*?)</column>', xml, re.S)}


class Base(unittest.TestCase):
    maxDiff = None

    def has(self, text, *parts):
        for part in parts:
            if part not in text:        # Without all of the text.
                self.fail('not documented: %r' % part)


class Series(Base):
    """Of the releases; the folders are named after them."""

    all_series = glob.glob(os.path.join(TOP, 'ovs-patches', '[0-9]*'))

    def each(self):
        self.assertTrue(self.all_series)
        for series in sorted(self.all_series):
            xml = added(series, '/vswitchd/vswitch.xml')
            yield series, xml, columns(xml)

    def test_keys(self):
        wanted = ([('options', key) for key in options()]
                  + [('other_config', key) for key in other_config()]
                  + [('status', key) for key in status()]
                  + [('statistics', key) for key in statistics()])
        for _, xml, documented in self.each():
            # OVS has this one, and the series adds a paragraph.
            self.has(xml, 'packets taken from network functions')
            documented['other_config', 'flow-restore-wait'] = ''
            self.assertEqual(sorted(documented), sorted(wanted))

    def test_settings(self):
        for _, _, documented in self.each():
            text = documented['other_config', 'chain-pool-*']
            self.assertEqual(
                sorted(re.findall(r'<dt><code>([\w-]+)=</code>', text)),
                sorted(settings()))

    def test_default_and_change(self):
        for _, _, documented in self.each():
            for (name, key), text in documented.items():
                if name not in ('options', 'other_config'):
                    continue
                with self.subTest(key=key):
                    self.has(text, 'default', 'type=')
                    if (name, key) != ('options', 'chain-pool'):
                        self.has(text, 'detaches')

    def test_ranges(self):
        for _, _, documented in self.each():
            for key, (low, high) in ranges().items():
                text = ' '.join(documented['options', key].split())
                self.has(text, '"minInteger": %d, "maxInteger": %d}'
                         % (low, high))

    def test_commands(self):
        for series, _, _ in self.each():
            man = added(series, '-unixctl.man').replace('\\-', '-')
            for command in commands():
                self.has(man, '.IP "\\fB%s\\fR' % command)


class Page(Base):
    """vhost-chain(7)."""

    page = read('man/vhost-chain.7')

    def items(self, form, names):
        self.has(self.page, *(form % name for name in names))

    def test_keys(self):
        self.items('.It Li options:%s\n', options())
        self.items('.It Li other_config:%s', {
            key.rstrip('*') for key in other_config() - {'flow-restore-wait'}})
        self.items('%s= Ns', settings())
        self.items('.It Li status:%s\n', status())

    def test_statistics(self):
        self.items('.It Dv %s\n', DROPS)
        self.items('"%s"', counters())

    def test_commands(self):
        self.items('.It Ic %s\n', commands())

    def test_json(self):
        self.items('"%s"', found(
            r'(?:json_object_put\w*|put_count)\(\w+,\s*"(\w+)"'))


class Glue(unittest.TestCase):
    def test_all_are_found(self):
        """Whatever the glue says that looks like a key is one that the
        functions above have found."""
        known = (options() | status() | statistics() | commands() | NO_KEYS
                 | {key.rstrip('-*') for key in other_config()})
        for string in re.findall(r'"((?:[^"\\\n]|\\.)*)"', GLUE):
            if string.endswith('.h'):
                continue
            for key in re.findall(r'\bchain[-_/][a-z_-]*[a-z]', string):
                self.assertIn(key, known, string)


if __name__ == '__main__':
    unittest.main()
