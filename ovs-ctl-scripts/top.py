# SPDX-License-Identifier: Apache-2.0
"""Shows chains, ports and pools again and again, the busiest first.

    top.py [--bridge BRIDGE] [--interval SECONDS] [--count N]

In place on a terminal, until 'q' or Ctrl-C; otherwise as blocks of text.
"""

import os
import select
import shutil
import signal
import sys
import termios
import time
import tty

import sample
from show import Drawing, new_parser, si
from switch import NoAnswer

ROW = '  %-15s %-9s %7s %7s %7s %7s %6s %7s  %s'
TITLES = ROW % ('port', 'state', 'rx/s', 'tx/s', 'copied', 'dropped', 'held',
                'credits', 'drops')

ALTERNATE, NORMAL = '\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l'
HOME, END_OF_LINE, BELOW = '\x1b[H', '\x1b[K', '\x1b[J'


def chain_rows(after, rates):
    """Yields the lines of the chains of a Sample, highest rates first."""
    for name, bridge in after.bridges.items():
        drawing = Drawing(bridge, rates)
        yield 'bridge %s:' % name
        for line in sorted(sample.chains_of(bridge).lines(),
                           key=lambda line: -drawing.highest(line)):
            yield '  ' + drawing.line(line)


def pool_rows(after):
    for pool in after.show['pools']:
        buffers = pool['buffers']
        yield ('pool %s: %d free, %d held by NFs, %d in the switch, of %d '
               'buffers' % (pool['name'], buffers['free'], buffers['owned'],
                            buffers['in_switch'], buffers['all']))


def increase(before, after, key):
    return sample.difference(before.get(key, 0), after[key])


def drops(before, after):
    """Returns the reasons for which a port has dropped packets since the
    Sample before, and how many."""
    old = before.get('drops', {})
    counts = {reason: increase(old, after['drops'], reason)
              for reason in after['drops']}
    return {reason: count for reason, count in counts.items() if count}


def port_rows(before, after):
    """Yields the rows of chain ports, those that move most packets first."""
    old = {port['name']: port for port in before.show['ports']}
    elapsed = after.time - before.time
    rows = []
    for port in after.show['ports']:
        was = old.get(port['name'], {})
        rx, tx, copied = (increase(was, port, key) / elapsed for key in (
            'rx_packets', 'tx_packets', 'tx_copied'))
        lost = drops(was, port)
        rows.append((rx + tx, ROW % (
            port['name'], 'stalled' if port['stalled'] else port['state'],
            si(rx), si(tx), si(copied), si(sum(lost.values()) / elapsed),
            port['owned'], port['credits'], ', '.join(sorted(lost)))))
    rows.sort(key=lambda row: -row[0])
    return [row for _, row in rows]


def frame(before, after):
    """Returns the lines of all that is shown."""
    return [*chain_rows(after, sample.Rates(before, after)), '',
            *pool_rows(after), TITLES.rstrip(),
            *(row.rstrip() for row in port_rows(before, after))]


class Blocks:
    """Writes one frame after the other."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @staticmethod
    def show(title, lines):
        print('\n'.join([title, *lines, '']), flush=True)

    @staticmethod
    def wait(seconds):
        """Returns whether the user has had enough after 'seconds'."""
        time.sleep(seconds)
        return False


class Screen:
    """Shows frames in place on the terminal, cut to its size."""

    def __init__(self):
        self.keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self.modes = None

    def __enter__(self):
        if self.keys is not None:
            self.modes = termios.tcgetattr(self.keys)
            tty.setcbreak(self.keys)
        print(ALTERNATE, end='', flush=True)
        return self

    def __exit__(self, *_):
        if self.keys is not None:
            termios.tcsetattr(self.keys, termios.TCSADRAIN, self.modes)
        print(NORMAL, end='', flush=True)

    @staticmethod
    def show(title, lines):
        width, height = shutil.get_terminal_size()
        text = [line[:width] for line in [title, *lines][:height]]
        print(HOME + (END_OF_LINE + '\r\n').join(text) + END_OF_LINE + BELOW,
              end='', flush=True)

    def wait(self, seconds):
        """Returns whether 'q' was typed before 'seconds' were over."""
        if self.keys is None:
            time.sleep(seconds)
            return False
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.keys], [], [], left)[0]:
                typed = os.read(self.keys, 64)
                if not typed or b'q' in typed.lower():
                    return True
        return False


def watch(args, screen):
    """Shows a frame each interval until there were enough."""
    sample.settle()
    before, shown = sample.take(args.bridge), 0
    while not screen.wait(args.interval):
        try:
            sample.settle()
            after = sample.take(args.bridge)
            lines = frame(before, after)
            before = after
        except NoAnswer as e:
            lines = [str(e)]
        screen.show('ovs-chain top - %s, every %g s%s' % (
            time.strftime('%H:%M:%S'), args.interval,
            ', q ends' if isinstance(screen, Screen) else ''), lines)
        shown += 1
        if shown == args.count:
            return


def main():
    parser = new_parser('top', 1.0)
    parser.add_argument('--count', type=int)
    args = parser.parse_args()
    if not args.interval:
        parser.error('top needs an --interval above 0')
    if args.count is not None and args.count < 1:
        parser.error('--count takes a number above 0')
    for signum in signal.SIGTERM, signal.SIGHUP:
        signal.signal(signum, lambda number, _: sys.exit(128 + number))
    try:
        with Screen() if sys.stdout.isatty() else Blocks() as screen:
            watch(args, screen)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Nobody reads on: nothing is left to be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == '__main__':
    main()
