# SPDX-License-Identifier: Apache-2.0
"""Prints Ethernet frames of all kinds that Open vSwitch parses, one a line, in
hexadecimal.

    packets.py [KIND]...

KIND is the beginning of a kind's name; without one, all are printed.  Those of
tunnels are for the bridge that has LOCAL_MAC and the addresses LOCAL.
"""

import socket
import struct
import sys

SRC = bytes.fromhex('020000000a02')
DST = bytes.fromhex('020000000a01')
LOCAL_MAC = bytes.fromhex('020000000b01')
LOCAL = ('10.9.0.1', 'fd09::1')
REMOTE = ('10.9.0.2', 'fd09::2')
HOSTS4 = ('198.51.100.7', '198.51.100.8')
HOSTS6 = ('2001:db8::7', '2001:db8::8')

TCP, UDP, ICMP, IGMP, GRE, SCTP, ICMP6 = 6, 17, 1, 2, 47, 132, 58
BODY = bytes(range(64))


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def with_checksum(data, at, pseudo=b''):
    value = struct.pack('!H', checksum(pseudo + data) or 0xffff)
    return data[:at] + value + data[at + 2:]


def addresses(hosts):
    family = socket.AF_INET6 if ':' in hosts[0] else socket.AF_INET
    return b''.join(socket.inet_pton(family, host) for host in hosts)


def pseudo4(hosts, proto, size):
    return addresses(hosts) + struct.pack('!BBH', 0, proto, size)


def pseudo6(hosts, proto, size):
    return addresses(hosts) + struct.pack('!II', size, proto)


# Each of these returns the protocol and the bytes behind an IP header.

def tcp(body=BODY, pseudo=pseudo4, hosts=HOSTS4, dport=80, options=b''):
    size = 20 + len(options)
    data = struct.pack('!HHIIBBHHH', 40000, dport, 1, 2, size << 2, 0x18,
                       65535, 0, 0) + options + body
    return TCP, with_checksum(data, 16, pseudo(hosts, TCP, len(data)))


def udp(body=BODY, pseudo=pseudo4, hosts=HOSTS4, dport=4000):
    data = struct.pack('!HHHH', 40000, dport, 8 + len(body), 0) + body
    return UDP, with_checksum(data, 6, pseudo(hosts, UDP, len(data)))


def sctp():
    return SCTP, struct.pack('!HHII', 40000, 80, 0, 0) + BODY


def icmp(kind, code, body=BODY):
    return ICMP, with_checksum(struct.pack('!BBHI', kind, code, 0, 7) + body,
                               2)


def icmp6(kind, body, code=0, hosts=HOSTS6):
    data = struct.pack('!BBH', kind, code, 0) + body
    return ICMP6, with_checksum(data, 2, pseudo6(hosts, ICMP6, len(data)))


def igmp(kind, body):
    return IGMP, with_checksum(struct.pack('!BBH', kind, 0, 0) + body, 2)


TCP_OPTIONS = bytes.fromhex('020405b4' '0402' '080a0000000100000002' '01'
                            '030307')


def ip4(upper, hosts=HOSTS4, options=b'', fragment=0):
    proto, body = upper
    size = 20 + len(options)
    head = struct.pack('!BBHHHBBH', 0x40 | size >> 2, 0, size + len(body),
                       99, fragment, 64, proto, 0) + addresses(hosts)
    return 0x0800, with_checksum(head + options, 10) + body


def ip6(upper, hosts=HOSTS6, extensions=()):
    """'extensions' are pairs of number and bytes, of which the first will be
    the number of the next."""
    proto, body = upper
    for number, data in reversed(extensions):
        body = bytes([proto]) + data[1:] + body
        proto = number
    return 0x86dd, struct.pack('!IHBB', 0x60000000, len(body), proto,
                               64) + addresses(hosts) + body


def eth(payload, dst=DST, tags=()):
    kind, body = payload
    head = dst + SRC
    for tpid, tci in tags:
        head += struct.pack('!HH', tpid, tci)
    return (head + struct.pack('!H', kind) + body).ljust(60, b'\0')


def mpls(n, inner):
    labels = [struct.pack('!I', (100 + i) << 12 | (i == n - 1) << 8 | 64)
              for i in range(n)]
    return 0x8847, b''.join(labels) + inner[1]


def nsh(kind, context, inner):
    size = 8 + len(context)
    next_protocol, body = inner
    return 0x894f, struct.pack('!HBBI', 0x0fc0 | size // 4, kind,
                               next_protocol, 0x000001ff) + context + body


def tunnel4(upper):
    return eth(ip4(upper, (REMOTE[0], LOCAL[0])), LOCAL_MAC)


def tunnel6(upper):
    return eth(ip6(upper, (REMOTE[1], LOCAL[1])), LOCAL_MAC)


def outer_udp(dport, body):
    hosts4, hosts6 = (REMOTE[0], LOCAL[0]), (REMOTE[1], LOCAL[1])
    yield tunnel4(udp(body, pseudo4, hosts4, dport))
    yield tunnel6(udp(body, pseudo6, hosts6, dport))


