# SPDX-License-Identifier: Apache-2.0
"""Evaluates an expression over the JSON of "ovs-chain show --json" on stdin,
and prints its value.

    query.py EXPRESSION

'pools' and 'ports' are its lists; pool(NAME) and port(NAME) one of them, and
hop(PORT, FROM) the hop to PORT from FROM, with counters of 0 if there was
none.
"""

import json
import sys


def main():
    show = json.load(sys.stdin)

    def named(what, name):
        for one in show[what]:
            if one['name'] == name:
                return one
        sys.exit('query: %s has no %s' % (what, name))

    def hop(port, source):
        for one in named('ports', port)['hops']:
            if one['from'] == source:
                return one
        return {'from': source, 'by_reference': 0, 'copied': 0}

    # pylint: disable=eval-used  # The expressions are the tests' own.
    print(eval(sys.argv[1], {
        'pools': show['pools'],
        'ports': show['ports'],
        'pool': lambda name: named('pools', name),
        'port': lambda name: named('ports', name),
        'hop': hop,
    }))


if __name__ == '__main__':
    main()
