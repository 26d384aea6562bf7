# SPDX-License-Identifier: Apache-2.0
"""The definition of a libvirt domain, and what adding and removing chain ports
does to it.  Everything else in a definition stays as it is, comments too.

    domain = Domain(text)
    attach(domain, facts, ['fw'])
    print(domain.text(), domain.changes)

"facts" are those of facts.py.  What was attached is written into the
<metadata> of the domain:

    <chain:ports source-was='' access-was=''>
      <chain:port name='fw' pool='blue' access='rw' override='ua-...'/>
    </chain:ports>

"source-was" and "access-was" have what <memoryBacking> said before, if that
was changed; "override" is the alias for which QEMU's defaults were changed.
Whatever cannot be done raises Refused, which says why in a sentence.
"""

import io
import re
import xml.etree.ElementTree as ET

import devices
from devices import alias, child, qemu

CHAIN = 'urn:ovs-chain:domain:1'
PORTS = '{%s}ports' % CHAIN
PORT = '{%s}port' % CHAIN
ET.register_namespace('chain', CHAIN)

# Slots of the first PCI bus that libvirt gives away last, best first.
SLOTS = range(0x18, 0x02, -1)


class Refused(Exception):
    pass


class Domain:
    """A definition, and in 'changes' what was done to it, a line each."""

    def __init__(self, text):
        for _, (prefix, uri) in ET.iterparse(io.StringIO(text),
                                             events=['start-ns']):
            if not re.match(r'ns\d+$', prefix):
                ET.register_namespace(prefix, uri)
        builder = ET.TreeBuilder(insert_comments=True, insert_pis=True)
        self.root = ET.fromstring(text, ET.XMLParser(target=builder))
        self.devices = self.root.find('devices')
        self.changes = []
        if self.root.tag != 'domain' or self.devices is None:
            raise Refused("this is no definition of a domain with <devices>")

    def text(self):
        ET.indent(self.root)
        return ET.tostring(self.root, encoding='unicode') + '\n'

    def is_tcg(self):
        return self.root.get('type') == 'qemu'

    def machine(self):
        return self.root.find('os/type').get('machine', 'pc')

    def bus(self):
        """Returns the name of the first PCI bus."""
        machine = self.machine()
        if 'q35' in machine:
            return 'pcie.0'
        if machine == 'pc' or 'i440fx' in machine:
            return 'pci.0'
        raise Refused("the domain's machine type is %s; only pc and q35 are "
                      "known to take shared memory devices" % machine)

    def by_alias(self, name):
        for device in self.devices:
            found = device.find('alias')
            if found is not None and found.get('name') == name:
                return device
        return None

    def by_socket(self, socket):
        for device in self.devices.findall('interface'):
            source = device.find('source')
            if source is not None and source.get('path') == socket:
                return device
        return None

    def arguments(self):
        """Returns the values of QEMU's arguments."""
        return [arg.get('value', '') for arg in
                self.root.iterfind('%s/%s' % (qemu('commandline'),
                                              qemu('arg')))]

    def argument_of(self, name):
        """Returns the -object that maps the file of alias 'name', or None."""
        for value in self.arguments():
            if value.startswith('memory-backend-file,id=%s-mem,' % name):
                return value
        return None

    def mapping(self, name, file):
        """Returns how a file is mapped, 'shmem', 'rw', 'ro' or None, the
        latter two by arguments."""
        argument = self.argument_of(name)
        if argument:
            return 'ro' if 'readonly=on' in argument else 'rw'
        if self.by_alias(name) is not None:
            return 'shmem'
        for device in self.devices.findall('shmem'):
            if file and device.get('name') == file['shmem']:
                return 'shmem'
        return None

    def free_slot(self):
        used = {int(found.get('slot', '0'), 0)
                for found in self.devices.iterfind('.//address[@slot]')
                if int(found.get('bus', '0'), 0) == 0
                and int(found.get('domain', '0'), 0) == 0}
        for value in self.arguments():
            for found in re.findall(r'bus=pcie?\.0,addr=(?:0x)?([0-9a-f]+)',
                                    value):
                used.add(int(found, 16))
        for slot in SLOTS:
            if slot not in used:
                return slot
        raise Refused("no slot is free on the domain's first PCI bus")

    def qemu_child(self, tag):
        """Returns an element of QEMU's own, made if it is not there."""
        found = self.root.find(qemu(tag))
        return child(self.root, qemu(tag)) if found is None else found

    def drop_if_empty(self, tag):
        found = self.root.find(tag)
        if found is not None and not len(found) and not found.attrib:
            self.root.remove(found)

    def changed(self, *words):
        self.changes.append(' '.join(words))


