# SPDX-License-Identifier: Apache-2.0
"""Tells what of the host's switch a restart must not change, and what it takes
to keep it.

    snapshot.py take > FILE
    snapshot.py compare FILE [--plain]
    snapshot.py pin FILE
    snapshot.py unpin FILE [--plain]
    snapshot.py saved DIR
    snapshot.py newest DIR
    snapshot.py check PID
    snapshot.py notes | meters | chains | state

"take" prints bridges, datapath ids, ports, flows, groups and meters as JSON;
"compare" asks again and prints a sentence for each difference, and exits with
1 if there is one.  Flows that expire and the flows of a bridge with a
controller are left out: they change by themselves.  With --plain, the switch
that is asked is not the patched one, and may have errors at chain ports.
"pin" and "unpin" print shell commands, for before and after a restart: what
keeps the address of a bridge, and so its datapath id, where the switch would
make up another one, and the OpenFlow numbers of ports, also of one that has an
error meanwhile.  The address stays.

"saved" exits with 1 if ovs-save(8) has saved no flows of a bridge that has
some, in DIR.  "newest" prints shell commands, for after those of ovs-save(8),
that give groups and flows back what only OpenFlow 1.5 can tell, such as the
selection method of a group, and writes in DIR what they read: ovs-save(8)
takes 1.4 if the bridge does not say which versions it speaks.

"check" exits with 1 after a sentence on stderr if the switch, which process
PID is, could not start again as it is configured.  "notes" prints what a
restart does besides, a line each.  "meters" prints shell commands that make
meters again, which ovs-save(8) leaves out.  "chains" prints what of the
configuration only the patched switch knows, with the commands that remove it,
and "state" pools and chain ports.
"""

import argparse
import glob
import json
import os
import re
import shlex
import sys

from switch import chain_show, fail, run, table

# The highest of these that a bridge speaks is used.
OPENFLOW = ['-O', ','.join('OpenFlow1%d' % i for i in range(6))]
# Of a bridge that speaks none of the first three.
METERS = ['-O', 'OpenFlow13,OpenFlow14,OpenFlow15']

# What ovs-save(8) takes for a bridge that does not say, and more.
SAVED = ['-O', 'OpenFlow14']
NEWEST = ['-O', 'OpenFlow15']

# Numbers from here on are reserved.
OFPP_MAX = 0xff00

EXPIRES = re.compile(r'\b(idle|hard)_timeout=')


def vsctl(*words):
    return run('ovs-vsctl', '--timeout=10', *words).splitlines()


def members(cell):
    """Returns the members of a cell of a table, as a list."""
    if isinstance(cell, list) and cell[0] == 'set':
        return cell[1]
    return [cell]


def dump(what, bridge, protocols):
    """Returns what "ovs-ofctl dump-WHAT" prints without its head, or nothing
    if the bridge speaks none of the protocols."""
    words = ['--no-stats', '--no-names'] if what == 'flows' else []
    try:
        text = run('ovs-ofctl', '--timeout=30', *protocols, *words,
                   'dump-' + what, bridge)
    except SystemExit:
        if what == 'flows':
            raise
        return []
    return [line.strip() for line in text.splitlines()
            if not re.match(r'(OFPST|NXST)', line)]


def meters(bridge):
    """Returns a bridge's meters, a line each as ovs-ofctl(8) takes them."""
    found = []
    for line in dump('meters', bridge, METERS):
        if line.startswith('meter='):
            found.append(line)
        elif found:
            found[-1] += ' ' + line
    return sorted(re.sub(r'bands= *', 'bands=', line) for line in found)


def bridges():
    """Returns the rows of the table Bridge by name."""
    return {row['name']: row for row in table(
        'Bridge', 'name,datapath_id,datapath_type,other_config,controller,'
        'protocols')}


def interfaces():
    """Returns the rows of the table Interface by name."""
    return {row['name']: row for row in table(
        'Interface', 'name,type,options,ofport,ofport_request,error,'
        'mac_in_use')}


