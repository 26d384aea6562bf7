# SPDX-License-Identifier: Apache-2.0
"""What happens to the chain under traffic, and what each event may lose.

An event takes the world and a generator of random numbers, and returns what it
did, in words, and an Allowance.  All of its choices come from the generator,
so that the same seed makes the same sequence.
"""

import signal
import time

from switch import stop_for
from tools import kill, until
from world import DETOUR, ORDERS, VM_STREAM

BURST = 32                      # Packets that a thread of the switch has in
                                # hand, at most: one burst of one port.
SETTLE = 10                     # Seconds that a pool which was found again
                                # waits for its ports.


class Allowance:
    """How many packets an event may lose: of a stream, what may be under way;
    of all streams together, 'hand'."""

    def __init__(self, why, streams=(), hand=0):
        self.why = why
        self.streams = list(streams)
        self.hand = hand

    def also(self, other):
        return Allowance(self.why + ', and ' + other.why,
                         sorted({*self.streams, *other.streams}),
                         self.hand + other.hand)

    def excess(self, lost, windows):
        """Returns how many of the packets 'lost', by stream, may not be."""
        over = sum(max(0, n - (windows[i] if i in self.streams else 0))
                   for i, n in enumerate(lost))
        return max(0, over - self.hand)

    def limit(self, windows):
        return self.hand + sum(windows[i] for i in self.streams)


NOTHING = Allowance('no packet is dropped')
IN_HAND = Allowance('what the switch had in hand when it was killed',
                    hand=BURST)
PLAIN = Allowance('what is in the rings of a plain vhost-user port, which its '
                  'guest makes anew when the switch comes back', [VM_STREAM])
KILLED = PLAIN.also(IN_HAND)


def held(world, name):
    """What an NF has in its rings and hands goes with it, and what comes until
    another is attached: at most what may be under way."""
    return Allowance('what %s held, and what came for it meanwhile' % name,
                     world.streams_through(name))


# Network functions.

def any_nf(world, rng):
    return world.nfs[rng.choice(sorted(world.nfs))]


def end_nf(world, rng, number, what):
    nf = any_nf(world, rng)
    nf.end(number)
    time.sleep(rng.choice([0, rng.uniform(0, 0.5)]))
    nf.start()
    world.wait_attached(nf)
    return '%s %s' % (what, nf.name), held(world, nf.name)


def nf_kill(world, rng):
    return end_nf(world, rng, signal.SIGKILL, 'killed')


def nf_term(world, rng):
    return end_nf(world, rng, signal.SIGTERM, 'terminated')


def nf_stop(world, rng):
    """One that stands still takes nothing, and loses nothing that its ring has
    room for."""
    nf = any_nf(world, rng)
    seconds = rng.choice([rng.uniform(0.01, 0.3), rng.uniform(0.3, 3)])
    stop_for([nf.pid], seconds)
    return 'stopped %s for %.2f s' % (nf.name, seconds), NOTHING


# Ports.

def users(world, port):
    """The NFs that are attached to a port."""
    return [nf for nf in world.nfs.values() if port in nf.ports]


def wait_users(world, port):
    """Whoever had the port has it again."""
    world.wait_attached(*users(world, port))
    world.wait_ends_attached()


def port_name(world, port):
    """What streams_through() calls the NF of a port."""
    for nf in users(world, port):
        return nf.name
    return port


def any_port(world, rng):
    return rng.choice(sorted(world.settings))


def port_delete(world, rng):
    port = any_port(world, rng)
    world.switch.del_port(port)
    time.sleep(rng.choice([0, rng.uniform(0, 0.3)]))
    world.switch.add_port(port, world.port_settings(port))
    world.put_flows()
    world.switch.wait_flows()
    restore_mirror(world, port)
    wait_users(world, port)
    return 'deleted and added port ' + port, held(world,
                                                  port_name(world, port))


def port_options(world, rng):
    """A port with other options is closed and opened, one with the same is
    left alone."""
    port = any_port(world, rng)
    key, values = rng.choice([('chain-stall-timeout', (100, 500, 2000)),
                              ('chain-credits', (600, 700, 800))])
    setting = 'options:%s=%d' % (key, rng.choice(values))
    settings = world.settings[port]
    changed = setting not in settings
    settings[:] = [s for s in settings if key not in s] + [setting]
    world.switch.set('Interface', port, setting)
    wait_users(world, port)
    return 'port %s: %s' % (port, setting), (
        held(world, port_name(world, port)) if changed else NOTHING)


# Flows.

def chain_apply(world, rng):
    world.order = rng.randrange(len(ORDERS))
    world.apply()
    return 'chain: ' + ' '.join(ORDERS[world.order]), NOTHING


def detour(world, _rng):
    world.detour = not world.detour
    flow = DETOUR if world.detour else DETOUR.rpartition(',actions')[0]
    world.switch.bundle(['%s %s' % ('add' if world.detour
                                    else 'delete_strict', flow)])
    world.switch.wait_flows()
    return 'detour ' + ('on' if world.detour else 'off'), NOTHING


def put_mirror(world):
    world.switch.set(
        'Bridge', 'br0', 'mirrors=@m',
        '--', '--id=@fw', 'get', 'Port', 'fw',
        '--', '--id=@spy', 'get', 'Port', 'spy',
        '--', '--id=@m', 'create', 'Mirror', 'name=m', 'select-src-port=@fw',
        'output-port=@spy')


def restore_mirror(world, port):
    """A port that is deleted leaves the mirror."""
    if world.mirror and port in ('fw', 'spy'):
        put_mirror(world)


