# SPDX-License-Identifier: Apache-2.0
"""What a run consists of: the only place that says so."""

from typing import NamedTuple

# The packets of a mixture, in the order in which they are sent.
IMIX = [64, 570, 64, 64, 570, 64, 1518, 64, 570, 64, 570, 64]


class Case(NamedTuple):
    """What is measured on some sides in alternating rounds."""
    size: object                # Bytes of a frame, or 'imix'.
    chain: int                  # NFs.
    forwarder: str = 'none'     # What NFs do to packets: none or macswap.
    flows: int = 1
    rules: str = 'in_port'      # See rules.py.
    sides: tuple = ('stock', 'chain')
    profile: bool = False       # Say where the PMD's cycles go.

    def jumbo(self):
        return self.size != 'imix' and self.size > 1518

    def bytes(self):
        """Returns the mean size of a frame."""
        return sum(IMIX) / len(IMIX) if self.size == 'imix' else self.size


class Plan(NamedTuple):
    """A selection."""
    cases: list
    rounds: int
    target_rounds: int          # Of what targets are about.
    seconds: float              # Of a round...
    warm: float                 # ...after so many of warm-up.
    tries: int                  # Times that it is measured, if disturbed.
    agreement: float            # Largest part by which two counts may differ.
    latency: float              # Seconds at each load; 0: not measured.
    idle: tuple                 # Numbers of silent ports.
    starts: int                 # Times that an NF is started.
    profile: float              # Seconds of a profile; 0: none.

    def rounds_of(self, case):
        quick = (other[:5] for other in QUICK)
        return self.target_rounds if case[:5] in quick else self.rounds


ALL = ('stock', 'chain', 'memif')
FLOOR = ('bare',)
BASE = 4                        # NFs, where the length is not what varies.

SIZES = (64, 128, 256, 512, 1024, 1518, 9000, 'imix')
ENDS = (64, 1518)               # Of sizes without jumbo frames.
CHAINS = (1, 2, 3, 4, 6, 8, 10)
FORWARDERS = ('none', 'macswap')

# What the targets are about, and another length, for the slope.
QUICK = [
    Case(64, BASE, sides=ALL + FLOOR + ('rte_ring',), profile=True),
    Case(64, BASE, 'macswap', sides=('stock', 'chain') + FLOOR),
    Case(64, BASE, rules='mark'),
    Case(64, BASE, flows=1000, rules='5tuple'),
    Case(1518, BASE),
    Case(9000, BASE),
    Case(64, 1),
]


def full():
    """Yields the lot: sizes, lengths, rules, each with all else as it is in
    the middle."""
    for forwarder in FORWARDERS:
        for size in SIZES:
            floor = FLOOR if size == 64 else ()
            ring = ('rte_ring',) if (size, forwarder) == (64, 'none') else ()
            sides = ('stock', 'chain') if size == 9000 else ALL
            yield Case(size, BASE, forwarder, sides=sides + floor + ring,
                       profile=size in (64, 1518))
    for chain in CHAINS:
        if chain != BASE:
            yield Case(64, chain, sides=ALL + FLOOR)
            yield Case(1518, chain, sides=ALL)
    for forwarder in FORWARDERS:
        yield Case(64, BASE, forwarder, flows=1000)
        for flows in 1, 1000:
            yield Case(64, BASE, forwarder, flows, '5tuple',
                       profile=flows > 1)
    yield Case(64, BASE, rules='mark', profile=True)
    yield Case(1518, BASE, rules='mark')
    yield Case(64, BASE, flows=1000, rules='mark')


# Just to see that all of it works.
SHORT = [
    Case(64, 2, sides=ALL + FLOOR + ('rte_ring',)),
    Case('imix', 2, 'macswap', 10, '5tuple'),
    Case(128, 2, rules='mark'),
    Case(9000, 2),
]

PLANS = {
    'quick': Plan(QUICK, rounds=5, target_rounds=5, seconds=0.5, warm=0.2,
                  tries=2, agreement=0.03, latency=0.5, idle=(10, 50),
                  starts=3, profile=2.0),
    'full': Plan(list(full()), rounds=3, target_rounds=9, seconds=1.0,
                 warm=0.3, tries=3, agreement=0.03, latency=2.0,
                 idle=(10, 100, 500), starts=10, profile=5.0),
    'short': Plan(SHORT, rounds=1, target_rounds=1, seconds=0.3, warm=0.1,
                  tries=3, agreement=1.0, latency=0.3, idle=(4,), starts=1,
                  profile=0),
}