def text_of(cell):
    """Returns a cell that holds one value or none as a string."""
    return ' '.join(str(one) for one in members(cell))


def without_flag(flow):
    """Returns a flow without a flag that one from OpenFlow 1.0 has, later
    versions show and ovs-save(8) loses: it says what becomes of counters."""
    return re.sub(r'\breset_counts ', '', flow)


def take():
    found = {
        'bridges': {}, 'interfaces': {},
        'dpdk': text_of(table('Open_vSwitch', 'dpdk_initialized')[0]
                        ['dpdk_initialized'])}
    for name, row in bridges().items():
        own = not members(row['controller'])
        flows = dump('flows', name, OPENFLOW) if own else []
        found['bridges'][name] = {
            'datapath id': text_of(row['datapath_id']),
            'datapath type': row['datapath_type'],
            'ports': sorted(vsctl('list-ports', name)),
            'flows': sorted(without_flag(flow) for flow in flows
                            if not EXPIRES.search(flow)),
            'groups': sorted(dump('groups', name, OPENFLOW) if own else []),
            'meters': meters(name) if own else []}
    for name, row in interfaces().items():
        found['interfaces'][name] = {
            'type': row['type'], 'OpenFlow port': text_of(row['ofport']),
            'error': text_of(row['error']),
            'request': text_of(row['ofport_request']),
            'chain': any(key.startswith('chain-') for key in row['options'])}
    return found


def differences(what, before, after):
    """Yields a sentence for each difference of two dicts of one thing.  A port
    with an error has no number."""
    for key, old in before.items():
        new = after[key]
        if key == 'request' or (key == 'OpenFlow port' and before['error']):
            continue
        if key == 'error':
            if new and new != old:
                yield "%s has an error: %s" % (what, new)
        elif isinstance(old, list):
            for line in sorted(set(old) - set(new)):
                yield "%s: of its %s, this is gone: %s" % (what, key, line)
            for line in sorted(set(new) - set(old)):
                yield "%s: of its %s, this is new: %s" % (what, key, line)
        elif old != new:
            yield "the %s of %s was %s and is %s" % (key, what, old, new)


def without_chains(picture):
    """Returns a snapshot without chain ports."""
    return dict(picture, interfaces={
        name: port for name, port in picture['interfaces'].items()
        if not port['chain']})


def compare(before, after, plain=False):
    """Yields a sentence for each difference of two snapshots."""
    if plain:
        before, after = without_chains(before), without_chains(after)
    if before['dpdk'] != after['dpdk']:
        yield "dpdk_initialized was %s and is %s" % (before['dpdk'],
                                                     after['dpdk'])
    for table_name, word in (('bridges', 'bridge'), ('interfaces', 'port')):
        old, new = before[table_name], after[table_name]
        for name in sorted(set(old) ^ set(new)):
            yield "%s %s is %s" % (word, name,
                                   'gone' if name in old else 'new')
        for name in sorted(set(old) & set(new)):
            yield from differences('%s %s' % (word, name), old[name],
                                   new[name])


def check_saved(directory):
    """Ends with a sentence if flows have not been saved."""
    for name in bridges():
        count = sum(len(read_lines(path)) for path in glob.glob(
            os.path.join(directory, '*', glob.escape(name) + '.flows.dump')))
        if not count and dump('flows', name, OPENFLOW):
            fail("ovs-save saved no flows of bridge %s" % name)


def readable(flow):
    """Returns a flow that ovs-ofctl(8) has printed as it takes it: it does not
    take what it calls the fields of IGMP."""
    for old, new in (('igmp_type', 'tp_src'), ('igmp_code', 'tp_dst'),
                     ('igmp', 'ip,nw_proto=2')):
        flow = flow.replace(old, new)
    return flow


