# SPDX-License-Identifier: Apache-2.0
"""Tells whether the switch has counted what an NF says that it must have.

    expect.py BEFORE NF_LOG [--exact]

BEFORE is the output of "ovs-appctl chain/show-json" before the NF attached to
port bad, stdin what it is now, NF_LOG what nf-hostile printed.  Prints each
expectation that is not met, and ends with 1 if there is one; with --exact it
also is one that nothing else was dropped.
"""

import json
import sys

# Drops of packets from the NF, the others are of packets to it.
FROM_NF = ('bad_buffer', 'not_owner', 'reserved', 'bad_verdict', 'rx_short',
           'rx_long', 'outside', 'by_nf', 'no_local')


def load(file):
    """Returns what is shown of port bad, with what is of its pool."""
    show = json.load(file)
    port, = [port for port in show['ports'] if port['name'] == 'bad']
    pool, = [pool for pool in show['pools'] if pool['name'] == port['pool']]
    port['repaired'] = {'port': port['repairs'], 'pool': pool['repairs']}
    return port


def taken(port):
    return (port['rx_packets'] + port['rx_local']
            + sum(port['drops'][reason] for reason in FROM_NF))


def state(port):
    return ('attached no reason given' if port['state'] == 'attached'
            else port['state'] + ' ' + port['reason'])


def failures(before, now, lines, exact):
    drops = {reason: now['drops'][reason] - n
             for reason, n in before['drops'].items()}
    got = {
        'moved': now['rx_moved'] - before['rx_moved'],
        'taken': taken(now) - taken(before),
        'owned': now['owned'],
        'attachments': now['generation'] - before['generation'],
        'state': state(now),
    }
    wanted = {}
    for what, value in lines:
        if what == 'drops':
            reason, n = value.split()
            wanted[reason] = int(n)
        elif what == 'some':
            if not drops.pop(value):
                yield 'nothing was dropped as ' + value
        elif what == 'repairs':
            if now['repaired'][value] == before['repaired'][value]:
                yield 'nothing of the %s was repaired' % value
        elif what == 'woken':
            if now['tx_wakeups'] == before['tx_wakeups']:
                yield 'the NF was not woken'
        elif what != 'nothing' and str(got[what]) != value:
            yield '%s: %s, not %s' % (what, got[what], value)
    for reason, n in drops.items():
        if (exact or reason in wanted) and n != wanted.get(reason, 0):
            yield '%d dropped as %s, not %d' % (n, reason,
                                                wanted.get(reason, 0))


def main():
    with open(sys.argv[1], encoding='ascii') as f:
        before = load(f)
    with open(sys.argv[2], encoding='ascii') as f:
        lines = [line.rstrip('\n').partition(' ')[2] for line in f
                 if line.startswith('expect ')]
    lines = [(line.partition(' ')[0], line.partition(' ')[2])
             for line in lines]
    failed = list(failures(before, load(sys.stdin), lines,
                           '--exact' in sys.argv))
    if not lines:
        failed.append('the NF says nothing')
    print('; '.join(failed))
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
