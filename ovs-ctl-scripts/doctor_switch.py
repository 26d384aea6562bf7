# SPDX-License-Identifier: Apache-2.0
"""Checks of the switch for "ovs-chain doctor": DPDK, pools, ports and NFs."""

import grp
import re

from doctor_result import ACCOUNT, FAIL, NOTE, OK, Result, read


def settings(text):
    """Returns the settings of a pool's key as a dict."""
    found = {}
    for part in re.split('[, ]+', text.strip().strip('"')):
        key, equals, value = part.partition('=')
        found[key if equals else 'size'] = value if equals else key
    return found


def last_line(path, pattern):
    """Returns what the log said last that matches, or nothing."""
    for line in reversed(read(path).splitlines()):
        parts = line.split('|', 4)
        if len(parts) == 5 and parts[3] in ('WARN', 'ERR') and \
                re.search(pattern, parts[4]):
            return parts[4]
    return ''


def check_dpdk(asked):
    wanted = asked.config.get('dpdk-init', 'false')
    if asked.switch['dpdk_initialized'] is True:
        yield Result('dpdk', OK, "it is initialized")
    elif wanted not in ('true', 'try'):
        yield Result('dpdk', FAIL, "DPDK is off, and without it there are no "
                     "chains (other_config:dpdk-init)", [
                         ['ovs-vsctl', 'set', 'Open_vSwitch', '.',
                          'other_config:dpdk-init=true']])
    else:
        said = last_line(asked.log, 'EAL|dpdk')
        yield Result('dpdk', FAIL, "dpdk-init is set, but DPDK did not come "
                     "up" + (': ' + said if said else ''), [
                         ['grep', 'dpdk', asked.log]])


def unusable_pools(text):
    """Returns why pools are not usable, by name, as chain/show says it."""
    return dict(re.findall(r'^pool (\S+): not usable: (.*)$', text, re.M))


def first_pool():
    """Returns the value of a key for a first pool, for VMs if there are."""
    try:
        grp.getgrnam(ACCOUNT)
    except KeyError:
        return 'size=64M'
    return 'size=64M,group=' + ACCOUNT


def check_pools(asked):
    configured = asked.pools()
    if asked.show is None:
        if configured:
            yield Result('pools', FAIL, "pools are configured, and the switch "
                         "that runs knows of no chains",
                         [['ovs-chain', 'enable']])
        return
    there = {pool['name']: pool for pool in asked.show['pools']}
    if not configured:
        yield Result('pools', NOTE, "no pool is configured", [
            ['ovs-vsctl', 'set', 'Open_vSwitch', '.',
             'other_config:chain-pool-blue="%s"' % first_pool()]])
    for name in sorted(configured):
        if name not in there:
            yield Result('pools', FAIL, "pool %s is configured and not there: "
                         "%s" % (name, asked.unusable.get(name, "it is in the "
                                                          "log why")), [
                             ['grep', 'chain-pool-' + name, asked.log]])
        elif not there[name]['balanced']:
            yield Result('pools', NOTE, "buffers of pool %s do not balance at "
                         "this moment" % name)
        else:
            yield Result('pools', OK, "%s: %d of %d buffers are free" % (
                name, there[name]['buffers']['free'],
                there[name]['buffers']['all']))


def chain_ports(asked):
    """Returns the interfaces that are to be in a pool."""
    return {name: row for name, row in asked.interfaces.items()
            if 'chain-pool' in row['options']}


def check_port(name, row, port):
    """Returns what is wrong with one port or that all is well."""
    error = row['error'] if isinstance(row['error'], str) else ''
    pool = row['options']['chain-pool']
    if error:
        return Result('ports', FAIL, "%s: %s" % (name, error), [
            ['ovs-vsctl', 'list', 'Interface', name]])
    if row['type'] == 'dpdk':
        return Result('ports', OK, "%s receives into pool %s" % (name, pool))
    if port is None:
        return Result('ports', FAIL, "%s is to be in pool %s and is not"
                      % (name, pool), [['ovs-vsctl', 'get', 'Interface', name,
                                        'status']])
    if port['state'] == 'refused':
        return Result(
            'ports', FAIL, "the NF at %s is refused: %s" % (
                name, port['reason']), [['man', '7', 'vhost-chain']])
    if port['state'] != 'attached':
        return Result('ports', NOTE, "%s has no NF%s" % (
            name, ': ' + port['reason'] if port['reason'] else ''))
    if port['stalled']:
        return Result('ports', FAIL, "the NF at %s, process %d, takes no "
                      "packets" % (name, port['pid']),
                      [['ovs-chain', 'show']])
    return Result('ports', OK, "%s has an NF" % name)


def check_ports(asked):
    if asked.show is None:
        return
    ports = {port['name']: port for port in asked.show['ports']}
    for name, row in sorted(chain_ports(asked).items()):
        yield check_port(name, row, ports.get(name))
