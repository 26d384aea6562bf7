# SPDX-License-Identifier: Apache-2.0
"""Whether what processes hold stays what it is.

A process that was just started grows until each thing has happened once.  Then
an event may leave nothing behind: descriptors and threads are compared one by
one, as they are when no packet moves.  Memory moves by some pages with every
event, so it is the growth over many events that counts:

  - of a process, over all of its events but the first WARM_UP;
  - by kind of event, over all but the first WARM_UP_KIND of this kind in a
    process;
  - from the first third of the run to the last, of processes of one name when
    they are of the same age: this finds what outlives a process.
"""

import collections
import statistics

WARM_UP = 8
WARM_UP_KIND = 2
LIMIT = 32                      # KiB an event.
MIN_EVENTS = 12                 # Fewer say nothing about all events...
MIN_KIND = 20                   # ...or about a kind...
MIN_THIRD = 4                   # ...or processes, about a third of the run.
LIMIT_THIRD = 1024              # KiB.

Sample = collections.namedtuple('Sample', 'event kind name pid rss')


def by_process(samples):
    """Returns the samples of each process, in order."""
    found = collections.defaultdict(list)
    for sample in samples:
        found[sample.name, sample.pid].append(sample)
    return found


class Growth:
    """KiB, and over how many events."""

    def __init__(self):
        self.kib = 0
        self.events = 0

    def add(self, kib, events=1):
        self.kib += kib
        self.events += events

    def each(self):
        return self.kib / self.events if self.events else 0


def overall(samples):
    """Returns the Growth of all processes of each name."""
    found = collections.defaultdict(Growth)
    for (name, _), series in by_process(samples).items():
        if len(series) > WARM_UP + 1:
            late = series[WARM_UP:]
            found[name].add(late[-1].rss - late[0].rss, len(late) - 1)
    return found


def by_kind(samples):
    """Returns the Growth of all processes of each name by kind of event."""
    found = collections.defaultdict(Growth)
    for (name, _), series in by_process(samples).items():
        seen = collections.Counter()
        for before, sample in zip(series, series[1:]):
            seen[sample.kind] += 1
            if seen[sample.kind] > WARM_UP_KIND:
                found[name, sample.kind].add(sample.rss - before.rss)
    return found


def thirds(samples):
    """Yields name, median in the first and in the last third of the run of
    the memory of processes that are new; of one that lived all the time, of
    all samples."""
    names = collections.defaultdict(list)
    for (name, _), series in by_process(samples).items():
        names[name].append(series)
    for name, processes in names.items():
        if len(processes) > 1:
            values = [series[0].rss for series in processes]
        else:
            values = [sample.rss for sample in processes[0][WARM_UP:]]
        n = len(values) // 3
        if n >= MIN_THIRD:
            yield (name, statistics.median(values[:n]),
                   statistics.median(values[-n:]))


def complaints(samples):
    """Returns what leaks, in words."""
    found = []
    for name, growth in sorted(overall(samples).items()):
        if growth.events >= MIN_EVENTS and growth.each() > LIMIT:
            found.append('%s grows by %.0f KiB an event (%d events)'
                         % (name, growth.each(), growth.events))
    for (name, kind), growth in sorted(by_kind(samples).items()):
        if growth.events >= MIN_KIND and growth.each() > LIMIT:
            found.append('%s grows by %.0f KiB with each %s (%d of them)'
                         % (name, growth.each(), kind, growth.events))
    for name, first, last in thirds(samples):
        if last - first > LIMIT_THIRD:
            found.append('%s: %d KiB in the first third of the run, %d in '
                         'the last' % (name, first, last))
    return found
