# SPDX-License-Identifier: Apache-2.0
"""Checks of VMs for "ovs-chain doctor": QEMU and libvirt, who QEMU runs as and
what that user may open, and the VMs that run."""

import glob
import json
import os
import re

from doctor_host import output
from doctor_result import (ACCOUNT, FAIL, NOTE, OK, Result, on_path, read,
                           version)
from placement import access_problems, apparmor_problems, who_is

# The oldest that were tried, and what installs them.
VERSIONS = [
    ('qemu-system-x86_64', 'QEMU', (7, 2), 'qemu-system-x86'),
    ('libvirtd', 'libvirt', (9, 0), 'libvirt-daemon-system')]

CONF = '/etc/libvirt/qemu.conf'
# Of files that the QEMU of libvirt may read and write.
SELINUX_TYPE = 'svirt_image_t'


def check_version(name, found, oldest, package):
    """Returns whether a version, a tuple or nothing, is new enough."""
    if not found:
        return Result('versions', NOTE, "%s is not installed" % name, [
            ['apt-get', 'install', package]])
    text = '.'.join(map(str, found))
    if found < oldest:
        return Result('versions', FAIL, "%s is %s, older than %d.%d, the "
                      "oldest that was tried" % ((name, text) + oldest),
                      [['apt-get', 'install', package]])
    return Result('versions', OK, "%s is %s" % (name, text))


def check_versions():
    for program, name, oldest, package in VERSIONS:
        path = on_path(program)
        found = version(output(path, '--version')) if path else ()
        yield check_version(name, found, oldest, package)


def conf_value(text, key):
    """Returns what qemu.conf says of a key, or None."""
    found = re.findall(r'^\s*%s\s*=\s*"?([^"\n]*?)"?\s*$' % key, text, re.M)
    return found[-1] if found else None


def qemu_user(text):
    """Returns the Who that libvirt runs QEMU as, by the text of qemu.conf, or
    None if there is no such account."""
    return who_is('%s:%s' % (conf_value(text, 'user') or ACCOUNT,
                             conf_value(text, 'group') or ACCOUNT))


def guest_ports(asked):
    """Returns the names of the chain ports that are for VMs."""
    return [name for name, port in sorted(asked.facts['ports'].items())
            if port['socket']] if asked.facts else []


def check_access(asked):
    names = guest_ports(asked)
    if asked.unknown:
        yield Result('access', NOTE, "the files of ports cannot be looked at: "
                     + asked.unknown)
    if not names:
        return
    who = qemu_user(read(CONF))
    if who is None:
        yield Result('access', NOTE, "there is no user or group that QEMU "
                     "would run as (%s), so nobody can tell what it may open"
                     % CONF)
        return
    problems = list(access_problems(who, asked.facts, names))
    for problem in problems:
        yield Result('access', FAIL, problem.text, problem.commands)
    if not problems:
        yield Result('access', OK, "QEMU may open the files of %s"
                     % ' '.join(names))


def selinux_type(path):
    """Returns the type in the label of a file, or nothing."""
    try:
        label = os.getxattr(path, 'security.selinux').decode()
    except OSError:
        return ''
    return label.split(':')[2]


def selinux_problems(asked, names):
    """Yields the failure if QEMU may not open the files of ports."""
    ports = [asked.facts['ports'][name] for name in names]
    files = [port['ring'] for port in ports]
    files += [asked.facts['pools'][name]
              for name in {port['pool'] for port in ports}]
    paths = sorted(path for path in (file['ways'][-1]['path']
                                     for file in files)
                   if selinux_type(path) != SELINUX_TYPE)
    if paths:
        yield Result('confinement', FAIL, "SELinux confines QEMU, and nobody "
                     "has labelled the files of pools and rings for it",
                     [['chcon', '-t', SELINUX_TYPE] + paths])


def check_confinement(asked):
    names = guest_ports(asked)
    problems = []
    driver = conf_value(read(CONF), 'security_driver') or ''
    if names and driver != 'none':
        if read('/sys/fs/selinux/enforce') == '1':
            problems += selinux_problems(asked, names)
        if read('/sys/module/apparmor/parameters/enabled') == 'Y' and \
                os.path.isdir('/etc/apparmor.d/libvirt'):
            problems += [Result('confinement', FAIL, one.text, one.commands)
                         for one in apparmor_problems(asked.facts, names)]
    yield from problems
    if not problems:
        yield Result('confinement', OK, "neither AppArmor nor SELinux is in "
                     "the way")


