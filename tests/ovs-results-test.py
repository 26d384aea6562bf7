#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ovs-patches/results.py makes of what two test suites printed."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ.get('srcdir', os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..')), 'ovs-patches'))

import results

# What autotest prints for a result, by letter; '.' for nothing.
PRINTED = {'o': 'ok', 'F': 'FAILED (a.at:%d)', 's': 'skipped (a.at:%d)',
           'x': 'expected failure (a.at:%d)', 'X': 'UNEXPECTED PASS',
           # At another check, and at one in another file.
           'E': 'FAILED (a.at:9%d)', 'M': 'FAILED (m.at:247)',
           # Not yet.
           'U': ''}

# Results of a test: first and, if it ran again, alone, patched and unpatched;
# None where a tree has no such test.  Then, whether it is to run again, the
# part of the report in which it is, and whether all may end well.
CASES = (
    ('o', 'o', False, None, True),
    ('s', 's', False, None, True),
    ('x', 'x', False, None, True),
    ('F', 'o', True, 'worse', False),
    ('X', 'x', True, 'worse', False),
    ('s', 'o', True, 'worse', False),
    ('x', 'o', True, 'worse', False),
    ('F', 's', True, 'worse', False),
    (None, 'o', False, 'worse', False),
    (None, 'F', True, 'worse', False),
    ('F', None, True, 'worse', False),
    ('o', None, False, 'new', True),
    ('s', None, False, 'new', True),
    ('FF', 'oo', True, 'worse', False),
    ('Fo', 'oo', True, 'chance', True),
    # Busy at first, really broken in one tree.
    ('FF', 'Fo', True, 'worse', False),
    ('Fo', 'FF', True, 'better', True),
    ('FF', 'FF', True, 'both', True),
    ('F', 'F', True, 'both', True),
    ('M', 'M', True, 'both', True),
    ('EF', 'FF', True, 'both', True),
    ('FE', 'FF', True, 'elsewhere', False),
    ('FF', 'FM', True, 'elsewhere', False),
    ('oo', 'Fo', True, 'chance', True),
    ('oF', 'FF', True, 'both', True),
    ('oF', 'Fo', True, 'worse', False),
    # Without a result, there is nothing to say, in whichever tree.
    ('.', 'o', True, 'worse', False),
    ('o', '.', True, 'better', False),
    ('.', '.', True, 'both', False),
    ('.o', 'oo', True, 'chance', True),
)


