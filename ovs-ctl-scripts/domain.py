# SPDX-License-Identifier: Apache-2.0
"""Puts chain ports into the definition of a libvirt domain, and takes them
out again.

    domain.py attach --facts FILE --changes FILE PORT... < XML > XML
    domain.py detach --facts FILE --changes FILE PORT... < XML > XML
    domain.py live-attach --facts FILE --out DIR PORT... < XML
    domain.py live-detach --facts FILE --out DIR PORT... < XML
    domain.py xml --facts FILE [--tcg] [--mac MAC] PORT... > XML
    domain.py new --facts FILE [OPTION]... PORT... > XML

The facts are those that facts.py prints.  "live-..." read the definition of a
running domain; they write the devices to be attached or detached into files of
DIR, 1.xml and so on, or, if the change has to wait for the next start, print
why and exit with 3.
"""

import argparse
import copy
import json
import os
import sys
import xml.etree.ElementTree as ET

import definition
import devices
from definition import Domain, Refused
from devices import alias, qemu

WAITS = 3

NO_ROOM = "a q35 machine has no room for the devices while it runs"


class Waits(Exception):
    """A running domain cannot be changed as wanted."""


def is_shared(domain):
    """Returns whether the memory of a domain is as vhost-user needs it."""
    probe = copy.deepcopy(domain)
    return not definition.share_memory(probe)


def check_live(domain):
    if domain.bus() == 'pcie.0':
        raise Waits(NO_ROOM)


def live_mapping(domain, name, file, read_only, what):
    """Returns the devices, one or none, that map a file."""
    has = domain.mapping(name, file)
    if has == 'ro' and not read_only:
        raise Waits("it has the %s read-only" % what)
    if has:
        return []
    if not devices.fits_shmem(file, read_only):
        raise Waits("the %s takes arguments of QEMU, not <shmem>" % what)
    return [devices.shmem(name, file)]


def live_attach(domain, facts, names, mac=None):
    """Returns the devices that a running domain lacks for ports."""
    check_live(domain)
    if not is_shared(domain):
        raise Waits("its memory is not shared")
    found = []
    ports = definition.recorded(domain)
    for name in names:
        port = facts['ports'][name]
        ports[name] = port
        interface = domain.by_socket(port['socket'])
        if interface is not None:
            definition.check_interface(interface, port)
        elif domain.is_tcg():
            raise Waits("with TCG, an interface needs an override")
        else:
            found.append(devices.interface(port, mac))
        found += live_mapping(domain, alias('ring', name), port['ring'], False,
                              "ring of " + name)
    for pool, read_only in sorted(definition.wanted_pools(ports).items()):
        file = facts['pools'].get(pool)
        if file:
            found += live_mapping(domain, alias('pool', pool), file,
                                  read_only, "pool " + pool)
    return found


def rings(domain, facts):
    """Returns the names of the ports of which a domain has the ring."""
    return {name for name in facts['ports']
            if domain.mapping(alias('ring', name), None)}


def live_detach(domain, facts, names):
    """Returns the devices that a running domain has for ports and no longer
    needs."""
    check_live(domain)
    left = rings(domain, facts) - set(names)
    used = {facts['ports'][name]['pool'] for name in left}
    wanted = [alias(kind, name) for name in names for kind in ('ring', 'net')]
    wanted += [alias('pool', pool) for pool in facts['pools']
               if pool not in used]
    for name in wanted:
        if domain.argument_of(name):
            raise Waits("arguments of QEMU made some of the devices")
    found = [domain.by_alias(name) for name in wanted]
    return [device for device in found if device is not None]


def write_devices(found, directory):
    for i, device in enumerate(found, 1):
        path = os.path.join(directory, '%d.xml' % i)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(ET.tostring(device, encoding='unicode'))


def fragment(element):
    """Returns the text of a part of a definition, to be pasted where the
    namespace of QEMU is declared."""
    ET.indent(element)
    text = ET.tostring(element, encoding='unicode').rstrip()
    return text.replace(' xmlns:qemu="%s"' % devices.QEMU, '')


def print_parts(comment, elements):
    if elements:
        print('<!-- %s -->' % comment)
    for element in elements:
        print(fragment(element))


def print_xml(facts, names, tcg, mac):
    """Prints what a person has to paste into a definition."""
    domain = Domain(devices.skeleton(
        name='x', tcg=tcg, machine='q35', memory=128, kernel='', initrd='',
        cmdline='', console='', cpus=None))
    own = list(domain.devices)
    definition.attach(domain, facts, names, mac)
    added = [device for device in domain.devices if device not in own]
    for device in added:
        place = device.find('address')
        if place is not None:   # libvirt finds one.
            device.remove(place)
    of_qemu = [domain.root.find(qemu(tag))
               for tag in ('override', 'commandline')]
    of_qemu = [element for element in of_qemu if element is not None]
    if of_qemu:
        print("<!-- In the first line: <domain xmlns:qemu='%s' ...> -->"
              % devices.QEMU)
    print_parts("Below <domain>; with <hugepages/>, no <source/>",
                domain.root.findall('memoryBacking'))
    print_parts("Below <devices>", added)
    print_parts("Below <domain>, at its end" + (
        "; a slot that no other device has; on machine type pc, bus=pci.0"
        if domain.arguments() else ""), of_qemu)


def load(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def change(args, facts):
    domain = Domain(sys.stdin.read())
    if args.verb == 'attach':
        definition.attach(domain, facts, args.ports, args.mac)
    else:
        definition.detach(domain, facts, args.ports)
    with open(args.changes, 'w', encoding='utf-8') as f:
        f.writelines(line + '\n' for line in domain.changes)
    sys.stdout.write(domain.text())


def change_live(args, facts):
    domain = Domain(sys.stdin.read())
    if args.verb == 'live-attach':
        found = live_attach(domain, facts, args.ports, args.mac)
    else:
        found = live_detach(domain, facts, args.ports)
    write_devices(found, args.out)


def new(args, facts):
    domain = Domain(devices.skeleton(**vars(args)))
    definition.attach(domain, facts, args.ports, args.mac)
    sys.stdout.write(domain.text())


def parse(words):
    parser = argparse.ArgumentParser(prog='domain.py')
    parser.add_argument('verb', choices=[
        'attach', 'detach', 'live-attach', 'live-detach', 'xml', 'new'])
    parser.add_argument('ports', nargs='+')
    parser.add_argument('--facts', required=True)
    parser.add_argument('--changes')
    parser.add_argument('--out')
    parser.add_argument('--tcg', action='store_true')
    parser.add_argument('--memory', type=int, default=128)
    for option in ('--mac', '--name', '--kernel', '--initrd', '--cmdline',
                   '--console', '--cpus'):
        parser.add_argument(option)
    parser.add_argument('--machine', default='q35')
    return parser.parse_args(words)


def main():
    args = parse(sys.argv[1:])
    facts = load(args.facts)
    try:
        if args.verb in ('attach', 'detach'):
            change(args, facts)
        elif args.verb == 'xml':
            print_xml(facts, args.ports, args.tcg, args.mac)
        elif args.verb == 'new':
            new(args, facts)
        else:
            change_live(args, facts)
    except ET.ParseError as e:
        sys.exit("the definition of the domain is no XML: %s" % e)
    except Refused as e:
        sys.exit(str(e))
    except Waits as e:
        print(e)
        sys.exit(WAITS)


if __name__ == '__main__':
    main()
