# SPDX-License-Identifier: Apache-2.0
"""The devices that chain ports are for a libvirt domain.

A port is an <interface> on its vhost-user socket, and two PCI devices of type
ivshmem-plain: its ring file, and the pool, once for all ports of the domain
that use it.  <shmem> makes these two where it can.  Where it cannot, arguments
of QEMU do, in <qemu:commandline>.

A file that is to be mapped is a dict:

    path     for QEMU
    shmem    the name by which libvirt's <shmem> opens it, or None
    size     bytes, a power of two
"""

import re
import xml.etree.ElementTree as ET

QEMU = 'http://libvirt.org/schemas/domain/qemu/1.0'

ET.register_namespace('qemu', QEMU)

# All that "vm attach" adds has an alias that begins so.
PREFIX = 'ua-ovs-chain-'

# libvirt takes no smaller <shmem>.
MIN_SHMEM_BYTES = 1 << 20

# QEMU shows a vhost-user switch 8 regions of memory, of which one is the VM's
# own and each of these devices is another.
MAX_DEVICES = 7


def too_many(pools):
    """Returns words if one VM cannot have ports of these pools, one each."""
    n_pools = len(set(pools))
    if len(pools) + n_pools <= MAX_DEVICES:
        return None
    return ("%d ports and their %d pools are too many for one VM: QEMU cannot "
            "connect it to the switch with more than %d shared memory devices"
            % (len(pools), n_pools, MAX_DEVICES))


def qemu(tag):
    """Returns the name of an element of QEMU's own."""
    return '{%s}%s' % (QEMU, tag)


def alias(kind, name):
    """Returns the alias of what 'kind' tells of a port or pool.  An alias has
    letters, digits, "-" and "_"."""
    return PREFIX + kind + '-' + re.sub(
        '[^A-Za-z0-9-]', lambda found: '_%02x' % ord(found[0]), name)


def child(parent, tag, text=None, **attributes):
    """Adds an element at the end of 'parent' and returns it."""
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def interface(port, mac=None):
    """Returns the <interface> of a port.  QEMU is the server of the socket,
    because a port of type dpdkvhostuserclient is the client.  Without a MAC
    address from the switch or as an argument, libvirt makes one up."""
    element = ET.Element('interface', type='vhostuser')
    mac = mac or port['mac']
    if mac:
        child(element, 'mac', address=mac)
    child(element, 'source', type='unix', path=port['socket'], mode='server')
    child(element, 'model', type='virtio')
    child(element, 'alias', name=alias('net', port['name']))
    return element


def address(slot):
    """Returns the <address> of a slot of the first PCI bus."""
    return ET.Element('address', type='pci', domain='0x0000', bus='0x00',
                      slot='0x%02x' % slot, function='0x0')


def fits_shmem(file, read_only):
    """Returns whether <shmem> can map a file: it knows only /dev/shm, and no
    mapping that is read-only."""
    return bool(file['shmem'] and not read_only
                and file['size'] >= MIN_SHMEM_BYTES)


def shmem(alias_name, file, slot=None):
    """Returns the <shmem> of a file, in 'slot' if one is given."""
    element = ET.Element('shmem', name=file['shmem'])
    child(element, 'model', type='ivshmem-plain')
    child(element, 'size', str(file['size'] >> 20), unit='M')
    child(element, 'alias', name=alias_name)
    if slot is not None:
        element.append(address(slot))
    return element


def arguments(alias_name, file, read_only, bus, slot):
    """Returns the arguments of QEMU that map a file."""
    return ['-object',
            'memory-backend-file,id=%s-mem,mem-path=%s,share=on,size=%d%s'
            % (alias_name, file['path'].replace(',', ',,'), file['size'],
               ',readonly=on' if read_only else ''),
            '-device',
            'ivshmem-plain,id=%s,memdev=%s-mem,bus=%s,addr=0x%x'
            % (alias_name, alias_name, bus, slot)]


def skeleton(**settings):
    """Returns the text of a small domain for a network function, without its
    ports: no disk, graphics or USB.

    name, tcg, machine, memory (MiB), kernel, initrd, cmdline, console (file),
    cpus (a list such as 0-3, or None for any)
    """
    root = ET.Element('domain', type='qemu' if settings['tcg'] else 'kvm')
    child(root, 'name', settings['name'])
    child(root, 'memory', str(settings['memory']), unit='MiB')
    # With TCG, a machine that can only have one CPU has atomic operations
    # that are not atomic for other processes.
    vcpu = child(root, 'vcpu', '2' if settings['tcg'] else '1', current='1')
    if settings['cpus']:
        vcpu.set('cpuset', settings['cpus'])
    system = child(root, 'os')
    child(system, 'type', 'hvm', arch='x86_64', machine=settings['machine'])
    for tag in ('kernel', 'initrd', 'cmdline'):
        child(system, tag, settings[tag])
    features = child(root, 'features')
    child(features, 'acpi')
    child(features, 'apic')
    if settings['tcg']:
        cpu = child(root, 'cpu', mode='custom', match='exact', check='none')
        child(cpu, 'model', 'Nehalem', fallback='forbid')
    else:
        child(root, 'cpu', mode='host-passthrough')
    child(root, 'on_reboot', 'destroy')
    devices = child(root, 'devices')
    child(devices, 'controller', type='usb', model='none')
    serial = child(devices, 'serial', type='file')
    child(serial, 'source', path=settings['console'])
    child(serial, 'target', port='0')
    child(devices, 'memballoon', model='none')
    return ET.tostring(root, encoding='unicode')