class Trees(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def tree(self, name, tests):
        """Writes a tree's files.  Tests are (file, title, results)."""
        path = os.path.join(self.scratch, name)
        os.mkdir(path)
        texts = {'list': '\n NUM: FILE-NAME:LINE     TEST-GROUP-NAME\n\n',
                 'output': 'make: Entering directory\n##  tests ##\n'}
        for number, (file, title, had) in enumerate(tests, 1):
            texts['list'] += '%4d: %s:%d   %s\n      key words\n' % (
                number, file, 10 * number, title)
            for output, letter in zip(('output', 'again'), had):
                if letter != '.':
                    result = PRINTED[letter].replace(
                        '%d', str(10 * number + 3))
                    texts[output] = '%s%3d: %-40s %s\n' % (
                        texts.get(output, ''), number, title, result)
        for file, text in texts.items():
            with open(os.path.join(path, file), 'w') as out:
                out.write(text)
        return path

    def call(self, function, *args):
        """Returns what a command prints, and its exit status."""
        out, status = io.StringIO(), 0
        with contextlib.redirect_stdout(out):
            try:
                function(*args)
            except SystemExit as e:
                status = e.code
        return out.getvalue(), status

    def pair(self, name, ours, theirs):
        """Two trees with a test of these results, and one that passes."""
        return [self.tree(name + side, [('a.at', 'well', 'o')]
                          + ([('a.at', 'case', had)] if had else []))
                for side, had in (('p', ours), ('s', theirs))]

    def test_cases(self):
        for n, (ours, theirs, ran, part, well) in enumerate(CASES):
            with self.subTest(case=n, patched=ours, stock=theirs):
                paths = self.pair('case%d' % n, ours, theirs)
                patched, stock = map(results.Tree, paths)
                key = results.Key('a.at', 'case', 0)
                self.assertEqual(results.verdict(key, patched, stock), part)
                _, status = self.call(results.compare, *paths)
                self.assertEqual(not status, well)
                for path, had in zip(paths, (ours, theirs)):
                    other = paths[1 - paths.index(path)]
                    out, _ = self.call(results.again, path, other)
                    self.assertEqual(out, '2\n' if ran and had else '\n')

    def test_report(self):
        out, _ = self.call(results.compare, *self.pair('r', 'FF', 'oo'))
        self.assertRegex(out, r'(?m)^passed +1 +2$')
        self.assertRegex(out, r'(?m)^failed +1 +0$')
        self.assertIn('''Worse patched than unpatched: 1
    a.at: case
        patched 2: FAILED, alone FAILED (a.at:23); unpatched 2: ok, alone ok
''', out)

    def test_numbers_differ(self):
        """What fails in both does so at the same check: lines move, too."""
        ours = self.tree('p', [('a.at', 'added', 'o'), ('a.at', 'one', 'o'),
                               ('a.at', 'two', 'F'), ('a.at', 'both', 'F')])
        theirs = self.tree('s', [('a.at', 'one', 'F'), ('a.at', 'two', 'o'),
                                 ('a.at', 'both', 'F')])
        self.assertEqual(self.call(results.again, ours, theirs),
                         ('2 3 4\n', 0))
        self.assertEqual(self.call(results.again, theirs, ours),
                         ('1 2 3\n', 0))
        out, status = self.call(results.compare, ours, theirs)
        self.assertEqual(status, 1)
        self.assertRegex(out, r'Worse[^:]*: 1\n    a.at: two\n')
        self.assertRegex(out, r'Better[^:]*: 1\n    a.at: one\n')
        self.assertRegex(out, r'at the same check: 1\n    a.at: both\n')
        self.assertRegex(out, r'Only in the patched tree: 1\n.*added\n')

    def test_titles_repeat(self):
        """The second "same" of a.at fails; the one of b.at is another."""
        ours = self.tree('p', [('b.at', 'same', 'o'), ('a.at', 'same', 'o'),
                               ('a.at', 'same', 'F')])
        theirs = self.tree('s', [('a.at', 'same', 'F'), ('a.at', 'same', 'o'),
                                 ('b.at', 'same', 'o')])
        patched, stock = map(results.Tree, (ours, theirs))
        self.assertEqual(
            [results.verdict(results.Key(file, 'same', nth), patched, stock)
             for file, nth in (('a.at', 0), ('a.at', 1), ('b.at', 0))],
            ['better', 'worse', None])

    def test_results_in_titles(self):
        tests = [('a.at', "say: ok", 'F'), ('a.at', 'skipped (a.at:9)', 'o'),
                 ('a.at', 'a;b - "c" ok', 's'), ('a.at', 'is ok to end', 'U')]
        tree = results.Tree(self.tree('p', tests))
        self.assertEqual([tree.at_first(key) for key in tree.numbers],
                         [results.FAILED, results.OK, results.SKIPPED,
                          results.NONE])

    def test_nothing_ran(self):
        _, status = self.call(results.compare, self.tree('p', []),
                              self.tree('s', []))
        self.assertTrue(status)

    def test_too_many(self):
        tests = [('a.at', 'test %d' % n, 'F') for n in range(101)]
        out, status = self.call(results.again, self.tree('p', tests))
        self.assertEqual(out, '')
        self.assertIn('101 tests failed', status)

    def test_numbers_and_progress(self):
        path = self.tree('p', [('a.at', 'one', 'o'), ('b.at', 'two', 'F'),
                               ('c.at', 'three', '.')])
        self.assertEqual(self.call(results.numbers, path, 'c.at', 'a.at'),
                         ('1 3\n', 0))
        self.assertEqual(self.call(results.progress, 'patched=' + path),
                         ('patched 2 of 3, 1 failed\n', 0))

    def groups(self, *tests):
        known = os.path.join(self.scratch, 'known')
        with open(known, 'w') as out:
            out.write('# Because.\nb.at: old\n')
        return self.call(results.groups, self.tree('p', tests), known)[0]

    def test_groups(self):
        self.assertEqual(self.groups(
            ('a.at', 'one', 'o'), ('b.at', 'old', 'FF'), ('b.at', 'two', 's'),
            ('c.at', 'old', 'FF'), ('c.at', 'busy', 'Fo'), ('d.at', 'x', 's'),
            ('e.at', 'lost', '.')),
            '''PASS: ovs: a (1 test)
PASS: ovs: b (2 tests, 1 skipped, 1 known to fail)
FAIL: ovs: c (2 tests): 4 old: FAILED
SKIP: ovs: d (1 test, 1 skipped)
FAIL: ovs: e (1 test): 7 lost: no result
''')

    def test_groups_known_passes(self):
        self.assertEqual(self.groups(('b.at', 'old', 'o')),
                         'PASS: ovs: b (1 test)\n')

    def test_groups_nothing(self):
        self.assertRegex(self.groups(), '^ERROR: ')


if __name__ == '__main__':
    unittest.main()
