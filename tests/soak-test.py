#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the soak believes of its own figures: that a leak is found and noise is
none, that what may be lost is counted right, and that a seed makes one
sequence of events."""

import itertools
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                'system', 'soak'))

# pylint: disable=wrong-import-position
import events
import leaks
import schedule


def run(n_eras, era, leak=0, kind='', outlives=0, seed=1):
    """Samples as a switch gives them that grows to some size within a few
    events, is moved by some pages by each event, and leaks 'leak' KiB with
    each event, or each of 'kind', and 'outlives' with each start."""
    rng = random.Random(seed)
    kinds = itertools.cycle(['nf-kill', 'port-delete', 'mirror'])
    samples = []
    event = 0
    for pid in range(n_eras):
        leaked = outlives * pid
        for age in range(era):
            event += 1
            what = next(kinds)
            if age and kind in ('', what):
                leaked += leak
            rss = (54000 + 400 * age / (age + 2) + leaked
                   + 4 * rng.randint(-20, 20))
            samples.append(leaks.Sample(event, what, 'switch', pid, rss))
    return samples


class Leaks(unittest.TestCase):
    def test_noise(self):
        for seed in range(50):
            for n_eras, era in (1, 40), (20, 25), (100, 4), (3, 300):
                self.assertEqual(
                    leaks.complaints(run(n_eras, era, seed=seed)), [])

    def test_every_event(self):
        for seed in range(50):
            for n_eras, era in (1, 25), (2, 22), (20, 25), (3, 300):
                found = leaks.complaints(run(n_eras, era, 64, seed=seed))
                self.assertTrue(found, (n_eras, era))
                self.assertIn('an event', found[0])

    def test_one_kind(self):
        for seed in range(50):
            found = leaks.complaints(run(10, 30, 64, 'mirror', seed=seed))
            self.assertEqual(len(found), 1, found)
            self.assertIn('with each mirror', found[0])

    def test_outlives(self):
        for seed in range(50):
            found = leaks.complaints(run(60, 4, outlives=64, seed=seed))
            self.assertEqual(len(found), 1, found)
            self.assertIn('first third', found[0])


class Allowances(unittest.TestCase):
    windows = [256, 64, 64]

    def excess(self, allowance, lost):
        return allowance.excess(lost, self.windows)

    def test_nothing(self):
        self.assertEqual(self.excess(events.NOTHING, [0, 0, 0]), 0)
        self.assertEqual(self.excess(events.NOTHING, [0, 1, 0]), 1)

    def test_in_hand(self):
        self.assertEqual(self.excess(events.IN_HAND, [20, 12, 0]), 0)
        self.assertEqual(self.excess(events.IN_HAND, [20, 12, 1]), 1)

    def test_one_stream(self):
        held = events.Allowance('', streams=[0])
        self.assertEqual(self.excess(held, [256, 0, 0]), 0)
        self.assertEqual(self.excess(held, [1, 1, 0]), 1)

    def test_both(self):
        both = events.KILLED.also(events.Allowance('', streams=[0]))
        self.assertEqual(self.excess(both, [256, 32, 64]), 0)
        self.assertEqual(self.excess(both, [0, 33, 0]), 1)
        self.assertEqual(both.limit(self.windows), 256 + 64 + 32)


class Schedule(unittest.TestCase):
    def kinds(self, seed, n):
        return list(itertools.islice(schedule.kinds(seed), n))

    def test_seed(self):
        self.assertEqual(self.kinds(1, 500), self.kinds(1, 500))
        self.assertNotEqual(self.kinds(1, 500), self.kinds(2, 500))

    def test_every_kind(self):
        self.assertEqual(set(self.kinds(1, 2000)), schedule.known())

    def test_only(self):
        for only in ['mirror'], ['switch-kill'], ['mirror', 'switch-kill']:
            self.assertEqual(set(itertools.islice(
                schedule.kinds(1, only), 100)), set(only))

    def test_long_era_first(self):
        """Also a short run has one that says something about memory."""
        restarts = {kind for kind, _, _ in schedule.RESTARTS}
        for seed in range(20):
            first = self.kinds(seed, leaks.WARM_UP + leaks.MIN_EVENTS + 1)
            self.assertFalse(restarts.intersection(first))


if __name__ == '__main__':
    unittest.main()
