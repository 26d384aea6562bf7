#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each program that is installed has a manual page, with the options and verbs
that its --help has, and no others; and each function of libnf-shim is in
libnf-shim(3).  The programs are those of the build tree."""

import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

TOP = os.environ.get('srcdir', os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..'))
SCRIPT = os.path.join(TOP, 'ovs-ctl-scripts', 'ovs-chain')

# What prints help, and the pages where that is explained, its own first.
COMMANDS = (
    (('nf-shim/nf-forward', '--help'), ('nf-forward.1',)),
    (('nf-shim/nf-firewall', '--help'), ('nf-firewall.1', 'nf-forward.1')),
    (('nf-shim/nf-monitor', '--help'), ('nf-monitor.1', 'nf-forward.1')),
    ((SCRIPT, 'help'), ('ovs-chain.8', 'ovs-chain-vm.8')),
    ((SCRIPT, 'vm', 'help'), ('ovs-chain-vm.8',)),
)
OPTION = re.compile(r'(?<![\w-])--[a-z][a-z-]*[a-z]')
# An option of a page is an item of a list, or stands in a synopsis.
MARKED = re.compile(r'\bFl (-[a-z][a-z-]*[a-z])')


def source(page):
    with open(os.path.join(TOP, 'man', page), encoding='utf-8') as stream:
        return stream.read()


def rendered(page):
    return subprocess.run(
        ('mandoc', '-T', 'utf8', '-O', 'width=1000',
         os.path.join(TOP, 'man', page)),
        stdout=subprocess.PIPE, check=True).stdout.decode()


@functools.lru_cache(maxsize=None)
def text(page):
    """What a reader sees, without what makes it bold or underlined."""
    return re.sub('.\b', '', rendered(page))


@functools.lru_cache(maxsize=None)
def help_of(command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True,
                          stdin=subprocess.DEVNULL).stdout.decode()


def options_of(command):
    """The options that a help tells, and those of its verbs, each of which has
    a help of its own."""
    texts = [help_of(command)]
    if command == (SCRIPT, 'help'):
        texts += [help_of(command + (verb,)) for verb in verbs(command)]
    return set(OPTION.findall(' '.join(texts)))


def verbs(command):
    """The verbs that a help in the form of verbs_run() has: they are at the
    beginnings of lines, by two blanks; alternatives are joined by '|'."""
    found = re.findall(r'^  ([a-z][a-z|-]*)\b', help_of(command), re.M)
    return [verb for verb in found if '|' not in verb]


class Checks(unittest.TestCase):
    def test_checks(self):
        """Those of "ovs-chain doctor" are all explained."""
        made = set()
        for path in glob.glob(os.path.join(TOP, 'ovs-ctl-scripts',
                                           'doctor*.py')):
            with open(path, encoding='utf-8') as stream:
                made |= set(re.findall(r"\bResult\(\s*'(\w+)'",
                                       stream.read()))
        listed = re.search(r'^\.Sh CHECKS$(.*?)^\.Sh ',
                           source('ovs-chain.8'), re.M | re.S)[1]
        self.assertEqual(sorted(re.findall(r'^\.It Li (\w+)$', listed,
                                           re.M)), sorted(made))


class Manual(unittest.TestCase):
    def test_options(self):
        for command, pages in COMMANDS:
            for option in sorted(options_of(command)):
                with self.subTest(page=pages[0], option=option):
                    pattern = r'(?<![\w-])%s(?![\w-])' % option
                    self.assertTrue(any(re.search(pattern, text(page))
                                        for page in pages))

    def test_no_others(self):
        options = {}
        for command, pages in COMMANDS:
            for page in pages:
                options.setdefault(page, set()).update(options_of(command))
        for page in sorted(options):
            for option in sorted(set(MARKED.findall(source(page)))):
                with self.subTest(page=page, option='-' + option):
                    self.assertIn('-' + option, options[page])

    def test_references(self):
        for _, pages in COMMANDS:
            for page in pages[1:]:
                with self.subTest(page=pages[0], other=page):
                    self.assertIn('.Xr ' + page.replace('.', ' '),
                                  source(pages[0]))

    def test_verbs(self):
        for command in ((SCRIPT, 'help'), (SCRIPT, 'vm', 'help')):
            page = dict(COMMANDS)[command][0]
            self.assertTrue(verbs(command))
            for verb in verbs(command):
                with self.subTest(page=page, verb=verb):
                    self.assertRegex(source(page),
                                     r'\b(Cm|Ic) (vm )?%s\b' % verb)

    def test_programs(self):
        programs = set()
        for fragment in glob.glob(os.path.join(TOP, '*', 'automake.mk')):
            with open(fragment, encoding='utf-8') as stream:
                lines = stream.read().replace('\\\n', ' ').split('\n')
            for line in lines:
                name, _, value = line.partition('+=')
                if name.strip() in ('bin_PROGRAMS', 'dist_bin_SCRIPTS',
                                    'dist_sbin_SCRIPTS', 'sbin_PROGRAMS'):
                    programs.update(map(os.path.basename, value.split()))
        self.assertTrue({'nf-forward', 'ovs-chain'} <= programs)
        for program in sorted(programs):
            with self.subTest(program=program):
                self.assertTrue(glob.glob(os.path.join(
                    TOP, 'man', program + '.[1-9]')))

    def test_functions(self):
        functions = set()
        for header in glob.glob(os.path.join(TOP, 'nf-shim', 'include', 'nf',
                                             '*.h')):
            with open(header, encoding='utf-8') as stream:
                code = re.sub(r'/\*.*?\*/', '', stream.read(), flags=re.S)
            functions.update(re.findall(
                r'^(?:[\w *]* \*?)?(nf_[a-z_]+)\(', code, re.M))
        self.assertIn('nf_main', functions)
        for function in sorted(functions):
            with self.subTest(function=function):
                self.assertRegex(source('libnf-shim.3'),
                                 r'(?m)^\.Fn %s\b' % function)


if __name__ == '__main__':
    if not shutil.which('mandoc'):
        print('skipped: not installed: mandoc')
        sys.exit(77)
    unittest.main()
