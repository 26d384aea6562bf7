# SPDX-License-Identifier: Apache-2.0
"""Says what keeps QEMU from opening the files of chain ports, and where pool,
switch and domain are on different NUMA nodes.

    placement.py --facts FILE --capabilities XML --domain XML [--repair]
                 PORT...

The facts are those of facts.py; the two XML files are what "virsh
capabilities" and "virsh dumpxml" print.  With --repair, makes a directory for
sockets that is missing, gives an empty one of root's to QEMU's user, and files
of group root to QEMU's group.  Prints a line for each problem
that stays and, indented, the commands that mend it.
"""

import argparse
import grp
import json
import os
import pwd
import shlex
import subprocess
import xml.etree.ElementTree as ET
from collections import namedtuple

import devices
from doctor_result import read, shell

READ, WRITE, SEARCH = 4, 2, 1

# What a site adds to the profile of each VM.
LOCAL_PROFILE = '/etc/apparmor.d/local/abstractions/libvirt-qemu'

# Who QEMU runs as.
Who = namedtuple('Who', 'uid gid groups')

# What is wrong, in words, the commands that mend it, lists of words, and
# whether --repair may run them.
Problem = namedtuple('Problem', 'text commands ours')


def account(text, lookup):
    """Returns the number that "+64055", "64055" or a name is."""
    number = text.lstrip('+')
    return int(number) if number.isdigit() else lookup(text)


def qemu_label(capabilities, domain):
    """Returns the DAC label, USER:GROUP, of a domain's QEMU, or None."""
    for label in domain.findall("seclabel[@model='dac']"):
        if label.get('type') == 'static' and label.find('label') is not None:
            return label.find('label').text
    kind = domain.get('type', 'kvm')
    for model in capabilities.iterfind('host/secmodel'):
        if model.findtext('model') == 'dac':
            for base in model.findall('baselabel'):
                if base.get('type') == kind:
                    return base.text
    return None


def who_is(label):
    """Returns the Who of a DAC label, or None if there is no such account."""
    user, _, group = label.partition(':')
    try:
        uid = account(user, lambda name: pwd.getpwnam(name).pw_uid)
        gid = account(group, lambda name: grp.getgrnam(name).gr_gid)
    except KeyError:
        return None
    try:
        groups = set(os.getgrouplist(pwd.getpwuid(uid).pw_name, gid))
    except KeyError:
        groups = {gid}
    return Who(uid, gid, groups)


def may(who, entry, bits):
    """Returns whether the mode of a file lets 'who' do what 'bits' tell."""
    if who.uid == 0:
        return True
    if who.uid == entry['uid']:
        granted = entry['mode'] >> 6
    elif entry['gid'] in who.groups:
        granted = entry['mode'] >> 3
    else:
        granted = entry['mode']
    return granted & bits == bits


def name_of(number, lookup):
    try:
        return lookup(number)[0]
    except KeyError:
        return '+%d' % number


def user_name(uid):
    return name_of(uid, pwd.getpwuid)


def group_name(gid):
    return name_of(gid, grp.getgrgid)


def describe(entry):
    return '%s (%s:%s, mode %04o)' % (
        entry['path'], user_name(entry['uid']), group_name(entry['gid']),
        entry['mode'])


def way_problems(who, files):
    """Yields the directories through which 'who' does not get to 'files'."""
    closed = {entry['path']: entry for file in files
              for entry in file['ways'][:-1] if not may(who, entry, SEARCH)}
    for path, entry in sorted(closed.items()):
        yield Problem("QEMU runs as %s and does not get through %s"
                      % (user_name(who.uid), describe(entry)),
                      [['chmod', 'o+x', path]], False)


def group_problem(who, name, pool, files):
    """Returns what keeps 'who' from opening a pool's files, of which each
    comes with the bits that it takes; or None.  Another group than root is
    somebody's choice, which is not ours to change."""
    closed = [file['ways'][-1] for file, bits in files
              if not may(who, file['ways'][-1], bits)]
    if not closed:
        return None
    return Problem(
        "QEMU runs as %s, group %s, and may not open %s"
        % (user_name(who.uid), group_name(who.gid),
           ', '.join(describe(entry) for entry in closed)),
        [['chgrp', str(who.gid)] + [entry['path'] for entry in closed]],
        all(entry['gid'] == 0 for entry in closed))


def key_problem(who, name, pool):
    """Returns what gives a pool's future files to another group than that of
    'who', or None."""
    group = group_name(who.gid)
    if who.uid == 0 or not pool['config'] or 'group=' in pool['config']:
        return None
    return Problem(
        "pool %s has no group=, so that files that the switch makes for it "
        "later will be root's" % name,
        [['ovs-vsctl', 'set', 'Open_vSwitch', '.',
          'other_config:chain-pool-%s="%s,group=%s"' % (
              name, pool['config'], group)]], False)


def directory_problem(who, port):
    """Returns what keeps 'who' from making a port's socket, or None.  We may
    make a directory that is missing, and give away an empty one of root's."""
    entry = port['directory']
    path = os.path.dirname(port['socket'])
    if entry is None:
        return Problem("the directory %s for the socket of %s is missing"
                       % (path, port['name']),
                       [['install', '-d', '-m', '755', '-o', str(who.uid),
                         '-g', str(who.gid), path]], True)
    if may(who, entry, WRITE | SEARCH):
        return None
    return Problem("QEMU runs as %s and may not make the socket of %s in %s"
                   % (user_name(who.uid), port['name'], describe(entry)),
                   [['chown', '%d:%d' % (who.uid, who.gid), path]],
                   entry['uid'] == 0 and not os.listdir(entry['path']))


