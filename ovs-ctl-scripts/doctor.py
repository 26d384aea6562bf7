# SPDX-License-Identifier: Apache-2.0
"""Checks what people get wrong, of the host or an instance of the switch.

    doctor.py [--instance NAME] [--ours PATH] [--log FILE] [--json]

Prints a line for each check: "ok", "note" for what is worth knowing, or "FAIL"
with a sentence and, indented, the commands that mend it.  Exits with 1 if one
failed.  --instance leaves out what is of the host's own switch only: which
program is selected, PATH being ours.  With --json:

    {"checks": [{"check", "result": "ok|note|fail", "text",
                 "commands": [[WORD...]...]}]}

The checks are in doctor_host.py, doctor_switch.py and doctor_vms.py.
"""

import argparse
import json
import os
import shlex
import sys

import doctor_host
import doctor_switch
import doctor_vms
from doctor_result import FAIL, NOTE, Result, shell
from facts import SHM, collect
from switch import chain_show, run, table


CHECKS = (
    doctor_switch.check_dpdk, doctor_host.check_hugepages,
    doctor_host.check_mounts, doctor_host.check_cores,
    doctor_switch.check_pools, doctor_switch.check_ports,
    doctor_vms.check_access, doctor_vms.check_confinement,
    doctor_vms.check_guests)


class Asked:
    """What the switch answers, and who we are told to look at."""

    def __init__(self, args):
        self.log = args.log
        self.ours = args.ours
        self.config = table('Open_vSwitch', 'other_config')[0]['other_config']
        self.switch = table('Open_vSwitch', 'dpdk_initialized')[0]
        self.interfaces = {row['name']: row for row in table(
            'Interface', 'name,type,options,error,status')}
        try:
            self.show = chain_show()
        except SystemExit:
            self.show = None
        self.facts = None
        self.unknown = ''
        self.unusable = {}
        if self.show is not None:
            self.unusable = doctor_switch.unusable_pools(
                run('ovs-appctl', '-T', '10', 'chain/show'))
            try:
                self.facts = collect(os.environ.get('OVS_CHAIN_DIR', SHM))[0]
            except SystemExit as e:
                self.unknown = str(e)

    def pools(self):
        """Returns the settings of the pools that are configured, by name."""
        return {key[len('chain-pool-'):]: doctor_switch.settings(value)
                for key, value in self.config.items()
                if key.startswith('chain-pool-')}


def checks(asked, args):
    """Yields the results of all checks."""
    if args.instance:
        yield Result('instance', NOTE, "the commands are for a shell in which "
                     "they mean %s" % args.instance,
                     [shell('eval "$(ovs-chain env %s)"' % args.instance)])
    else:
        yield from doctor_host.check_selected(asked)
        yield from doctor_host.check_restart(asked)
    yield from doctor_host.check_drivers()
    for check in CHECKS:
        yield from check(asked)
    yield from doctor_vms.check_versions()


def silent(instance):
    """Returns the result if the switch does not answer."""
    if not instance and not os.access(doctor_host.OVS_CTL, os.X_OK):
        return Result('switch', FAIL, "Open vSwitch is not installed",
                      [['apt-get', 'install', 'openvswitch-switch']])
    return Result('switch', FAIL, "Open vSwitch does not run: its database "
                  "does not answer", [
        ['ovs-chain', 'start', '--name', instance] if instance else
        doctor_host.start_command()])


def examine(args):
    try:
        asked = Asked(args)
    except SystemExit:
        return [silent(args.instance)]
    return list(checks(asked, args))


def show(result):
    words = {'ok': 'ok:  ', 'note': 'note:', 'fail': 'FAIL:'}
    print(words[result.result], '%s: %s' % (result.check, result.text))
    for command in result.commands:
        print('          ' + shlex.join(command))


def main():
    parser = argparse.ArgumentParser(prog='doctor.py')
    parser.add_argument('--instance')
    parser.add_argument('--ours', default='')
    parser.add_argument('--log', default='/var/log/openvswitch/'
                        'ovs-vswitchd.log')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    results = examine(args)
    if args.json:
        json.dump({'checks': [result._asdict() for result in results]},
                  sys.stdout, indent=1)
        print()
    else:
        for result in results:
            show(result)
    sys.exit(1 if any(one.result == FAIL for one in results) else 0)


if __name__ == '__main__':
    main()