def mirror(world, _rng):
    world.mirror = not world.mirror
    if world.mirror:
        put_mirror(world)
    else:
        world.switch.set('Bridge', 'br0', 'mirrors=[]')
    return 'mirror ' + ('on' if world.mirror else 'off'), NOTHING


# Pools.

def resize(world, _rng):
    """The size of a pool in use does not change."""
    mark = world.switch.log_size()
    world.configure_pool('size=64M')
    until('the switch says that the pool is in use', world.switch.logged,
          'pool blue: in use', mark)
    world.configure_pool('size=32M')
    return 'asked for a larger pool', NOTHING


# The switch.

def restart(world, how, binary=0, meanwhile=None, at_start=None, changed=()):
    """Ends the switch and starts it again; its flows are put back as ovs-ctl
    does it.  Calls 'meanwhile' while there is no switch, and 'at_start' when
    there is one again.  NFs do not lose their ports but those 'changed'."""
    times = {}
    before = world.generations()
    world.switch.end(how)
    world.switch.hold()
    if meanwhile:
        meanwhile()
    world.traffic.ask('arm')
    mark = world.switch.log_size()
    times['exec'] = time.monotonic()
    world.switch.wait_for_start(world.switch.start(binary))
    if at_start:
        at_start()
    world.switch.wait_for_ports(world.all_ports())
    world.put_flows()
    times['flows'] = time.monotonic()
    world.switch.release()
    world.wait_attached(*world.nfs.values())
    world.wait_ends_attached()
    world.restarts.append((how, times, mark))
    after = world.generations()
    lost = [port for port in before
            if port not in changed and after[port] != before[port]]
    if lost:
        world.complaints.append('attached anew: ' + ' '.join(lost))


def switch_kill(world, _rng):
    restart(world, 'kill')
    return 'killed the switch', KILLED


def switch_stop(world, rng):
    """NFs wait for a switch that stands still."""
    seconds = rng.choice([rng.uniform(0.01, 0.3), rng.uniform(0.3, 3)])
    stop_for([world.switch.pid], seconds)
    return 'stopped the switch for %.2f s' % seconds, NOTHING


def switch_exit(world, _rng):
    restart(world, 'exit')
    return 'the switch exited', PLAIN


def upgrade(world, rng):
    how = rng.choice(['kill', 'exit'])
    restart(world, how, binary=1)
    return 'switch: %s, another binary' % how, (KILLED if how == 'kill'
                                                else PLAIN)


def kill_in_start(world, rng):
    """The guest of the plain port starts again, too: testpmd's device does not
    come back when it was being connected."""
    seconds = rng.uniform(0, 1.5)

    def meanwhile():
        world.switch.kill_in_start(0, seconds)
        world.start_guest()

    restart(world, 'kill', meanwhile=meanwhile)
    return 'killed the switch, and %.2f s after its start' % seconds, KILLED


def kill_with_nf(world, rng):
    """The switch is killed when an NF has just been, or while another one
    attaches in its place, or the NF is killed while there is no switch."""
    nf = any_nf(world, rng)
    when = rng.choice(['after', 'while attaching', 'before'])
    allowed = KILLED.also(held(world, nf.name))

    def meanwhile():
        if when == 'before':
            nf.end()
        if when != 'while attaching':
            nf.start()

    if when != 'before':
        nf.end()
        if when == 'while attaching':
            nf.start()
        time.sleep(rng.uniform(0, 0.03))
    restart(world, 'kill', meanwhile=meanwhile, changed=nf.ports)
    return 'killed the switch %s %s' % (when, nf.name), allowed


def kill_with_stop(world, rng):
    """An NF stands still, with what it holds, from one switch to the next."""
    nf = any_nf(world, rng)
    kill(nf.pid, signal.SIGSTOP)
    time.sleep(rng.uniform(0, 0.2))
    restart(world, 'kill')
    kill(nf.pid, signal.SIGCONT)
    return 'killed the switch while %s was stopped' % nf.name, KILLED


def kill_in_change(world, rng):
    """The switch is killed while it deletes a port, which is there again for
    the next one."""
    port = any_port(world, rng)
    world.switch.del_port(port, wait=False)
    time.sleep(rng.uniform(0, 0.03))
    ports = [other for nf in users(world, port) for other in nf.ports]
    restart(world, 'kill', meanwhile=lambda: world.switch.add_port(
        port, world.port_settings(port), wait=False), changed=ports or [port])
    restore_mirror(world, port)
    wait_users(world, port)
    return 'killed the switch as it deleted port ' + port, KILLED.also(
        held(world, port_name(world, port)))


def restart_and_resize(world, rng):
    """A pool that NFs map is refused in another size, and found again in its
    own, whether the last switch knew of that or not."""
    how = rng.choice(['kill', 'exit'])
    known = rng.random() < 0.5
    mark = world.switch.log_size()

    def meanwhile():
        world.configure_pool('size=64M', wait=False)

    def at_start():
        until('the switch says who maps the pool', world.switch.logged,
              'still maps it', mark)
        world.configure_pool('size=32M')

    if known:
        world.configure_pool('size=64M')
    restart(world, how, meanwhile=meanwhile, at_start=at_start)
    return 'switch: %s, %s a larger pool' % (
        how, 'asked before for' if known else 'and asked for'), (
            KILLED if how == 'kill' else PLAIN)


def exit_in_settling(world, rng):
    """It exits as it ends the wait for ports that the one before it had."""
    found = world.switch.logged_time('pool blue: found again')
    if found:
        moment = found + SETTLE - rng.uniform(0, 0.3)
        time.sleep(max(0, moment - time.monotonic()))
    restart(world, 'exit')
    return 'the switch exited %d s after its start' % SETTLE, PLAIN
