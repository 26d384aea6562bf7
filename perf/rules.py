# SPDX-License-Identifier: Apache-2.0
"""Flows that lead packets round a ring of ports, and out of it.

    in_port   "in_port=p1,actions=p2": the next port, whatever the packet.
    5tuple    a flow for each UDP flow on each port, with all five fields.
    mark      half of the packets go round one way and half the other, so that
              a port sees both; on ports of type 'chain' the upper half of the
              mark tells them apart, set where packets enter.  Other ports do
              not keep a mark, so there the destination MAC address does.
"""

SRC, DST = '198.51.100.1', '198.51.100.2'
FIRST_PORT, DST_PORT = 1024, 9
ADDRESSES = '02:00:00:c0:ff:00', '02:00:00:c0:ff:01'    # One for each way.
MARKS = '0x10000', '0x20000'


def neighbours(ports, step):
    """Yields each port with the one 'step' further on."""
    for i, port in enumerate(ports):
        yield port, ports[(i + step) % len(ports)]


def output(port, to):
    return 'in_port' if port == to else to


def in_port(_side, _case, ports):
    yield 'in_port=gen,actions=%s' % ports[0]
    for port, to in neighbours(ports, 1):
        yield 'in_port=%s,actions=%s' % (port, output(port, to))


def five_tuple(_side, case, ports):
    yield 'in_port=gen,actions=%s' % ports[0]
    for port, to in neighbours(ports, 1):
        for i in range(case.flows):
            yield ('in_port=%s,udp,nw_src=%s,nw_dst=%s,tp_src=%d,tp_dst=%d,'
                   'actions=%s' % (port, SRC, DST, FIRST_PORT + i, DST_PORT,
                                   output(port, to)))


def mark(side, _case, ports):
    for way, step in enumerate((1, -1)):
        address = 'dl_dst=' + ADDRESSES[way]
        if side == 'chain':
            match = 'pkt_mark=%s/0xffff0000' % MARKS[way]
            entry = 'set_field:%s->pkt_mark,' % MARKS[way]
        else:
            match, entry = address, ''
        yield 'in_port=gen,%s,actions=%s%s' % (address, entry, ports[0])
        for port, to in neighbours(ports, step):
            yield 'in_port=%s,%s,actions=%s' % (port, match, output(port, to))


KINDS = {'in_port': in_port, '5tuple': five_tuple, 'mark': mark}


def ring(side, case, ports):
    """Returns the flows of 'case' on 'side', a line each."""
    return '\n'.join(KINDS[case.rules](side, case, ports)) + '\n'


def drain(ports):
    """Returns a flow that takes packets out where the ring closes."""
    return 'priority=60000,in_port=%s,actions=drop\n' % ports[-1]
