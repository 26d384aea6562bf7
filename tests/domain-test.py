#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What "ovs-chain vm attach" and "detach" do to definitions of domains,
without libvirt or a switch.

Every definition that comes out is shown to virt-xml-validate; without it the
test counts as skipped after all other checks have passed.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

from domain_facts import MIB, file, new_facts

import definition
import devices
import domain as program
from definition import Domain, Refused

VALIDATE = shutil.which('xmllint') and shutil.which('virt-xml-validate')


def definition_text(kind='kvm', machine='pc-q35-7.2', more='', in_devices='',
                    first=''):
    return '''<domain type='%s'%s>
  <name>vm</name>
  <memory unit='KiB'>131072</memory>
  <vcpu placement='static'>2</vcpu>
  %s
  <os><type arch='x86_64' machine='%s'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <!-- The root disk. -->
    <disk type='file' device='disk'>
      <source file='/var/lib/libvirt/images/vm.img'/>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x18'
               function='0x0'/>
    </disk>
    %s
  </devices>
</domain>''' % (kind, first, more, machine, in_devices)


def canonical(text):
    return ET.canonicalize(text, strip_text=True, with_comments=True)


def vhostuser(name, mode='server', more=''):
    return '''<interface type='vhostuser'>
      <source type='unix' path='/run/vm/%s.sock' mode='%s'/>
      <model type='virtio'/>%s</interface>''' % (name, mode, more)


class Base(unittest.TestCase):
    def setUp(self):
        self.facts = new_facts()

    def valid(self, text):
        if not VALIDATE:
            return
        with tempfile.NamedTemporaryFile('w', suffix='.xml') as f:
            f.write(text)
            f.flush()
            done = subprocess.run([VALIDATE, f.name, 'domain'], check=False,
                                  capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr + text)

    def attach(self, text, *names):
        """Returns the Domain after attaching; doing so again is nothing."""
        domain = Domain(text)
        definition.attach(domain, self.facts, names)
        self.valid(domain.text())
        again = Domain(domain.text())
        definition.attach(again, self.facts, names)
        self.assertEqual(again.changes, [])
        self.assertEqual(again.text(), domain.text())
        return domain

    def detach(self, text, *names):
        domain = Domain(text)
        definition.detach(domain, self.facts, names)
        self.valid(domain.text())
        return domain

    def shmems(self, domain):
        return sorted(one.get('name')
                      for one in domain.devices.findall('shmem'))

    def there_and_back(self, text, *names):
        """Attaches ports, detaches them, and compares."""
        after = self.detach(self.attach(text, *names).text(), *names)
        self.assertEqual(canonical(after.text()), canonical(text))

    def refused(self, pattern, function, *arguments):
        with self.assertRaisesRegex(Refused, pattern):
            function(*arguments)


