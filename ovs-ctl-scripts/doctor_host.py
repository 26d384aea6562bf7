# SPDX-License-Identifier: Apache-2.0
"""Checks of the host for "ovs-chain doctor": the program that is selected,
hugepages, where they are mounted, and the processors that poll."""

import fcntl
import glob
import os
import re
import subprocess

from doctor_result import FAIL, NOTE, OK, Result, read, shell
from placement import numbers

NODES = '/sys/devices/system/node/node*'
DRIVERS = '/usr/lib/*/dpdk/pmds-*/librte_mempool_ring.so*'
OVS_CTL = '/usr/share/openvswitch/scripts/ovs-ctl'
INIT = '/etc/init.d/openvswitch-switch'
# What "ovs-chain enable" has and makes while it is at work, see
# host-restart.sh.
MOVE = '/var/lib/ovs-chain/move'
DROP_IN = '/run/systemd/system/ovs-vswitchd.service.d/ovs-chain.conf'


def output(*command):
    """Returns the standard output of a command, nothing if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False, timeout=30)
    except OSError:
        return ''
    return done.stdout if done.returncode == 0 else ''


def selected_program():
    """Returns what is selected for ovs-vswitchd, and all that could be."""
    text = output('update-alternatives', '--query', 'ovs-vswitchd')
    found = re.search(r'^Value: (.*)$', text, re.M)
    return (found[1] if found else '',
            re.findall(r'^Alternative: (.*)$', text, re.M))


def running_program():
    pid = read('/var/run/openvswitch/ovs-vswitchd.pid')
    try:
        return os.readlink('/proc/%s/exe' % pid)
    except OSError:
        return ''


def upstream(text):
    """Returns the version of Open vSwitch in a version of a package."""
    found = re.match(r'(?:\d+:)?([0-9.]+)', text)
    return found[1] if found else ''


def make_again():
    """Returns the commands that make and install our packages."""
    return [['./bootstrap', 'deb'],
            shell('apt-get install ./build/deb/openvswitch-switch-chain_*.deb '
                  './build/deb/ovs-chain_*.deb')]


def check_version(ours):
    """Yields whether our program is of the release that is installed."""
    first = output(ours, '--version').splitlines()[:1]
    own = first[0].split()[-1] if first else ''
    package = output('dpkg-query', '-W', '-f', '${Version}',
                     'openvswitch-switch')
    if not own:
        yield Result('version', FAIL, "%s does not run" % ours, [
            shell('ldd %s | grep "not found"' % ours)])
    elif package and upstream(package) != own:
        yield Result(
            'version', FAIL, "the patched switch is Open vSwitch %s, and "
            "openvswitch-switch is %s" % (own, package), make_again())
    else:
        yield Result('version', OK, "Open vSwitch %s, as the rest of it" % own)


def check_selected(asked):
    selected, known = selected_program()
    running = running_program()
    if not os.access(asked.ours, os.X_OK):
        yield Result('selected', FAIL, "the patched switch is not installed: "
                     "there is no " + asked.ours, make_again())
        return
    if asked.ours not in known:
        yield Result('selected', FAIL, "the patched switch is not registered "
                     "as an alternative for ovs-vswitchd",
                     [['update-alternatives', '--install',
                       '/usr/sbin/ovs-vswitchd', 'ovs-vswitchd', asked.ours,
                       '10']])
    elif not running:
        yield Result('selected', FAIL, "no ovs-vswitchd runs; if the patched "
                     "one does not start, 'ovs-chain disable' selects "
                     "another", [start_command()])
    elif selected != asked.ours:
        yield Result('selected', FAIL, "%s is selected for ovs-vswitchd, "
                     "which knows no chains" % selected,
                     [['ovs-chain', 'enable']])
    elif running == os.path.realpath(asked.ours) + ' (deleted)':
        yield Result('selected', FAIL, "the patched switch runs as it was "
                     "before it was upgraded", [['ovs-chain', 'enable']])
    elif running != os.path.realpath(asked.ours):
        yield Result('selected', FAIL, "the patched switch is selected, but "
                     "%s runs" % running, [['ovs-chain', 'enable']])
    else:
        yield Result('selected', OK, "%s is selected and runs" % selected)
    yield from check_version(asked.ours)


def start_command():
    """Returns the command that starts the host's Open vSwitch."""
    if os.path.isdir('/run/systemd/system'):
        return ['systemctl', 'start', 'openvswitch-switch']
    if os.access(INIT, os.X_OK):
        return [INIT, 'start']
    return [OVS_CTL, '--system-id=random', 'start']