def confined(capabilities):
    """Returns whether AppArmor confines QEMU."""
    return any(model.findtext('model') == 'apparmor'
               for model in capabilities.iterfind('host/secmodel'))


def apparmor_problems(facts, names):
    """Yields the files that nobody tells AppArmor about: libvirt does not,
    because <shmem> does not map them, and neither does the site."""
    files, known = [], read(LOCAL_PROFILE).splitlines()
    for name in names:
        port = facts['ports'][name]
        reads = port['access'] == 'ro'
        files += [(port['ring'], False), (facts['pools'][port['pool']], reads)]
    for file, reads in files:
        if not devices.fits_shmem(file, reads):
            rule = '%s %s,' % (file['ways'][-1]['path'], 'r' if reads
                               else 'rw')
            if rule not in known:
                yield Problem(
                    "AppArmor confines QEMU and does not know %s"
                    % file['path'],
                    [['mkdir', '-p', os.path.dirname(LOCAL_PROFILE)],
                     shell('echo %s >> %s' % (shlex.quote(rule),
                                              LOCAL_PROFILE))], False)


def access_problems(who, facts, names):
    """Yields all that keeps QEMU from opening what the ports need."""
    pools, directories = {}, set()
    for name in names:
        port = facts['ports'][name]
        directory = os.path.dirname(port['socket'])
        problem = directory_problem(who, port)
        if problem and directory not in directories:
            yield problem
        directories.add(directory)
        pools.setdefault(port['pool'], []).append(port)
    for name, ports in sorted(pools.items()):
        pool = facts['pools'][name]
        reads = all(port['access'] == 'ro' for port in ports)
        files = [(pool, READ if reads else READ | WRITE)]
        files += [(port['ring'], READ | WRITE) for port in ports]
        yield from way_problems(who, [file for file, _ in files])
        for problem in (group_problem(who, name, pool, files),
                        key_problem(who, name, pool)):
            if problem:
                yield problem


def numbers(text):
    """Returns the set that a list such as "0-3,^2,8" tells."""
    found = set()
    for part in (text or '').replace(' ', '').split(','):
        first, _, last = part.lstrip('^').partition('-')
        if not first.isdigit():
            continue
        span = set(range(int(first), int(last or first) + 1))
        found = found - span if part.startswith('^') else found | span
    return found


def cpu_nodes(capabilities):
    """Returns a dict, CPU: its node."""
    return {int(cpu.get('id')): int(cell.get('id'))
            for cell in capabilities.iterfind('host/topology/cells/cell')
            for cpu in cell.iterfind('cpus/cpu')}


def domain_nodes(domain, nodes):
    """Returns the NUMA nodes that a domain is bound to, empty if to none."""
    memory = domain.find('numatune/memory')
    found = numbers(memory.get('nodeset')) if memory is not None else set()
    pinned = [domain.find('vcpu')] + domain.findall('cputune/vcpupin')
    for element in pinned:
        if element is not None:
            found |= {nodes[cpu] for cpu in numbers(element.get('cpuset'))
                      if cpu in nodes}
    return found


def nodes_text(nodes):
    return ('node ' if len(nodes) == 1 else 'nodes ') + \
        ', '.join(str(node) for node in sorted(nodes))


def numa_warnings(facts, names, of_domain):
    """Yields a line for each mismatch of pool, PMD threads and domain."""
    for name in names:
        port = facts['ports'][name]
        pool = set(facts['pools'][port['pool']]['nodes'])
        pmd = set(port['pmd_nodes'])
        for first, second, text in (
                (pool, pmd, "NUMA: pool %s is on %s, but the switch polls %s "
                 "from %s: set node= of the pool, or pmd-cpu-mask"),
                (pool, of_domain, "NUMA: pool %s is on %s, but the domain, "
                 "for %s, on %s: set node= of the pool, or <numatune>")):
            if first and second and not second <= first:
                yield text % (port['pool'], nodes_text(first), name,
                              nodes_text(second))
        if pmd and of_domain and not of_domain <= pmd:
            yield ("NUMA: the switch polls %s from %s, but the domain is on "
                   "%s: set pmd-cpu-mask, or <numatune>"
                   % (name, nodes_text(pmd), nodes_text(of_domain)))


def mend(problem):
    for command in problem.commands:
        print('+', shlex.join(command), flush=True)
        subprocess.run(command, check=True)


def report(problem):
    print(problem.text)
    for command in problem.commands:
        print('    ' + shlex.join(command))


def check_access(args, facts, capabilities, domain):
    label = qemu_label(capabilities, domain)
    who = who_is(label) if label else None
    if not who:
        print("cannot tell which user QEMU runs as; it has to be able to open "
              "the files of the ports")
        return
    for problem in access_problems(who, facts, args.ports):
        if args.repair and problem.ours:
            mend(problem)
        else:
            report(problem)


def main():
    parser = argparse.ArgumentParser(prog='placement.py')
    parser.add_argument('ports', nargs='+')
    for option in ('--facts', '--capabilities', '--domain'):
        parser.add_argument(option, required=True)
    parser.add_argument('--repair', action='store_true')
    args = parser.parse_args()
    with open(args.facts, encoding='utf-8') as f:
        facts = json.load(f)
    capabilities = ET.parse(args.capabilities).getroot()
    domain = ET.parse(args.domain).getroot()
    check_access(args, facts, capabilities, domain)
    if confined(capabilities):
        for problem in apparmor_problems(facts, args.ports):
            report(problem)
    nodes = cpu_nodes(capabilities)
    if len(set(nodes.values())) > 1:
        for line in numa_warnings(facts, args.ports,
                                  domain_nodes(domain, nodes)):
            print(line)


if __name__ == '__main__':
    main()