class Attach(Base):
    def test_q35_kvm(self):
        text = definition_text()
        domain = self.attach(text, 'fw')
        self.assertEqual(self.shmems(domain),
                         ['ovs-chain.blue', 'ovs-chain.blue.fw'])
        self.assertEqual(domain.arguments(), [])
        self.assertIsNone(domain.root.find(devices.qemu('override')))
        self.assertEqual(domain.root.find('memoryBacking/access').get('mode'),
                         'shared')
        found = domain.by_socket('/run/vm/fw.sock')
        self.assertEqual(found.find('source').get('mode'), 'server')
        # Slot 0x18 is the disk's.
        slots = {one.get('slot') for one in domain.devices.iterfind(
            'shmem/address')}
        self.assertEqual(slots, {'0x17', '0x16'})
        self.assertIn('<!-- The root disk. -->', domain.text())
        self.there_and_back(text, 'fw')

    def test_pc_tcg(self):
        text = definition_text('qemu', 'pc-i440fx-7.2')
        domain = self.attach(text, 'fw')
        override = domain.root.find('%s/%s' % (devices.qemu('override'),
                                               devices.qemu('device')))
        self.assertEqual(override.get('alias'), 'ua-ovs-chain-net-fw')
        self.assertIn("name=\"vectors\" type=\"unsigned\" value=\"0\"",
                      domain.text())
        self.there_and_back(text, 'fw')

    def test_read_only(self):
        for machine, bus in ('pc-q35-7.2', 'pcie.0'), ('pc', 'pci.0'):
            text = definition_text(machine=machine)
            domain = self.attach(text, 'ids')
            self.assertEqual(self.shmems(domain), ['ovs-chain.blue.ids'])
            object_, device = domain.arguments()[1::2]
            self.assertIn('mem-path=/dev/shm/ovs-chain.blue,', object_)
            self.assertIn(',share=on,size=67108864,readonly=on', object_)
            self.assertRegex(device, 'bus=%s,addr=0x16$' % re.escape(bus))
            self.there_and_back(text, 'ids')

    def test_slots_of_arguments(self):
        first = self.attach(definition_text(), 'ids')
        slots = []
        for _ in range(2):
            slots.append(first.free_slot())
            first.devices.append(devices.shmem('x', file('x', MIB), slots[-1]))
        self.assertEqual(slots, [0x15, 0x14])

    def test_two_ports_of_a_pool(self):
        text = definition_text('qemu')
        domain = self.attach(text, 'fw', 'fw.2')
        self.assertEqual(self.shmems(domain), [
            'ovs-chain.blue', 'ovs-chain.blue.fw', 'ovs-chain.blue.fw.2'])
        self.assertIsNotNone(domain.by_alias('ua-ovs-chain-ring-fw_2e2'))
        left = self.detach(domain.text(), 'fw')
        self.assertEqual(self.shmems(left),
                         ['ovs-chain.blue', 'ovs-chain.blue.fw.2'])
        none = self.detach(left.text(), 'fw.2')
        self.assertEqual(canonical(none.text()), canonical(text))

    def test_one_writer_is_enough(self):
        domain = self.attach(definition_text(), 'ids')
        both = self.attach(domain.text(), 'fw')
        self.assertEqual(both.arguments(), [])
        self.assertIn('ovs-chain.blue', self.shmems(both))
        left = self.detach(both.text(), 'fw')
        self.assertIn('readonly=on', left.arguments()[1])
        self.assertEqual(canonical(left.text()), canonical(domain.text()))

    def test_two_pools(self):
        domain = self.attach(definition_text(), 'fw', 'red0')
        self.assertIn('ovs-chain.red', self.shmems(domain))
        left = self.detach(domain.text(), 'fw')
        self.assertEqual(self.shmems(left),
                         ['ovs-chain.red', 'ovs-chain.red.red0'])

    def test_not_for_shmem(self):
        self.facts['ports']['fw']['ring']['size'] = 65536
        self.facts['pools']['blue'].update(shmem=None, path='/hp/a,b')
        text = definition_text()
        domain = self.attach(text, 'fw')
        self.assertEqual(self.shmems(domain), [])
        self.assertIn('mem-path=/hp/a,,b,', ' '.join(domain.arguments()))
        self.assertNotIn('readonly', ' '.join(domain.arguments()))
        self.there_and_back(text, 'fw')

    def test_arguments_of_others_stay(self):
        text = definition_text(
            first=" xmlns:qemu='%s'" % devices.QEMU).replace(
                '</domain>', "<qemu:commandline><qemu:arg value='-s'/>"
                "</qemu:commandline></domain>")
        self.there_and_back(text, 'ids')

    def test_foreign_namespace_stays(self):
        text = definition_text(more="<metadata><my:thing xmlns:my='urn:my' "
                               "a='1'/></metadata>")
        domain = self.attach(text, 'fw')
        self.assertIn('<my:thing a="1"', domain.text())
        self.there_and_back(text, 'fw')


class Interfaces(Base):
    def test_adopted(self):
        text = definition_text(
            in_devices=vhostuser('fw'),
            more="<memoryBacking><source type='memfd'/>"
            "<access mode='shared'/></memoryBacking>")
        domain = self.attach(text, 'fw')
        self.assertEqual(len(domain.devices.findall('interface')), 1)
        self.assertEqual(self.shmems(domain),
                         ['ovs-chain.blue', 'ovs-chain.blue.fw'])
        self.there_and_back(text, 'fw')

    def test_adopted_tcg(self):
        for alias in '', "<alias name='ua-mine'/>":
            text = definition_text('qemu', in_devices=vhostuser(
                'fw', more=alias), more="<memoryBacking><source type='memfd'/>"
                "<access mode='shared'/></memoryBacking>")
            domain = self.attach(text, 'fw')
            self.assertIn('"vectors"', domain.text())
            self.there_and_back(text, 'fw')

    def test_adopted_keeps_shared_memory(self):
        after = self.detach(self.attach(definition_text(
            in_devices=vhostuser('fw')), 'fw').text(), 'fw')
        self.assertEqual(after.root.find('memoryBacking/access').get('mode'),
                         'shared')

    def test_mac(self):
        self.facts['ports']['fw']['mac'] = '52:54:00:00:00:01'
        found = self.attach(definition_text(), 'fw').by_socket(
            '/run/vm/fw.sock')
        self.assertEqual(found.find('mac').get('address'), '52:54:00:00:00:01')

    def test_client(self):
        domain = Domain(definition_text(in_devices=vhostuser('fw', 'client')))
        self.refused("mode='client'; Open vSwitch connects", definition.attach,
                     domain, self.facts, ['fw'])

    def test_override_of_others_stays(self):
        text = definition_text(
            'qemu', first=" xmlns:qemu='%s'" % devices.QEMU,
            in_devices=vhostuser('fw', more="<alias name='ua-mine'/>"),
            more="<memoryBacking><source type='memfd'/>"
            "<access mode='shared'/></memoryBacking>").replace(
                '</domain>', "<qemu:override><qemu:device alias='ua-mine'>"
                "<qemu:frontend><qemu:property name='vectors' type='unsigned'"
                " value='0'/></qemu:frontend></qemu:device></qemu:override>"
                "</domain>")
        self.there_and_back(text, 'fw')


