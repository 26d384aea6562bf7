# SPDX-License-Identifier: Apache-2.0
"""Prints frames for nf-probe, a line each, "HEX MARK": in runs of one kind and
mark, as long as a burst or shorter.

    bursts.py --marks N --count N [--seed N]
"""

import argparse
import random

import packets

# Of each of these the first frames, which differ in what simple match reads:
# Ethernet type, fragment bits, VLAN, and whether they can be parsed.
KINDS = packets.plain, packets.fragments, packets.neighbours, packets.tags
PER_KIND = 3
LONGEST = 40


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--marks', type=int, required=True)
    parser.add_argument('--count', type=int, required=True)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    frames = [frame.hex() for kind in KINDS
              for frame in list(kind())[:PER_KIND]]
    left = args.count
    while left:
        run = min(left, rng.choice((1, 1, 2, 3, rng.randint(4, LONGEST))))
        line = '%s %x' % (rng.choice(frames), rng.randint(1, args.marks))
        for _ in range(run):
            print(line)
        left -= run


if __name__ == '__main__':
    main()
