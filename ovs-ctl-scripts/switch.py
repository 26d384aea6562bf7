# SPDX-License-Identifier: Apache-2.0
"""Asks the switch: the tools of Open vSwitch, and what they print as JSON."""

import json
import subprocess
import sys


# All versions, so that the best one is taken that a bridge has.
VERSIONS = 'OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15'


class NoAnswer(SystemExit):
    """The switch does not do what it is asked; ends the program unless it is
    caught."""


def fail(*words):
    sys.exit(' '.join(words))


def run(*command):
    """Returns the output of one of Open vSwitch's tools, or raises
    NoAnswer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False, timeout=30)
    except FileNotFoundError:
        fail(command[0], "is not in PATH: is Open vSwitch installed?")
    except subprocess.TimeoutExpired:
        raise NoAnswer("the switch does not answer: " +
                       ' '.join(command)) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ['']
        raise NoAnswer("the switch does not run, or is not the patched one "
                       "(%s): %s" % (' '.join(command), lines[0]))
    return done.stdout


def value(cell):
    """Returns what a cell of a table of ovs-vsctl holds."""
    if isinstance(cell, list) and cell[0] == 'map':
        return dict(cell[1])
    return cell


def table(name, columns):
    """Returns the rows of a table of the database."""
    reply = json.loads(run('ovs-vsctl', '--timeout=10', '--format=json',
                           '--columns=' + columns, 'list', name))
    return [dict(zip(reply['headings'], map(value, row)))
            for row in reply['data']]


def ofctl(verb, *args):
    """Returns the output of a verb of ovs-ofctl, with numbers of ports and
    tables, whatever their names are."""
    return run('ovs-ofctl', '-O', VERSIONS, '--no-names', verb, *args)


def chain_show():
    """Returns what "ovs-chain show --json" prints."""
    return json.loads(run('ovs-appctl', '-T', '10', 'chain/show-json'))