def recorded(domain):
    """Returns the ports that were attached: name, dict of attributes."""
    ports = domain.root.iterfind('metadata/%s/%s' % (PORTS, PORT))
    return {port.get('name'): dict(port.attrib) for port in ports}


def record(domain, ports):
    """Writes down which ports are attached."""
    metadata = domain.root.find('metadata')
    found = metadata.find(PORTS) if metadata is not None else None
    if not ports:
        if found is not None:
            metadata.remove(found)
            domain.drop_if_empty('metadata')
        return
    if metadata is None:
        metadata = ET.Element('metadata')
        domain.root.insert(1, metadata)
    if found is None:
        found = child(metadata, PORTS)
    for old in found.findall(PORT):
        found.remove(old)
    for _, attributes in sorted(ports.items()):
        child(found, PORT, **attributes)


def check_cells(domain):
    """Refuses a domain of which a NUMA cell says that it is private."""
    for cell in domain.root.iterfind('cpu/numa/cell'):
        if cell.get('memAccess') == 'private':
            raise Refused("NUMA cell %s of the domain has memAccess='private';"
                          " vhost-user needs shared memory: virsh edit"
                          % cell.get('id', ''))


def share_memory(domain):
    """Makes the domain's memory what vhost-user needs.  Returns what was
    before, as attributes for the record."""
    check_cells(domain)
    was = {}
    backing = domain.root.find('memoryBacking')
    if backing is None:
        place = list(domain.root).index(domain.root.find('devices'))
        backing = ET.Element('memoryBacking')
        domain.root.insert(place, backing)
    source, access = backing.find('source'), backing.find('access')
    if backing.find('hugepages') is None and (
            source is None or source.get('type') == 'anonymous'):
        was['source-was'] = '' if source is None else source.get('type')
        source = child(backing, 'source') if source is None else source
        source.set('type', 'memfd')
        domain.changed("+ memoryBacking: source memfd")
    if access is None or access.get('mode') != 'shared':
        was['access-was'] = '' if access is None else access.get('mode')
        access = child(backing, 'access') if access is None else access
        access.set('mode', 'shared')
        domain.changed("+ memoryBacking: access shared")
    return was


def needs_shared_memory(domain):
    """Returns whether something that was not attached needs it."""
    return bool(domain.root.findall("devices/interface[@type='vhostuser']")
                or domain.root.findall("devices/disk[@type='vhostuser']")
                or domain.root.findall(
                    "devices/filesystem/driver[@type='virtiofs']"))


def restore_memory(domain):
    """Undoes share_memory() by its record."""
    found = domain.root.find('metadata/' + PORTS)
    backing = domain.root.find('memoryBacking')
    if found is None or backing is None or needs_shared_memory(domain):
        return
    for tag, key in ('source', 'type'), ('access', 'mode'):
        was, element = found.get(tag + '-was'), backing.find(tag)
        if was is None or element is None:
            continue
        domain.changed("- memoryBacking:", tag, element.get(key))
        if was:
            element.set(key, was)
        else:
            backing.remove(element)
    domain.drop_if_empty('memoryBacking')


def add_override(domain, name):
    """Keeps QEMU's TCG away from MSI-X of a virtio device, with which it
    crashes.  Returns whether there was something to do."""
    overrides = domain.qemu_child('override')
    for device in overrides.findall(qemu('device')):
        if (device.get('alias') == name and device.find(
                ".//%s[@name='vectors']" % qemu('property')) is not None):
            return False
    device = child(overrides, qemu('device'), alias=name)
    frontend = child(device, qemu('frontend'))
    child(frontend, qemu('property'), name='vectors', type='unsigned',
          value='0')
    domain.changed("+ override: vectors 0 for", name)
    return True


def remove_override(domain, name):
    overrides = domain.root.find(qemu('override'))
    for device in [] if overrides is None else list(overrides):
        if device.get('alias') == name:
            overrides.remove(device)
            domain.changed("- override for", name)
            break
    domain.drop_if_empty(qemu('override'))


def check_interface(found, port):
    mode = found.find('source').get('mode')
    if found.get('type') != 'vhostuser' or mode != 'server':
        raise Refused(
            "the domain has an interface on %s with mode='%s'; Open vSwitch "
            "connects to this socket, so QEMU must be its server: make it "
            "mode='server' (virsh edit)" % (port['socket'], mode))


def add_interface(domain, port, attributes, mac):
    """Adds the interface of a port unless there is one."""
    found = domain.by_socket(port['socket'])
    if found is None:
        found = devices.interface(port, mac)
        domain.devices.append(found)
        domain.changed("+ interface on", port['socket'])
    check_interface(found, port)
    if not domain.is_tcg():
        return
    name = found.find('alias')
    if name is None:
        name = child(found, 'alias', name=alias('use', port['name']))
    if add_override(domain, name.get('name')):
        attributes['override'] = name.get('name')