ROUTING = (43, bytes.fromhex('00020001' '00000000') + socket.inet_pton(
    socket.AF_INET6, '2001:db8::9'))
HOP = (0, bytes.fromhex('0000050200000100'))
DESTINATION = (60, bytes.fromhex('0001' '010c') + bytes(12))
AUTHENTICATION = (51, bytes.fromhex('0004000000000001' '00000001') + bytes(12))
FRAGMENT = (44, bytes.fromhex('0000000100000007'))
LATER = (44, bytes.fromhex('0000004000000007'))


def udp6(**kwargs):
    return udp(pseudo=pseudo6, hosts=HOSTS6, **kwargs)


def tcp6(**kwargs):
    return tcp(pseudo=pseudo6, hosts=HOSTS6, **kwargs)


def plain():
    for size in (18, 64, 200, 1000, 1472):
        yield eth(ip4(udp(BODY[:1] * size)))
    yield eth(ip4(tcp(options=TCP_OPTIONS)))
    yield eth(ip6(udp6()))


def v4():
    inner = ip4(udp())[1][:28]
    yield eth(ip4(tcp(options=TCP_OPTIONS)))
    yield eth(ip4(tcp(), options=bytes.fromhex('94040000' '01010100')))
    yield eth(ip4(udp()))
    yield eth(ip4(sctp()))
    yield eth(ip4(icmp(8, 0)))
    for kind, code in ((3, 1), (3, 4), (11, 0), (5, 1)):
        yield eth(ip4(icmp(kind, code, inner)))
    yield eth(ip4(icmp(3, 3, ip4(icmp(8, 0))[1][:28])))
    yield eth((0x0800, ip4(udp())[1][:21]))


