# SPDX-License-Identifier: Apache-2.0
"""Reads what the test suites of Open vSwitch print, and compares two trees
test by test.

    results.py numbers TREE FILE...       the numbers of the tests in FILEs
    results.py progress NAME=TREE...      how far the runs are, in one line
    results.py again TREE [OTHER]         the numbers of what to run again
    results.py compare PATCHED STOCK      a report; fails if there is a
                                          regression
    results.py groups TREE KNOWN          a line a file, as automake prints
                                          them

A TREE is a folder with files that these commands wrote:

    list      testsuite --list: what is to run
    output    make check: the first run
    again     the same for tests that ran again, alone

A number says nothing beyond its tree, because a series may add tests.  A test
is known by its file, its title and, as titles repeat, how many tests of that
title come before it in that file.
"""

import collections
import re
import sys

OK = 'ok'
FAILED = 'FAILED'
SKIPPED = 'skipped'
EXPECTED = 'expected failure'
UNEXPECTED = 'UNEXPECTED PASS'
NONE = 'no result'

# How bad a result is.
RANK = {OK: 0, EXPECTED: 1, SKIPPED: 2, UNEXPECTED: 3, FAILED: 3, NONE: 3}
WORST = 3

LISTED = re.compile(r' *(\d+): (\S+):(\d+) +(\S.*)')
RESULT = re.compile(r' *(\d+): .* (%s)(?: \((.*):(\d+)\))?$'
                    % '|'.join((OK, FAILED, SKIPPED, EXPECTED, UNEXPECTED)))
# So many failures are not chance: this many, and this part of all.
MANY, MANY_OF_ALL = 100, 0.1

Key = collections.namedtuple('Key', 'file title nth')
Result = collections.namedtuple('Result', 'word file line')
NO_RESULT = Result(NONE, None, None)


def lines(path):
    """Yields the lines of a file, none if there is no file.  Titles are in
    more encodings than one."""
    try:
        with open(path, encoding='latin-1') as file:
            for line in file:
                yield line.rstrip('\n')
    except FileNotFoundError:
        pass


def results(path):
    """Returns {number: Result} of what a suite printed."""
    found = filter(None, map(RESULT.match, lines(path)))
    return {int(match[1]): Result(*match.groups()[1:]) for match in found}


class Tree:
    """What is to run in a tree ('numbers' and where it begins, 'starts', by
    Key), and what came of it, at first and alone, by number."""

    def __init__(self, path):
        self.numbers, self.starts = {}, {}
        seen = collections.Counter()
        for match in filter(None, map(LISTED.match, lines(path + '/list'))):
            title = match[2], match[4]
            key = Key(*title, seen[title])
            self.numbers[key], self.starts[key] = int(match[1]), int(match[3])
            seen[title] += 1
        self.first = results(path + '/output')
        self.alone = results(path + '/again')

    def has(self, key):
        return key in self.numbers

    def at_first(self, key):
        return self.first.get(self.numbers.get(key), NO_RESULT).word

    def last(self, key):
        """A test that ran alone is what it was then."""
        number = self.numbers.get(key)
        return self.alone.get(number, self.first.get(number, NO_RESULT))

    def final(self, key):
        return self.last(key).word

    def where(self, key):
        """Returns the check that failed, as its file and its line, which
        counts from the test's own, for there may be new tests above."""
        _, file, line = self.last(key)
        if line and file == key.file:
            return file, int(line) - self.starts[key]
        return file, line

    def count(self, *wanted):
        return sum(self.at_first(key) in wanted for key in self.numbers)


def keys_of(*trees):
    """Returns all tests of the trees, in order."""
    return list(dict.fromkeys(key for tree in trees for key in tree.numbers))


def numbers(path, *files):
    """Prints the numbers of the tests in some files."""
    print(*(number for key, number in Tree(path).numbers.items()
            if key.file in files))


def progress(*named):
    texts = []
    for name, path in (one.split('=', 1) for one in named):
        tree = Tree(path)
        texts.append('%s %d of %d, %d failed' % (
            name, len(tree.first), len(tree.numbers),
            tree.count(FAILED, UNEXPECTED)))
    print('; '.join(texts))


def again(path, other=None):
    """Prints the numbers, in the first tree, of the tests that have to prove
    themselves: those that were bad in any tree, or not the same in both."""
    trees = [Tree(one) for one in (path, other or path)]
    chosen = []
    for key in keys_of(*trees):
        ranks = {RANK[tree.at_first(key)] for tree in trees if tree.has(key)}
        if WORST in ranks or len(ranks) > 1:
            chosen.append(key)
    if len(chosen) > max(MANY, MANY_OF_ALL * len(trees[0].numbers)):
        sys.exit('results: %d tests failed; that is not chance, and they are '
                 'not run again' % len(chosen))
    print(*(trees[0].numbers[key] for key in chosen if trees[0].has(key)))


