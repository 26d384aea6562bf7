# SPDX-License-Identifier: Apache-2.0
"""Which event follows which.

A run is a series of eras, each of which ends with a restart of the switch.
Most are short; some, the first among them, are long enough to tell a leak from
what a new process needs anyway.
"""

import random

import events

ERAS = [0, 1, 2, 4, 25]         # Events before a restart.

# Kind, how often among its like, event.
EVENTS = [
    ('nf-kill', 4, events.nf_kill),
    ('nf-term', 2, events.nf_term),
    ('nf-stop', 3, events.nf_stop),
    ('port-delete', 3, events.port_delete),
    ('port-options', 2, events.port_options),
    ('chain-apply', 3, events.chain_apply),
    ('flow-bundle', 3, events.detour),
    ('mirror', 2, events.mirror),
    ('pool-resize', 1, events.resize),
    ('switch-stop', 2, events.switch_stop),
]
RESTARTS = [
    ('switch-kill', 6, events.switch_kill),
    ('switch-exit', 6, events.switch_exit),
    ('switch-upgrade', 4, events.upgrade),
    ('kill-in-start', 2, events.kill_in_start),
    ('kill-with-nf', 3, events.kill_with_nf),
    ('kill-with-stop', 2, events.kill_with_stop),
    ('kill-in-change', 2, events.kill_in_change),
    ('restart-resize', 2, events.restart_and_resize),
    ('exit-in-settling', 1, events.exit_in_settling),
]


def pick(rng, table):
    return rng.choices(table, [one[1] for one in table])[0][0]


def kinds(seed, only=()):
    """Yields the kinds of events, without end; with 'only' those alone."""
    rng = random.Random('%s/kinds' % seed)
    often, restarts = ([one for one in table if not only or one[0] in only]
                        for table in (EVENTS, RESTARTS))
    era = max(ERAS)
    while True:
        if often:
            for _ in range(era):
                yield pick(rng, often)
        if restarts:
            yield pick(rng, restarts)
        era = rng.choice(ERAS)


def has_restarts(only=()):
    return any(not only or one[0] in only for one in RESTARTS)


def known():
    """Returns all kinds."""
    return {one[0] for one in EVENTS + RESTARTS}


def event(kind):
    return next(one[2] for one in EVENTS + RESTARTS if one[0] == kind)