def option(text):
    """Returns the argument of an option of QEMU, JSON or KEY=VALUE,..., as a
    dict; what has no key is the value of ""."""
    if text.startswith('{'):
        try:
            return json.loads(text)
        except ValueError:
            return {}
    found = {}
    for part in text.split(','):
        key, equals, value = part.partition('=')
        found[key if equals else ''] = value if equals else key
    return found


def identity(path):
    """Returns device and inode of a file, or None."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)


def mapped_files(pid):
    """Returns the identities of the files that a process has mapped."""
    found = set()
    for line in read('/proc/%s/maps' % pid).splitlines():
        device, inode = line.split()[3:5]
        major, minor = (int(part, 16) for part in device.split(':'))
        found.add((major, minor, int(inode)))
    return found


class Guest:
    """A VM, by the command line of its QEMU and, for devices that were added
    later, the files that this process has mapped."""

    def __init__(self, words, pid=None):
        self.words = words
        # Libvirt may have another /dev/shm than we have.
        self.root = '/proc/%s/root' % pid if pid else ''
        self.in_memory = mapped_files(pid) if pid else set()
        self.objects = {}
        self.memory, self.mapped = set(), set()
        for name, text in zip(words, words[1:]):
            values = option(text)
            if name == '-object':
                self.objects[values.get('id')] = values
            elif name in ('-machine', '-M', '-numa'):
                self.memory |= {values.get('memory-backend'),
                                values.get('memdev')} - {None}
            elif name == '-device' and 'ivshmem-plain' in (
                    values.get(''), values.get('driver')):
                self.mapped.add(values.get('memdev'))

    def name(self):
        """Returns the name of the libvirt domain, or None."""
        for name, text in zip(self.words, self.words[1:]):
            if name == '-name':
                return option(text).get('guest')
        return None

    def has_socket(self, path):
        return any(path in (option(text).get('path'),
                            (option(text).get('addr') or {}).get('path'))
                   for name, text in zip(self.words, self.words[1:])
                   if name == '-chardev')

    def is_shared(self):
        """Returns whether the switch can reach the VM's memory."""
        found = [self.objects.get(name, {}) for name in self.memory]
        return bool(found) and all(
            values.get('share') in (True, 'on', 'yes', 'true')
            for values in found)

    def has_file(self, path):
        """Returns whether an ivshmem device maps a file."""
        return identity(self.root + path) in self.in_memory or \
            os.path.realpath(path) in {
                os.path.realpath(self.objects[name]['mem-path'])
                for name in self.mapped
                if 'mem-path' in self.objects.get(name, {})}


def guests():
    """Returns the VMs that run."""
    found = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        words = read(path).split('\0')
        if re.match(r'(qemu-system|qemu-kvm|kvm)', os.path.basename(words[0])):
            found.append(Guest(words, path.split('/')[2]))
    return found


def port_problems(guest, port, pool):
    """Yields what a VM lacks for a port, in words."""
    if not guest.is_shared():
        yield ("does not share its memory, so that the switch cannot reach "
               "it: no packet passes")
    for file, what in ((port['ring'], "ring file"), (pool, "pool")):
        if not guest.has_file(file['path']):
            yield ("has no ivshmem device for the %s, so that its packets are "
                   "copied" % what)


def check_guest(guest, port, pool):
    """Yields what is wrong with a port of a VM, or that all is well."""
    domain, name = guest.name(), port['name']
    problems = list(port_problems(guest, port, pool))
    for problem in problems:
        yield Result(
            'guests', FAIL, "VM %s at port %s %s" % (
                domain or '(%s)' % guest.words[0], name, problem),
            [['ovs-chain', 'vm', 'attach', domain, name],
             ['virsh', 'shutdown', domain], ['virsh', 'start', domain]]
            if domain else [['ovs-chain', 'vm-xml', name]])
    if not problems:
        yield Result('guests', OK, "VM %s has all that port %s needs"
                     % (domain or guest.words[0], name))


def check_guests(asked):
    running = guests()
    for name in guest_ports(asked):
        port = asked.facts['ports'][name]
        there = [guest for guest in running
                 if guest.has_socket(port['socket'])]
        for guest in there:
            yield from check_guest(guest, port,
                                   asked.facts['pools'][port['pool']])
        if not there:
            yield Result('guests', NOTE, "no VM has port %s" % name)
