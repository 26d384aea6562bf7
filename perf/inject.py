# SPDX-License-Identifier: Apache-2.0
"""Sends frames of a benchmark.

    inject.py NETNS:DEVICE --size BYTES --flows N --count N [--steady]

BYTES may be "imix": 7 frames of 64 bytes, 4 of 570, 1 of 1518.  Frame I is of
flow I modulo N, which its UDP source port tells, and of way I modulo 2, which
its destination address tells: see rules.py.  With --steady, a frame each 100
microseconds or so.
"""

import argparse
import os
import random
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'tests', 'system'))

# pylint: disable=wrong-import-position
import frames                   # noqa: E402
import rules                    # noqa: E402
from plan import IMIX           # noqa: E402

AT_ONCE = 8                     # Frames that a device's queue surely takes.
PAUSE = 0.002                   # Seconds.
STEADY = 0.00005                # Seconds; the kernel adds as much.
ARGS = argparse.Namespace(host=0, dst_port=rules.DST_PORT) # Of frames.py.


def make_frame(rng, size, flow, way):
    frame = bytearray(frames.make_frame(rng, size, ARGS))
    frame[0:6] = bytes.fromhex(rules.ADDRESSES[way].replace(':', ''))
    frame[34:36] = struct.pack('!H', rules.FIRST_PORT + flow)
    return bytes(frame)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('device')
    parser.add_argument('--size', required=True)
    parser.add_argument('--flows', type=int, required=True)
    parser.add_argument('--count', type=int, required=True)
    parser.add_argument('--steady', action='store_true')
    args = parser.parse_args()

    rng = random.Random(0)
    sizes = IMIX if args.size == 'imix' else [int(args.size)]
    sock = frames.open_device(args.device)
    for i in range(args.count):
        sock.send(make_frame(rng, sizes[i % len(sizes)], i % args.flows,
                             i % len(rules.ADDRESSES)))
        if args.steady:
            time.sleep(STEADY)
        elif i % AT_ONCE == AT_ONCE - 1:
            time.sleep(PAUSE)


if __name__ == '__main__':
    main()
