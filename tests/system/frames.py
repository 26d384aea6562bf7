# SPDX-License-Identifier: Apache-2.0
"""Sends Ethernet frames from one network device to another, each in a network
namespace of its own, and compares what arrives byte for byte.

    frames.py NETNS:DEVICE [NETNS:DEVICE] [--count N | --until FILE]
        [--size BYTES] [--seed N] [--dst-port N] [--host N] [--skip BYTES]
        [--any] [--fragments {first,all}] [--deadline SECONDS]

Without a second device it only sends.  A few frames are under way at a time,
so that none is lost because a machine is busy.  Among these the order is free,
because a switch may treat the first packet of a flow apart.  Frames are UDP in
IPv4, where they are long enough, of every size from 14 to 1514 bytes or of
SIZE, with bytes from a generator that SEED starts, and go to the address that
ends with N, so that two runs do not get each other's.

With FILE it goes on until there is such a file.  BYTES in front of each frame
that arrives are a header of somebody else's.  With --any whatever arrives is
taken for a frame that was sent, and those that have changed are counted.  With
--fragments frames are halves of larger packets: all of them, or the first of
each.
"""

import argparse
import ctypes
import os
import random
import socket
import struct
import sys
import time

WINDOW = 32
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
IP_MF = 0x2000
HALF = 1480  # Bytes that fit a fragment.
SRC = bytes.fromhex('020000c0ffee')
DST = bytes.fromhex('020000c0ff')


def open_device(where):
    """Returns a raw socket on the device that NETNS:DEVICE names."""
    netns, device = where.rsplit(':', 1)
    libc = ctypes.CDLL(None, use_errno=True)
    with open('/run/netns/' + netns, 'rb') as f:
        if libc.setns(f.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns ' + netns)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                         socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.bind((device, ETH_P_ALL))
    return sock


def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def addresses(args):
    return DST + bytes([args.host]) + SRC


def make_frame(rng, size, args):
    """Returns a frame of 'size' bytes: UDP, or another EtherType if short."""
    if size < 42:
        return addresses(args) + b'\x88\xb5' + rng.randbytes(size - 14)
    payload = make_udp(rng, size - 34, args.dst_port)
    return addresses(args) + make_ipv4(payload, rng.getrandbits(16))


def make_udp(rng, size, dst_port):
    return struct.pack('!HHHH', rng.randrange(1024, 65536), dst_port, size,
                       0) + rng.randbytes(size - 8)


def make_ipv4(payload, ident, frag=0):
    """Returns the EtherType and the packet."""
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), ident,
                       frag, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton('198.51.100.1'),
                       socket.inet_aton('198.51.100.2'))
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    return b'\x08\x00' + head + payload


def make_fragment(i, args):
    """Returns the first half of packet 'i', or half 'i' of all packets."""
    last = args.fragments == 'all' and i % 2
    ident = i if args.fragments == 'first' else i // 2
    packet = make_udp(random.Random(ident), 2 * HALF, args.dst_port)
    if last:
        return addresses(args) + make_ipv4(packet[HALF:], ident, HALF // 8)
    return addresses(args) + make_ipv4(packet[:HALF], ident, IP_MF)


def receive(sock, n, args):
    """Returns up to 'n' of our frames that arrive before the deadline."""
    frames = []
    deadline = time.monotonic() + args.deadline
    while len(frames) < n:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        sock.settimeout(left)
        try:
            frame, address = sock.recvfrom(1 << 16)
        except socket.timeout:
            break
        frame = frame[args.skip:]
        ours = args.any or frame[:12] == addresses(args)
        if ours and address[2] != socket.PACKET_OUTGOING:
            frames.append(frame)
    return frames


def compare(sent, received, first, args):
    """Returns how many frames have changed."""
    if len(received) != len(sent):
        sys.exit('frames: %d of frames %d to %d arrived'
                 % (len(received), first, first + len(sent) - 1))
    if args.any:
        return len(set(sent) - set(received))
    for a, b in zip(sorted(sent), sorted(received)):
        if a != b:
            sys.exit('frames: of frames %d to %d one differs:\n'
                     'sent     %s\nreceived %s'
                     % (first, first + len(sent) - 1, a.hex(), b.hex()))
    return 0


def numbers(args):
    """Yields the number of the first frame of each window, and of how many
    frames that is."""
    first = 0
    while not os.path.exists(args.until) if args.until else first < args.count:
        n = WINDOW if args.until else min(WINDOW, args.count - first)
        yield first, n
        first += n


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('source')
    parser.add_argument('sink', nargs='?')
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--until')
    parser.add_argument('--size', type=int)
    parser.add_argument('--seed', type=int, default=os.getpid())
    parser.add_argument('--dst-port', type=int, default=9)
    parser.add_argument('--host', type=int, default=0)
    parser.add_argument('--skip', type=int, default=0)
    parser.add_argument('--any', action='store_true')
    parser.add_argument('--fragments', choices=['first', 'all'])
    parser.add_argument('--deadline', type=int, default=30)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    source = open_device(args.source)
    sink = args.sink and open_device(args.sink)
    sizes = [14, 15, 41, 42, 59, 60, 61, 64, 65, 128, 1513, 1514]
    total = changed = 0
    for first, n in numbers(args):
        sent = []
        for i in range(first, first + n):
            size = args.size or (sizes[i] if i < len(sizes)
                                 else rng.randint(14, 1514))
            sent.append(make_fragment(i, args) if args.fragments
                        else make_frame(rng, size, args))
        for frame in sent:
            source.send(frame)
        if sink:
            changed += compare(sent, receive(sink, n, args), first, args)
        total += n
    print('%d frames%s (seed %d)%s'
          % (total, '' if args.any else ' equal' if sink else ' sent',
             args.seed, ', %d changed' % changed if args.any else ''))


if __name__ == '__main__':
    main()
