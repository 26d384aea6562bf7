# SPDX-License-Identifier: Apache-2.0
"""Plots a run's CSV with gnuplot, as SVG and PNG.

    plot.py CSV DIR

    size.*      hops a second over the size of packets
    length.*    packets a second over the number of NFs
    cycles.*    cycles a hop, in parts
    latency.*   distribution of the latency of three NFs
"""

import argparse
import os
import subprocess

from figures import Figures, key
from plan import BASE
from report import NAMES

COLOURS = {'stock': '#c0392b', 'memif': '#e59866', 'chain': '#1f618d',
           'bare': '#7f8c8d'}
PARTS = ('receive', 'classify', 'send')
HEAD = '''
set style line 1 lw 2
set border 3
set tics nomirror out
set grid ytics lc rgb "#dddddd"
set key outside right top
set yrange [0:*]
'''
TERMINALS = {'svg': 'svg noenhanced size 760,420 font "sans,12"',
             'png': 'pngcairo noenhanced size 1140,630 font "sans,14"'}


def block(name, rows):
    """Returns a data block of gnuplot's."""
    lines = [' '.join(str(cell) for cell in row) for row in rows]
    return '\n'.join(['$%s << END' % name, *lines, 'END', ''])


def error_lines(name, side):
    return ('$%s using 1:3:2:4 with yerrorlines lw 2 pt 7 ps 0.5 lc rgb "%s" '
            'title "%s"' % (name, COLOURS[side], NAMES[side]))


def series(figures, side, wheres, name, scale):
    """Returns rows of x, least, median, most."""
    rows = []
    for x, where in wheres:
        spread = figures.spread(side, where, name)
        if spread:
            rows.append((x, *(value / scale for value in spread)))
    return rows


def lines(figures, wheres, name, scale, sides):
    """Returns data blocks and the arguments of 'plot'."""
    blocks, plots = '', []
    for side in sides:
        rows = series(figures, side, wheres, name, scale)
        if len(rows) > 1:
            blocks += block(side, rows)
            plots.append(error_lines(side, side))
    return blocks, plots


def by_size(figures):
    """Not IMIX, which is no point of this axis."""
    sizes = sorted({int(where.size) for where in figures.keys()
                    if where.size.isdigit()})
    blocks, plots = lines(figures, [(size, key(size)) for size in sizes],
                          'hops_per_s', 1e6, ('stock', 'memif', 'chain'))
    return blocks + '''
set title "%d NFs that touch nothing, in_port rules"
set logscale x 2
set xtics (%s)
set xlabel "bytes of a packet"
set ylabel "million hops a second"
''' % (BASE, ', '.join(str(size) for size in sizes)), plots


def by_length(figures):
    chains = sorted({where.chain for where in figures.keys() if where.chain})
    blocks, plots = lines(figures, [(n, key(64, n)) for n in chains],
                          'packets_per_s', 1e6, ('stock', 'memif', 'chain'))
    return blocks + '''
set title "64 B, NFs that touch nothing, in_port rules"
set xlabel "NFs in the chain"
set ylabel "million packets a second through it"
set xtics 1
''', plots


def in_parts(figures):
    rows = []
    for (side, where), shares in figures.shares.items():
        spread = figures.spread(side, where, 'pmd_cycles_per_hop')
        if spread:
            label = '"%s, %s B, %s, %s"' % (NAMES[side], where.size,
                                            where.forwarder, where.rules)
            rows.append((label, *(shares[part] * spread.median
                                  for part in PARTS)))
    if not rows:
        return '', []
    return block('parts', rows) + '''
set title "PMD cycles a hop (parts from perf)"
set style data histogram
set style histogram rowstacked
set style fill solid 0.9
set boxwidth 0.6
set ylabel "TSC cycles a hop"
set xtics rotate by -40 font ",9"
set bmargin 9
set lmargin 16
''', ['$parts using %d:xtic(1) title "%s"' % (i + 2, part)
      for i, part in enumerate(PARTS)]


def by_latency(figures):
    blocks, plots = '', []
    for (side, load), points in figures.cdf.items():
        name = '%s%d' % (side, load)
        blocks += block(name, points)
        plots.append('$%s using 1:2 with lines lw 2 dt %d lc rgb "%s" title '
                     '"%s at %d %%"' % (name, 1 + load // 40, COLOURS[side],
                                        NAMES[side], load))
    return blocks + '''
set title "Latency through three NFs, 64 B"
set logscale x
set xlabel "microseconds"
set ylabel "part of the packets"
set yrange [0:1]
''', plots


FIGURES = {'size': by_size, 'length': by_length, 'cycles': in_parts,
           'latency': by_latency}


def draw(figures, folder):
    for name, make in FIGURES.items():
        program, plots = make(figures)
        if not plots:
            continue
        for suffix, terminal in TERMINALS.items():
            subprocess.run(['gnuplot'], check=True, text=True, input='\n'.join(
                ['set terminal ' + terminal,
                 'set output "%s"' % os.path.join(folder,
                                                  name + '.' + suffix),
                 HEAD, program, 'plot ' + ', '.join(plots), '']))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('csv')
    parser.add_argument('dir')
    args = parser.parse_args()
    os.makedirs(args.dir, exist_ok=True)
    draw(Figures(args.csv), args.dir)


if __name__ == '__main__':
    main()