def fragments():
    whole = udp(BODY * 4)[1]
    for cut in (64, 128):
        yield eth(ip4((UDP, whole[:cut]), fragment=0x2000))
        yield eth(ip4((UDP, whole[cut:cut + 64]), fragment=0x2000 | cut // 8))
        yield eth(ip4((UDP, whole[cut + 64:]), fragment=(cut + 64) // 8))
    for extension in ((FRAGMENT,), (HOP, FRAGMENT), (LATER,),
                      (ROUTING, LATER)):
        yield eth(ip6(udp6(), extensions=extension))


def v6():
    inner = ip6(udp6())[1][:48]
    yield eth(ip6(tcp6(options=TCP_OPTIONS)))
    yield eth(ip6(udp6()))
    yield eth(ip6(sctp()))
    for extensions in ((HOP,), (ROUTING,), (DESTINATION,), (AUTHENTICATION,),
                       (HOP, DESTINATION, ROUTING, AUTHENTICATION)):
        yield eth(ip6(tcp6(), extensions=extensions))
        yield eth(ip6(udp6(), extensions=extensions))
    yield eth(ip6(icmp6(128, bytes(4) + BODY)))
    for kind in (1, 2, 3, 4):
        yield eth(ip6(icmp6(kind, bytes(4) + inner)))


def neighbours():
    target = socket.inet_pton(socket.AF_INET6, HOSTS6[0])
    option = b'\1\1' + SRC
    yield eth((0x0806, struct.pack('!HHBBH', 1, 0x800, 6, 4, 1) + SRC
               + addresses(HOSTS4[:1]) + DST + addresses(HOSTS4[1:])))
    yield eth((0x0806, struct.pack('!HHBBH', 1, 0x800, 6, 4, 2) + SRC
               + addresses(HOSTS4[:1]) + DST + addresses(HOSTS4[1:])))
    yield eth((0x8035, struct.pack('!HHBBH', 1, 0x800, 6, 4, 3) + bytes(20)))
    yield eth(ip6(icmp6(135, bytes(4) + target + option)))
    yield eth(ip6(icmp6(136, bytes(4) + target + b'\2' + option[1:])))
    yield eth(ip6(icmp6(136, bytes(4) + target + option + option)))
    yield eth(ip6(icmp6(133, bytes(4) + option)))


def tags():
    for payload in (ip4(tcp()), ip6(udp6())):
        yield eth(payload, tags=[(0x8100, 10)])
        yield eth(payload, tags=[(0x88a8, 20), (0x8100, 10)])
        yield eth(payload, tags=[(0x8100, 20), (0x8100, 10), (0x8100, 5)])
    yield eth((0x8100, b'\0'))


def labels():
    for n in (1, 2, 3, 5):
        yield eth(mpls(n, ip4(udp())))
        yield eth(mpls(n, ip6(udp6())), tags=[(0x8100, 10)])


def nshs():
    whole = eth(ip4(udp()))
    tlv = bytes.fromhex('0001800401020304' '000201020a0b0000')
    for kind, context in ((1, bytes(16)), (2, b''), (2, tlv)):
        yield eth(nsh(kind, context, (3, whole)))
        yield eth(nsh(kind, context, (1, ip4(udp())[1])))
        yield eth(nsh(kind, context, (2, ip6(udp6())[1])))
    yield eth(nsh(1, bytes(16), (4, nsh(1, bytes(16), (3, whole))[1])))


def tunnels():
    whole = eth(ip4(tcp()))
    option = bytes.fromhex('ffff000111223344' '0103800200000001' '00000002')
    yield from outer_udp(4789, bytes.fromhex('0800000000000700') + whole)
    yield from outer_udp(4790, bytes.fromhex('0c00000300000700') + whole)
    yield from outer_udp(6081, bytes.fromhex('0000655800000700') + whole)
    yield from outer_udp(6081, bytes.fromhex('0500655800000700') + option
                         + whole)
    for head in ('30ff0000000000', '34ff0000000000' '00010000',
                 '36ff0000000000' '00010000', '30ff0000000000'):
        yield from outer_udp(2152, bytes.fromhex(head + '07')
                             + ip4(udp())[1])
    yield from outer_udp(2152, bytes.fromhex(
        '34ff000000000007' '00010085' '01000100' '01000000')
        + ip4(udp())[1])
    for head in ('00006558', '2000655800000007',
                 '3000655800000007' '00000001'):
        data = bytes.fromhex(head) + whole
        yield tunnel4((GRE, data))
        yield tunnel6((GRE, data))
    data = with_checksum(bytes.fromhex('b0006558' '00000000' '00000007'
                                       '00000001') + whole, 4)
    yield tunnel4((GRE, data))
    yield tunnel4((GRE, bytes.fromhex('00000800') + ip4(udp())[1]))
    yield tunnel4((GRE, bytes.fromhex('000086dd') + ip6(udp6())[1]))
    for head in ('100088be' '00000001' '10000007' '00000003',
                 '100022eb' '00000001' '20000007' '00000000' '00000000',
                 '100022eb' '00000001' '20000007' '00000000' '00000001'
                 '00000000' '00000000'):
        yield tunnel4((GRE, bytes.fromhex(head) + whole))
        yield tunnel6((GRE, bytes.fromhex(head) + whole))


def applications():
    for text in (b'PORT 198,51,100,7,10,20\r\n', b'EPRT |1|198.51.100.7|99|\n',
                 b'227 Entering Passive Mode (198,51,100,8,4,210)\r\n',
                 b'229 Entering Extended Passive Mode (|||6446|)\r\n'):
        yield eth(ip4(tcp(text, dport=21)))
        yield eth(ip6(tcp6(body=text, dport=21)))
    for kind in (b'\0\1', b'\0\2'):
        yield eth(ip4(udp(kind + b'file\0octet\0', dport=69)))
        yield eth(ip6(udp6(body=kind + b'file\0octet\0', dport=69)))


def groups():
    group = addresses(('239.1.2.3',))
    group6 = socket.inet_pton(socket.AF_INET6, 'ff05::1:3')
    to4 = bytes.fromhex('01005e010203')
    to6 = bytes.fromhex('333300010003')
    for kind in (0x11, 0x12, 0x16, 0x17):
        yield eth(ip4(igmp(kind, group)), to4)
    yield eth(ip4(igmp(0x22, struct.pack('!HHBBH', 0, 2, 4, 0, 1) + group
                       + group + struct.pack('!BBH', 3, 0, 0) + group)), to4)
    for kind in (130, 131, 132):
        yield eth(ip6(icmp6(kind, bytes(4) + group6), extensions=(HOP,)), to6)
    yield eth(ip6(icmp6(143, struct.pack('!HHBBH', 0, 2, 4, 0, 1) + group6
                        + group6 + struct.pack('!BBH', 3, 0, 0) + group6),
                  extensions=(HOP,)), to6)


def protocols():
    slow, lldp, reserved = (bytes.fromhex('0180c20000' + last)
                            for last in ('02', '0e', '00'))
    yield eth((0x8809, bytes.fromhex('0101' '0114') + bytes(106)), slow)
    yield eth((0x8902, bytes.fromhex('80010446') + bytes(71)),
              bytes.fromhex('0180c2000030'))
    yield eth((0x88cc, bytes.fromhex('0207040200000000' '0a' '0403076162'
                                     '06020078' '0000')), lldp)
    yield eth((38, bytes.fromhex('424203' '0000000000') + bytes(31)), reserved)
    yield eth((39, bytes.fromhex('424203' '0000020202') + bytes(32)), reserved)
    yield eth(ip4(udp(bytes.fromhex('20c00318') + bytes(20), dport=3784)))
    yield eth((0x88b5, BODY))
    yield eth((50, bytes.fromhex('aaaa03000000' '0800') + ip4(udp())[1]))
    yield DST + SRC + b'\x88\xb5'
    yield eth(ip4(udp(bytes(1472))))


KINDS = (plain, v4, v6, fragments, neighbours, tags, labels, nshs, tunnels,
         applications, groups, protocols)


def main():
    wanted = tuple(sys.argv[1:])
    frames = [frame for kind in KINDS
              if not wanted or kind.__name__.startswith(wanted)
              for frame in kind()]
    if not frames:
        sys.exit('packets: no such kind; there is: '
                 + ' '.join(kind.__name__ for kind in KINDS))
    for frame in frames:
        print(frame[:1514].hex())


if __name__ == '__main__':
    main()