class Memory(Base):
    def memory_after(self, backing):
        text = definition_text(more=backing)
        domain = self.attach(text, 'fw')
        self.there_and_back(text, 'fw')
        return ET.tostring(domain.root.find('memoryBacking'),
                           encoding='unicode')

    def test_hugepages_kept(self):
        after = self.memory_after(
            "<memoryBacking><hugepages><page size='2048' unit='KiB'/>"
            "</hugepages></memoryBacking>")
        self.assertIn('<page size="2048"', after)
        self.assertIn('mode="shared"', after)
        self.assertNotIn('<source', after)

    def test_private_and_anonymous(self):
        after = self.memory_after(
            "<memoryBacking><source type='anonymous'/>"
            "<access mode='private'/></memoryBacking>")
        self.assertIn('mode="shared"', after)
        self.assertIn('type="memfd"', after)

    def test_file_kept(self):
        after = self.memory_after(
            "<memoryBacking><source type='file'/></memoryBacking>")
        self.assertIn('type="file"', after)

    def test_private_cell(self):
        domain = Domain(definition_text(
            more="<cpu><numa><cell id='0' cpus='0-1' memory='131072' "
            "unit='KiB' memAccess='private'/></numa></cpu>"))
        self.refused("NUMA cell 0 .* memAccess='private'", definition.attach,
                     domain, self.facts, ['fw'])


class Refusals(Base):
    def test_detach_what_is_not(self):
        self.refused("'fw' is not attached to the domain; none is",
                     definition.detach, Domain(definition_text()), self.facts,
                     ['fw'])
        text = self.attach(definition_text(), 'ids').text()
        self.refused("'fw' is not attached .*; attached is: ids",
                     definition.detach, Domain(text), self.facts, ['fw'])

    def test_detach_of_a_deleted_port(self):
        text = definition_text()
        attached = self.attach(text, 'fw').text()
        self.facts = {'ports': {}, 'pools': {}}
        self.assertEqual(canonical(self.detach(attached, 'fw').text()),
                         canonical(text))

    def test_machine(self):
        self.refused("machine type is microvm", definition.attach,
                     Domain(definition_text(machine='microvm')), self.facts,
                     ['fw'])

    def test_no_domain(self):
        self.refused("no definition", Domain, '<network/>')


class Live(Base):
    def waits(self, pattern, function, text, *names):
        with self.assertRaisesRegex(program.Waits, pattern):
            function(Domain(text), self.facts, names)

    def shared(self, kind='kvm', in_devices=''):
        return definition_text(
            kind, 'pc-i440fx-7.2', in_devices=in_devices,
            more="<memoryBacking><source type='memfd'/>"
            "<access mode='shared'/></memoryBacking>")

    def test_attach_and_detach(self):
        domain = Domain(self.shared())
        found = program.live_attach(domain, self.facts, ['fw'])
        self.assertEqual([one.tag for one in found],
                         ['interface', 'shmem', 'shmem'])
        self.assertFalse(any(one.find('address') is not None
                             for one in found))
        domain.devices.extend(found)
        self.assertEqual(program.live_attach(domain, self.facts, ['fw']), [])
        more = program.live_attach(domain, self.facts, ['fw.2'])
        self.assertEqual([one.tag for one in more], ['interface', 'shmem'])
        domain.devices.extend(more)
        gone = program.live_detach(domain, self.facts, ['fw'])
        self.assertEqual(gone, [found[1], found[0]])
        for one in gone:
            domain.devices.remove(one)
        gone = program.live_detach(domain, self.facts, ['fw.2'])
        self.assertEqual(len(gone), 3)

    def test_waits(self):
        self.waits("q35", program.live_attach, definition_text(), 'fw')
        self.waits("not shared", program.live_attach,
                   definition_text(machine='pc'), 'fw')
        self.waits("TCG", program.live_attach, self.shared('qemu'), 'fw')
        self.waits("arguments", program.live_attach, self.shared(), 'ids')
        self.waits("read-only", program.live_attach, self.attach(
            self.shared(), 'ids').text(), 'fw')
        self.waits("arguments", program.live_detach, self.attach(
            self.shared(), 'ids').text(), 'ids')

    def test_tcg_with_interface(self):
        text = self.shared('qemu', vhostuser('fw'))
        found = program.live_attach(Domain(text), self.facts, ['fw'])
        self.assertEqual([one.tag for one in found], ['shmem', 'shmem'])


class New(Base):
    def test_skeleton(self):
        for tcg in True, False:
            domain = self.attach(devices.skeleton(
                name='fw', tcg=tcg, machine='q35', memory=128, cpus='0',
                kernel='/k', initrd='/i', cmdline='quiet', console='/c'),
                'fw', 'ids')
            self.assertEqual(domain.is_tcg(), tcg)
            self.assertEqual('<qemu:override>' in domain.text(), tcg)


if __name__ == '__main__':
    done = unittest.main(exit=False, verbosity=0).result
    if not done.wasSuccessful():
        sys.exit(1)
    if not VALIDATE:
        print('skipped: virt-xml-validate is missing: install '
              'libvirt-clients and libxml2-utils')
        sys.exit(77)