def newest(directory):
    """Yields commands that make of groups and flows what ovs-save(8) has lost
    of them."""
    for name, row in sorted(bridges().items()):
        if members(row['protocols']):
            continue
        for what, command in (('groups', ['mod-group']),
                              ('flows', ['replace-flows'])):
            lines = dump(what, name, NEWEST)
            if lines == dump(what, name, SAVED):
                continue
            path = os.path.join(directory, '%s.%s' % (name, what))
            with open(path, 'w', encoding='utf-8') as f:
                f.writelines(readable(line) + '\n' for line in lines)
            yield '%s < %s' % (shlex.join(
                ['ovs-ofctl', *NEWEST, '--bundle', *command, name, '-']),
                               shlex.quote(path))


def read_lines(path):
    with open(path, encoding='utf-8') as f:
        return f.readlines()


def unstable(name, row, ports):
    """Returns the address of a bridge that a restart would change, or None:
    there is no device in it that has that address."""
    address = text_of(ports[name]['mac_in_use']) if name in ports else ''
    if 'hwaddr' in row['other_config'] or not address:
        return None
    others = [text_of(ports[port]['mac_in_use'])
              for port in vsctl('list-ifaces', name) if port in ports]
    return None if address in others else address


def addresses():
    """Yields bridges and the addresses that they are to keep."""
    ports = interfaces()
    for name, row in sorted(bridges().items()):
        address = unstable(name, row, ports)
        if address:
            yield name, address


def pin(before):
    """Yields commands that keep what a restart may change."""
    for bridge, address in addresses():
        yield shlex.join(['ovs-vsctl', '--no-wait', 'set', 'Bridge', bridge,
                          'other_config:hwaddr="%s"' % address])
    for name, port in before['interfaces'].items():
        number = port['OpenFlow port']
        if not port['request'] and number.isdigit() and \
                0 < int(number) < OFPP_MAX:
            yield shlex.join(['ovs-vsctl', '--no-wait', 'set', 'Interface',
                              name, 'ofport_request=' + number])


def unpin(before, plain):
    for name, port in before['interfaces'].items():
        if not port['request'] and not (plain and port['chain']):
            yield shlex.join(['ovs-vsctl', '--no-wait', 'clear', 'Interface',
                              name, 'ofport_request'])


def notes():
    for name, address in addresses():
        yield ("set other_config:hwaddr=%s of bridge %s, which keeps this "
               "address, and its datapath id: a restart would make up others"
               % (address, name))
    servers = sorted(name for name, row in interfaces().items()
                     if row['type'] == 'dpdkvhostuser')
    if servers:
        yield ("cut off the VMs at %s, of type dpdkvhostuser, unless their "
               "QEMU has reconnect=" % ' '.join(servers))
    ids = table('Open_vSwitch', 'external_ids')[0]['external_ids']
    if 'ovn-remote' in ids:
        yield ("take what ovn-controller changes meanwhile for a difference: "
               "stop it first")
    for name, row in sorted(bridges().items()):
        if members(row['controller']):
            yield ("leave it to the controller of bridge %s whether flows are "
                   "as before" % name)


def chains():
    """Yields what only the patched switch knows and how to remove it."""
    for name, row in sorted(interfaces().items()):
        keys = sorted(key for key in row['options']
                      if key.startswith('chain-'))
        if not keys:
            continue
        yield '  port %s: %s' % (name, ' '.join(
            '%s=%s' % (key, row['options'][key]) for key in keys))
        if row['type'] == 'dpdkvhostuserclient' and \
                'vhost-server-path' not in row['options']:
            yield '      ' + shlex.join(['ovs-vsctl', 'del-port', name])
        else:
            yield '      ' + shlex.join(['ovs-vsctl', 'remove', 'Interface',
                                         name, 'options'] + keys)
    config = table('Open_vSwitch', 'other_config')[0]['other_config']
    for key in sorted(config):
        if key.startswith('chain-pool-'):
            yield '  pool %s: %s' % (key[len('chain-pool-'):], config[key])
            yield '      ' + shlex.join(['ovs-vsctl', 'remove', 'Open_vSwitch',
                                         '.', 'other_config', key])