def verdict(key, patched, stock):
    """Sorts a test into the part of the report where it belongs, if any."""
    ours, theirs = (RANK[tree.final(key)] for tree in (patched, stock))
    if not stock.has(key):
        return 'worse' if ours == WORST else 'new'
    if not patched.has(key):
        return 'worse'
    if ours != theirs:
        return 'worse' if ours > theirs else 'better'
    if ours == WORST:
        same = patched.where(key) == stock.where(key)
        return 'both' if same else 'elsewhere'
    if patched.at_first(key) != stock.at_first(key):
        return 'chance'
    return None


def describe(key, patched, stock):
    """Returns a test and its results in words."""
    texts = []
    for name, tree in (('patched', patched), ('unpatched', stock)):
        if not tree.has(key):
            texts.append('not in ' + name)
            continue
        number, ran = tree.numbers[key], tree.at_first(key)
        word, file, line = tree.last(key)
        if number in tree.alone:
            ran += ', alone ' + word
        if file:
            ran += ' (%s:%s)' % (file, line)
        texts.append('%s %d: %s' % (name, number, ran))
    return '%s: %s\n        %s' % (key.file, key.title, '; '.join(texts))


PARTS = (
    ('worse', 'Worse patched than unpatched'),
    ('elsewhere', 'Fail in both, at different checks'),
    ('both', 'Fail in both, at the same check'),
    ('better', 'Better patched than unpatched'),
    ('chance', 'The same alone, not among the others'),
    ('new', 'Only in the patched tree'),
)

ROWS = (
    ('run', (OK, FAILED, EXPECTED, UNEXPECTED)),
    ('passed', (OK,)),
    ('failed', (FAILED,)),
    ('expected failures', (EXPECTED,)),
    ('unexpected passes', (UNEXPECTED,)),
    ('skipped', (SKIPPED,)),
    ('without result', (NONE,)),
)


def compare(patched_path, stock_path):
    patched, stock = Tree(patched_path), Tree(stock_path)
    parts = collections.defaultdict(list)
    for key in keys_of(patched, stock):
        parts[verdict(key, patched, stock)].append(key)
    print('%-20s %9s %9s' % ('first run', 'patched', 'unpatched'))
    for name, wanted in ROWS:
        print('%-20s %9d %9d' % (name, patched.count(*wanted),
                                 stock.count(*wanted)))
    for part, title in PARTS:
        print('%s: %d' % (title, len(parts[part])))
        for key in parts[part]:
            print('    ' + describe(key, patched, stock))
    unknown = [key for tree in (patched, stock) for key in tree.numbers
               if tree.final(key) == NONE]
    if unknown or not patched.count(OK) or not stock.count(OK):
        sys.exit('results: %d tests have no result' % len(unknown))
    sys.exit(1 if parts['worse'] or parts['elsewhere'] else 0)


def known_failures(path):
    return [line for line in lines(path)
            if line and not line.startswith('#')]


def groups(path, known_path):
    """Prints a line for each file of tests.  What fails there that is known
    to fail unpatched is counted, and no failure."""
    tree, known = Tree(path), known_failures(known_path)
    by_file = collections.defaultdict(list)
    for key in tree.numbers:
        by_file[key.file].append(key)
    if not by_file:
        print('ERROR: ovs: there are no tests')
    for file, keys in by_file.items():
        bad = [key for key in keys if RANK[tree.final(key)] == WORST]
        new = [key for key in bad
               if '%s: %s' % (key.file, key.title) not in known]
        skipped = sum(tree.final(key) == SKIPPED for key in keys)
        texts = ['%d test%s' % (len(keys), 's' * (len(keys) > 1))]
        if skipped:
            texts.append('%d skipped' % skipped)
        if len(bad) > len(new):
            texts.append('%d known to fail' % (len(bad) - len(new)))
        line = 'ovs: %s (%s)' % (file.removesuffix('.at'), ', '.join(texts))
        if new:
            print('FAIL: %s: %s' % (line, '; '.join(
                '%d %s: %s' % (tree.numbers[key], key.title, tree.final(key))
                for key in new)))
        else:
            print('%s: %s' % ('SKIP' if skipped == len(keys) else 'PASS',
                              line))


if __name__ == '__main__':
    {function.__name__: function
     for function in (numbers, progress, again, compare, groups)
     }[sys.argv[1]](*sys.argv[2:])
