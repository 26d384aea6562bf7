# SPDX-License-Identifier: Apache-2.0
"""The CSV of a run.

Comment lines come first and in between:

    # NAME: VALUE                     machine, versions, how it was measured
    # extra,NAME,SIDE,X,ROUND,VALUE   a figure that has no column
    # cdf,SIDE,LOAD,US,FRACTION       a point of the latency's distribution
    # part,SIDE,CASE,PART,SHARE       of the PMD's cycles: see profile.py
    # symbol,SIDE,CASE,NAME,SHARE     the same, of a function
    # error: WORDS                    a row that was not to be had
"""

import csv

COLUMNS = ('side', 'size_bytes', 'chain_nfs', 'forwarder', 'flows', 'rules',
           'round', 'packets_per_s', 'hops_per_s', 'pmd_cycles_per_hop',
           'gbit_per_s', 'lat_p50_us', 'lat_p99_us', 'lat_p999_us',
           'lat_max_us')

# Columns that say nothing of sides without a switch.
NOT_APPLICABLE = {
    'bare': ('flows', 'rules', 'gbit_per_s'),
    'rte_ring': COLUMNS[1:6] + ('packets_per_s', 'gbit_per_s'),
}


class Table:
    """Writes a CSV line by line, so that a run that fails leaves what it
    has."""

    def __init__(self, path):
        self.file = open(path, 'w', newline='', encoding='utf-8')
        self.writer = csv.DictWriter(self.file, COLUMNS, restval='',
                                     lineterminator='\n')
        self.errors = 0

    def comment(self, name, value):
        self.file.write('# %s: %s\n' % (name, value))
        self.file.flush()

    def header(self):
        self.writer.writeheader()

    def note(self, *fields):
        self.file.write('# ' + ','.join(str(f) for f in fields) + '\n')
        self.file.flush()

    def extra(self, name, side, x, number, value):
        self.note('extra', name, side, x, number, value)

    def error(self, words):
        self.errors += 1
        self.comment('error', ' '.join(str(words).split()))

    def row(self, side, case, number, **figures):
        fields = dict(zip(COLUMNS[1:6], (case.size, case.chain, case.forwarder,
                                         case.flows, case.rules)))
        fields.update(figures, side=side, round=number)
        fields.update(dict.fromkeys(NOT_APPLICABLE.get(side, ()), ''))
        self.writer.writerow(fields)
        self.file.flush()

    def throughput(self, side, case, number, sample):
        packets = sample.hops_per_s / case.chain
        self.row(side, case, number, packets_per_s='%.0f' % packets,
                 hops_per_s='%.0f' % sample.hops_per_s,
                 pmd_cycles_per_hop='%.1f' % sample.cycles_per_hop,
                 gbit_per_s='%.3f' % (packets * case.bytes() * 8 / 1e9))