def state():
    """Yields a line for each pool and chain port of the patched switch."""
    show = chain_show()
    for pool in show['pools']:
        yield 'pool %-14s %d MiB in %s, %d of %d buffers free' % (
            pool['name'], pool['size'] >> 20, pool['file'],
            pool['buffers']['free'], pool['buffers']['all'])
    for port in show['ports']:
        why = '' if port['state'] == 'attached' else \
            ' (%s)' % port['reason']
        yield 'port %-14s pool %s, %s%s' % (port['name'], port['pool'],
                                            port['state'], why)


def read_number(path):
    with open(path, encoding='ascii') as f:
        return int(f.read())


def free_hugepages():
    """Returns MiB of free hugepages for each NUMA node, in order."""
    found = {}
    for path in glob.glob('/sys/devices/system/node/node*/hugepages/'
                          'hugepages-*kB/free_hugepages'):
        node, size = re.search(r'/node(\d+)/.*-(\d+)kB', path).groups()
        found[int(node)] = found.get(int(node), 0) + \
            read_number(path) * int(size) // 1024
    return [found[node] for node in sorted(found)]


def held_hugepages(pid):
    """Returns MiB of hugepages that the process of a switch gives back when
    it ends, by NUMA node: a dict.  The files of pools stay."""
    found = {}
    with open('/proc/%d/numa_maps' % pid, encoding='utf-8') as f:
        for line in f:
            size = re.search(r'kernelpagesize_kB=(\d+)', line)
            if not size or int(size[1]) < 1024 or '/ovs-chain.' in line:
                continue
            for node, pages in re.findall(r'\bN(\d+)=(\d+)', line):
                found[int(node)] = found.get(int(node), 0) + \
                    int(pages) * int(size[1]) // 1024
    return found


def check(pid):
    """Ends with a sentence if the switch lacks what it needs to start."""
    config = table('Open_vSwitch', 'other_config')[0]['other_config']
    wanted = config.get('dpdk-socket-mem', '')
    if config.get('dpdk-init') not in ('true', 'try') or \
            not re.fullmatch(r'\d+(,\d+)*', wanted):
        return
    free, held = free_hugepages(), held_hugepages(pid)
    for node, mib in enumerate(int(word) for word in wanted.split(',')):
        there = (free[node] if node < len(free) else 0) + held.get(node, 0)
        if mib > there:
            fail("the switch is configured to take %d MiB of hugepages of "
                 "NUMA node %d (other_config:dpdk-socket-mem), and would find "
                 "%d, so that it would not start again: ovs-vsctl set "
                 "Open_vSwitch . other_config:dpdk-socket-mem=%d, or reserve "
                 "more" % (mib, node, there, there))


def load(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def commands(args):
    """Yields the lines that a verb prints."""
    if args.verb == 'pin':
        yield from pin(load(args.argument))
    elif args.verb == 'unpin':
        yield from unpin(load(args.argument), args.plain)
    elif args.verb == 'newest':
        yield from newest(args.argument)
    elif args.verb == 'meters':
        for bridge in sorted(bridges()):
            for line in meters(bridge):
                yield shlex.join(['ovs-ofctl'] + METERS +
                                 ['add-meter', bridge, line])
    else:
        verbs = {'notes': notes, 'chains': chains, 'state': state}
        yield from verbs[args.verb]()


def main():
    parser = argparse.ArgumentParser(prog='snapshot.py')
    parser.add_argument('verb', choices=[
        'take', 'compare', 'pin', 'unpin', 'saved', 'newest', 'check',
        'notes', 'meters', 'chains', 'state'])
    parser.add_argument('argument', nargs='?')
    parser.add_argument('--plain', action='store_true')
    args = parser.parse_args()
    if args.verb == 'take':
        json.dump(take(), sys.stdout, indent=1)
        print()
    elif args.verb == 'saved':
        check_saved(args.argument)
    elif args.verb == 'check':
        check(int(args.argument))
    elif args.verb == 'compare':
        found = list(compare(load(args.argument), take(), args.plain))
        print('\n'.join(found))
        sys.exit(1 if found else 0)
    else:
        for line in commands(args):
            print(line)


if __name__ == '__main__':
    main()
