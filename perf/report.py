# SPDX-License-Identifier: Apache-2.0
"""Writes a report in Markdown, to standard output, from a run's CSV.

    report.py CSV [--plots DIR]

With --plots, it shows the plots in DIR, a path from where the report will be.
"""

import argparse

import latency
import targets
from figures import Figures, Spread, bare, key

NAMES = {'stock': 'vhost-user', 'memif': 'memif', 'chain': 'ovs-chain',
         'bare': 'bare exchange', 'rte_ring': 'rte_ring'}
PLOTS = ('size', 'length', 'cycles', 'latency')


def table(head, rows):
    """Yields a table, the first column to the left."""
    yield '| ' + ' | '.join(head) + ' |'
    yield '| --- |' + ' ---: |' * (len(head) - 1)
    for row in rows:
        yield '| ' + ' | '.join(str(cell) for cell in row) + ' |'
    yield ''


def spread_of(values, form):
    return Spread.of(values).text(form) if values else '-'


def machine(figures):
    yield '## Machine'
    yield ''
    yield from table(('what', 'value'), figures.comments.items())


def target_rows(figures):
    for target in targets.targets(figures):
        yield (target.text, target.bound_text(),
               target.spread.text(target.form) if target.spread else '-',
               target.met())


def target_table(figures):
    yield '## Targets'
    yield ''
    yield 'Ratios of pairs of rounds: least / median / largest.  The median ' \
        'decides.'
    yield ''
    yield from table(('target', 'bound', 'measured', 'met'),
                     target_rows(figures))


def where_text(where):
    if not where.size:
        return 'two crossings, bursts of 32'
    words = [where.size + ('' if where.size == 'imix' else ' B'),
             '%d NFs' % where.chain, where.forwarder]
    if where.rules:
        words += ['%d flows' % where.flows, where.rules]
    return ', '.join(words)


def throughput_rows(figures):
    for where in figures.keys():
        for side in figures.sides(where):
            hops = figures.spread(side, where, 'hops_per_s')
            cycles = figures.spread(side, where, 'pmd_cycles_per_hop')
            gbit = figures.spread(side, where, 'gbit_per_s')
            ratio = figures.ratio('hops_per_s', (side, where),
                                  ('stock', where))
            yield (where_text(where), NAMES[side],
                   Spread(*(value / 1e6 for value in hops)).text(),
                   cycles.text('%.0f'), '%.2f' % gbit.median if gbit else '',
                   ratio.text() if ratio and side != 'stock' else '')


def throughput(figures):
    yield '## Throughput'
    yield ''
    yield 'Least / median / largest of the rounds.  A hop is from one NF to ' \
        'the next; Gbit/s are those of packets through the whole chain.'
    yield ''
    yield from table(('case', 'side', 'Mhops/s', 'PMD cycles a hop', 'Gbit/s',
                      'hops/s over vhost-user'), throughput_rows(figures))


def slope(points):
    """Returns the slope of a straight line through points, least squares."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    return (sum((x - mean_x) * (y - mean_y) for x, y in points)
            / sum((x - mean_x) ** 2 for x, _ in points))


def slope_rows(figures):
    for size in '64', '1518':
        for side in 'stock', 'memif', 'chain', 'bare':
            points = []
            for where in figures.keys():
                spread = figures.spread(side, where, 'packets_per_s')
                if spread and where in (key(size, where.chain),
                                        bare(key(size, where.chain))):
                    points.append((where.chain, spread.median))
            if len(points) > 1:
                points.sort()
                yield (size, NAMES[side],
                       ', '.join('%d: %.2f' % (x, y / 1e6)
                                 for x, y in points),
                       '%.0f' % slope([(x, 1e9 / y) for x, y in points]))


def lengths(figures):
    yield '## Length of the chain'
    yield ''
    yield from table(('B', 'side', 'NFs: million packets/s',
                      'ns a packet for each NF more'), slope_rows(figures))


def latency_rows(figures):
    for side in figures.latencies:
        for load in latency.LOADS:
            rate = figures.latency(side, load, 'packets_per_s')
            yield (NAMES[side], '%d %%' % load,
                   '%.0f' % Spread.of(rate.values()).median,
                   *(spread_of(figures.latency(side, load, name).values(),
                               '%.1f')
                     for name in ('lat_p50_us', 'lat_p99_us', 'lat_p999_us',
                                  'lat_max_us')))


def latencies(figures):
    yield '## Latency'
    yield ''
    yield 'Through a chain of three, 64 B, at parts of what each side can ' \
        'carry there; microseconds, least / median / largest of the rounds.'
    yield ''
    yield from table(('side', 'load', 'packets/s', 'p50', 'p99', 'p99.9',
                      'max'), latency_rows(figures))


def extra_rows(figures):
    for (name, side, x), values in figures.extra.items():
        if not name.startswith('latency'):
            yield (name.replace('_', ' '), NAMES[side], x,
                   spread_of(values.values(), '%.1f'))


def extras(figures):
    yield '## Starts, memory, silent ports'
    yield ''
    yield 'Milliseconds, bytes, TSC cycles: least / median / largest.'
    yield ''
    yield from table(('what', 'side', 'of', 'value'), extra_rows(figures))


def part_rows(figures):
    for (side, where), shares in figures.shares.items():
        spread = figures.spread(side, where, 'pmd_cycles_per_hop')
        yield (where_text(where), NAMES[side], *(
            '%.0f (%.0f %%)' % (shares[part] * spread.median,
                                shares[part] * 100) if spread else '-'
            for part in ('receive', 'classify', 'send')),
               ', '.join('`%s` %.0f %%' % (symbol, share * 100)
                         for symbol, share in figures.symbols[side, where]
                         if share >= 0.02 and symbol != '[unknown]'))


def profiles(figures):
    yield '## Where the cycles go'
    yield ''
    yield 'PMD cycles a hop, from perf(1); `perf/README.md` says what the ' \
        'parts are.  The stock switch has no symbols of its own.'
    yield ''
    yield from table(('case', 'side', 'receive', 'classify', 'send',
                      'functions'), part_rows(figures))


def errors(figures):
    if figures.errors:
        yield '## Rows that were not to be had'
        yield ''
        for error in figures.errors:
            yield '- ' + error
        yield ''


def plots(folder):
    for name in PLOTS:
        yield '![%s](%s/%s.svg)' % (name, folder, name)
        yield ''


def report(figures, folder):
    yield '<!-- SPDX-License-Identifier: Apache-2.0 -->'
    yield '# A run of `./bootstrap perf`'
    yield ''
    yield 'Made by `perf/report.py`; `perf/README.md` says what was measured' \
        ' and how.'
    yield ''
    if folder:
        yield from plots(folder)
    for section in (target_table, throughput, lengths, latencies, extras,
                    profiles, machine, errors):
        yield from section(figures)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('csv')
    parser.add_argument('--plots')
    args = parser.parse_args()
    for line in report(Figures(args.csv), args.plots):
        print(line)


if __name__ == '__main__':
    main()