def is_moving():
    """Returns whether "ovs-chain enable" or "disable" is at work."""
    try:
        with open(OVS_CTL, encoding='utf-8') as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def check_restart(asked):
    """A restart that was cut short leaves the switch waiting for flows, or
    systemd told not to start it again."""
    begun = os.path.exists(MOVE + '/begun')
    if is_moving():
        yield Result('restart', NOTE, "'ovs-chain enable' or 'disable' is at "
                     "work")
    elif begun or os.path.exists(DROP_IN):
        yield Result('restart', FAIL, "'ovs-chain enable' or 'disable' was "
                     "cut short" + (" when it had stopped the switch"
                                    if begun else ''),
                     [['sh', MOVE + '/finish']] if begun else
                     [['rm', DROP_IN], ['systemctl', 'daemon-reload']])
    elif asked.config.get('flow-restore-wait') == 'true':
        yield Result('restart', FAIL, "the switch waits to be given its "
                     "flows, and takes nothing from NFs "
                     "(flow-restore-wait), unless a restart is under way",
                     [['ovs-vsctl', 'remove', 'Open_vSwitch', '.',
                       'other_config', 'flow-restore-wait']])
    else:
        yield Result('restart', OK, "none was cut short")


def check_drivers():
    """DPDK without its driver for mempools makes no pool at all."""
    if glob.glob(DRIVERS):
        yield Result('drivers', OK, "DPDK has its driver for mempools")
    else:
        yield Result('drivers', FAIL, "DPDK's driver for mempools is missing, "
                     "which is only recommended by its packages",
                     [['apt-get', 'install', 'librte-meta-mempool']])


def node_hugepages(node):
    """Returns all and free hugepages of a NUMA node, in MiB, and the folder
    of the first size."""
    every = free = 0
    folders = sorted(glob.glob(node + '/hugepages/hugepages-*kB'))
    for folder in folders:
        size = int(re.search(r'-(\d+)kB$', folder)[1])
        every += int(read(folder + '/nr_hugepages') or 0) * size // 1024
        free += int(read(folder + '/free_hugepages') or 0) * size // 1024
    return every, free, folders[-1] if folders else ''


def mib(text):
    """Returns how many MiB "64M", "1G" or a number of bytes are."""
    found = re.fullmatch(r'(\d+)([KMGkmg]?)', text)
    if not found:
        return 0
    shift = {'': 0, 'K': 10, 'M': 20, 'G': 30}[found[2].upper()]
    return (int(found[1]) << shift) >> 20


def wanted_hugepages(asked):
    """Returns MiB that pools which are not there want, by node; "" is any."""
    there = {pool['name'] for pool in (asked.show or {}).get('pools', ())}
    found = {}
    for name, keys in asked.pools().items():
        if name not in there:
            node = keys.get('node', '')
            found[node] = found.get(node, 0) + mib(keys.get('size', ''))
    return found