def add_mapping(domain, name, file, read_only, what):
    """Adds the device that maps a file."""
    slot = domain.free_slot()
    if devices.fits_shmem(file, read_only):
        domain.devices.append(devices.shmem(name, file, slot))
        domain.changed("+ shmem", file['shmem'] + ",", what)
        return
    commandline = domain.qemu_child('commandline')
    for value in devices.arguments(name, file, read_only, domain.bus(), slot):
        child(commandline, qemu('arg'), value=value)
    domain.changed("+ QEMU arguments: ivshmem-plain,", file['path'] + ",",
                   what + (", read-only" if read_only else ""))


def remove_arguments(domain, name):
    """Removes the arguments of QEMU that add_mapping() added, if any."""
    commandline = domain.root.find(qemu('commandline'))
    if commandline is None:
        return False
    pattern = re.compile('(memory-backend-file,id=%s-mem|ivshmem-plain,id=%s),'
                         % (re.escape(name), re.escape(name)))
    args = list(commandline)
    removed = False
    for option, arg in zip(args, args[1:]):
        if pattern.match(arg.get('value', '')):
            commandline.remove(option)
            commandline.remove(arg)
            removed = True
    domain.drop_if_empty(qemu('commandline'))
    return removed


def remove_device(domain, name, what):
    """Removes the device with an alias, in whatever way it was added."""
    device = domain.by_alias(name)
    if device is not None:
        domain.devices.remove(device)
    if remove_arguments(domain, name) or device is not None:
        domain.changed("-", what)


def wanted_pools(ports):
    """Returns the pools that 'ports' use, each with whether all of them only
    read: one port that writes is enough for a mapping that can be written."""
    pools = {}
    for port in ports.values():
        reads = port.get('access') == 'ro'
        pools[port['pool']] = pools.get(port['pool'], True) and reads
    return pools


def settle_pools(domain, facts, before, ports):
    """Makes the mappings of pools what 'ports' need; 'before' are those that
    were attached before."""
    wanted = wanted_pools(ports)
    for pool in sorted(set(wanted_pools(before)) | set(wanted)):
        name = alias('pool', pool)
        file = facts['pools'].get(pool)
        has = domain.mapping(name, file)
        fits = pool in wanted and (has == 'ro') == wanted[pool]
        if has and (fits or (pool in wanted and not file)):
            continue
        if has:
            remove_device(domain, name, "pool " + pool)
        if pool in wanted and file:
            if not domain.mapping(name, file):
                add_mapping(domain, name, file, wanted[pool], "pool " + pool)


def attach(domain, facts, names, mac=None):
    """Adds ports to a domain; those that are there already stay."""
    domain.bus()
    before = recorded(domain)
    ports = {name: dict(port) for name, port in before.items()}
    was = share_memory(domain)
    for name in names:
        port = facts['ports'][name]
        attributes = ports.setdefault(name, {'name': name})
        attributes.update(pool=port['pool'], access=port['access'])
        add_interface(domain, port, attributes, mac)
        ring = alias('ring', name)
        if not domain.mapping(ring, port['ring']):
            add_mapping(domain, ring, port['ring'], False, "ring of " + name)
    settle_pools(domain, facts, before, ports)
    many = devices.too_many([port['pool'] for port in ports.values()])
    if many:
        raise Refused(many)
    record(domain, ports)
    found = domain.root.find('metadata/' + PORTS)
    for key, value in was.items():
        if found.get(key) is None:
            found.set(key, value)


def check_attached(domain, facts, names, ports):
    """Adds to 'ports' those of 'names' that are attached, but not by us, and
    refuses those that are not."""
    for name in names:
        if name in ports:
            continue
        port = facts['ports'].get(name)
        if not port or not domain.mapping(alias('ring', name), None):
            raise Refused("port '%s' is not attached to the domain; %s" % (
                name, "attached is: " + ' '.join(sorted(ports)) if ports
                else "none is"))
        ports[name] = {'name': name, 'pool': port['pool'],
                       'access': port['access']}


def detach(domain, facts, names):
    """Removes what attach() added for ports."""
    before = recorded(domain)
    check_attached(domain, facts, names, before)
    ports = dict(before)
    for name in names:
        port = ports.pop(name)
        remove_device(domain, alias('ring', name), "ring of " + name)
        remove_device(domain, alias('net', name), "interface of " + name)
        if port.get('override'):
            remove_override(domain, port['override'])
        found = domain.by_alias(alias('use', name))
        if found is not None:
            found.remove(found.find('alias'))
    settle_pools(domain, facts, before, ports)
    if not ports:
        restore_memory(domain)
    record(domain, ports)