def more_hugepages(folder, megabytes):
    """Returns the command that adds hugepages to a node's."""
    size = int(re.search(r'-(\d+)kB$', folder)[1])
    path = folder + '/nr_hugepages'
    pages = -(-megabytes * 1024 // size)
    return shell('echo %d > %s' % (int(read(path) or 0) + pages, path))


def check_hugepages(asked):
    wanted = wanted_hugepages(asked)
    # What may lie on any node, as far as those before did not have it.
    anywhere = wanted.get('', 0)
    nodes = sorted(glob.glob(NODES))
    for path in nodes:
        node = path.rsplit('node', 1)[1]
        every, free, folder = node_hugepages(path)
        need = wanted.get(node, 0)
        here = anywhere
        if path != nodes[-1]:
            here = min(anywhere, max(free - need, 0))
        anywhere -= here
        need += here
        if not folder:
            yield Result('hugepages', FAIL, "NUMA node %s: this kernel offers "
                         "no hugepages" % node)
        elif not every:
            yield Result('hugepages', FAIL, "NUMA node %s has no hugepages, "
                         "which pools and the switch consist of" % node,
                         [more_hugepages(folder, max(need, 512))])
        elif free < need:
            yield Result('hugepages', FAIL, "NUMA node %s has %d MiB of free "
                         "hugepages, and pools that are not there yet want %d"
                         % (node, free, need),
                         [more_hugepages(folder, need - free)])
        else:
            yield Result('hugepages', OK, "NUMA node %s has %d MiB, of which "
                         "%d are free" % (node, every, free))


def mounts():
    """Returns where a hugetlbfs is mounted."""
    return [line.split()[1] for line in read('/proc/mounts').splitlines()
            if line.split()[2:3] == ['hugetlbfs']]


def lies_in(path, folders):
    """Returns whether a folder is in a mount that is among 'folders'."""
    path = os.path.realpath(path)
    while path not in folders and path != '/':
        path = os.path.dirname(path)
    return path in folders


def check_mounts(asked):
    there = mounts()
    wanted = sorted({keys['dir'] for keys in asked.pools().values()
                     if 'dir' in keys})
    if not there:
        yield Result('hugetlbfs', FAIL, "no hugetlbfs is mounted, on which "
                     "pools are files", [
                         ['mkdir', '-p', '/dev/hugepages'],
                         ['mount', '-t', 'hugetlbfs', 'none',
                          '/dev/hugepages']])
        return
    missing = [path for path in wanted if not lies_in(path, there)]
    for path in missing:
        yield Result('hugetlbfs', FAIL, "a pool is to lie in %s (dir=), which "
                     "is on no hugetlbfs" % path, [
                         ['mkdir', '-p', path],
                         ['mount', '-t', 'hugetlbfs', 'none', path]])
    if not missing:
        yield Result('hugetlbfs', OK, "mounted at " + ' '.join(there))


def mask_cpus(text):
    """Returns the processors of a mask, or None if it is none."""
    try:
        mask = int(text, 16)
    except ValueError:
        return None
    return {cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1}


def list_text(cpus):
    return ','.join(str(cpu) for cpu in sorted(cpus))


def check_cores(asked):
    text = asked.config.get('pmd-cpu-mask', '')
    online = numbers(read('/sys/devices/system/cpu/online'))
    last = max(online or {0})
    advice = [['ovs-vsctl', 'set', 'Open_vSwitch', '.',
               'other_config:pmd-cpu-mask=0x%x' % (1 << last)]]
    cpus = mask_cpus(text)
    if not text:
        yield Result('cores', NOTE, "other_config:pmd-cpu-mask is not set: "
                     "the switch polls from one processor of each NUMA node",
                     advice)
    elif not cpus:
        yield Result('cores', FAIL, "other_config:pmd-cpu-mask, %s, is no "
                     "mask with a processor in it" % text, advice)
    elif cpus - online:
        yield Result('cores', FAIL, "other_config:pmd-cpu-mask has processors "
                     "that are not there: %s; there are %s" % (
                         list_text(cpus - online), list_text(online)), advice)
    elif cpus - numbers(read('/sys/devices/system/cpu/isolated')):
        yield Result('cores', NOTE, "processors %s poll and are not isolated: "
                     "others run there, too; isolcpus=%s on the kernel's "
                     "command line keeps them away" % (list_text(cpus),
                                                       list_text(cpus)))
    else:
        yield Result('cores', OK, "processors %s poll, and are isolated"
                     % list_text(cpus))
