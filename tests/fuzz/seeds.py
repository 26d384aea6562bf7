#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the inputs that were made by hand into the corpora: "seed-NAME" of
each target, which start the fuzzing where the code begins to be interesting.

    seeds.py CORPUS

An input that is a program is a list of operations, by the names in codes.h.
"""

import os
import re
import socket
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# What the targets know under other names.
NO_VM, VM_GONE, VM_RUNS, VM_STOPPED = range(4)
LOCK, FUTEX, FRAME = 1, 2, 4            # VHC_NF_F_*
FORWARD, DROP, LOCAL = range(3)         # enum vhc_verdict
RX, TX, FILL = range(3)                 # enum vhc_ring_role
OUT = 1                                 # Port, bit 0 of 'a'
QUEUE_1 = 2                             # Queue, bit 1 of 'a'


def read_codes():
    """Returns the lists of names in codes.h, by the name of the list."""
    with open(os.path.join(HERE, "codes.h"), encoding="ascii") as f:
        text = re.sub(r"/\*.*?\*/", " ", f.read().replace("\\\n", " "),
                      flags=re.S)
    lists = {}
    for name, body in re.findall(r"#define (\w+)_OPS\b(.*)", text):
        lists[name] = []
        for op, other in re.findall(r"OP\((\w+)\)|(\w+)_OPS", body):
            lists[name] += [op] if op else lists[other]
    return lists


CODES = read_codes()


class Program:
    """A list of operations: Program("RX").ASK(v=1).RUN()."""

    def __init__(self, target, first=b""):
        self.codes = CODES[target]
        self.data = first

    def __getattr__(self, name):
        code = self.codes.index(name)

        def add(a=0, b=0, c=0, v=0, times=1):
            self.data += times * struct.pack("<BBBBI", code, a, b, c,
                                             v & 0xffffffff)
            return self

        return add


def config(two_queues=0, sizes=0x33, credits=0xff, flags=0):
    """Returns the first operation of fuzz-rx and fuzz-resume: rings of 8
    entries and 31 credits, unless the bits for each port say otherwise."""
    return struct.pack("<BBBBI", 0, two_queues, sizes, credits, flags)


def rx(**kwargs):
    return Program("RX", config(**kwargs))


def attached(features=0, fill=0, **kwargs):
    """An NF on the first port."""
    return rx(**kwargs).ASK(a=features << 2, b=fill, v=1).RUN()


def linked(program, request=1):
    """An NF on both."""
    return (program.ASK(v=request).RUN()
            .ASK(a=OUT, c=1, v=request).RUN(a=OUT).QUIESCE())


def given(program, n=4):
    """'n' packets that came in at a NIC, in the hands of the NF."""
    return program.NIC(b=n, v=64).TX(b=n).GET(b=n)


def put(program, verdict=FORWARD, off=None, length=64, **kwargs):
    """The NF sends what it has seen first."""
    if off is None:
        return program.PUT(c=verdict, **kwargs)
    return program.PUT(c=8 | verdict, v=off << 16 | length, **kwargs)


def descriptor_seeds():
    stride = 16576
    yield "forward", given(attached()).PUT().PUT(b=1).RX(b=32).FREE(b=9)
    for name, verdict in (("drop", DROP), ("local", LOCAL), ("verdict", 3)):
        yield name, put(given(attached()), verdict).LOCAL(b=1).RX(b=32)
    yield "no-local", put(given(attached(flags=8)), LOCAL).RX(b=32)
    yield "reserved", given(attached()).PUT(c=4, v=1).PUT(c=4, v=0x100) \
        .RX(b=32)
    yield "twice", given(attached()).PUT(c=0x10).RX(b=32)
    for off, length in ((0, 14), (0, 1518), (127, 64), (128, 13), (128, 1519),
                        (stride - 64, 64), (stride - 63, 64),
                        (stride - 128, 64), (65535, 65535), (65535, 1518)):
        yield f"off-{off}-{length}", \
            put(given(attached()), off=off, length=length).RX(b=32).TX(b=1)
    long = given(attached(flags=1))
    yield "longest", put(put(long, off=0, length=16384), off=193,
                         length=16384, b=1).RX(b=32)
    program = attached()
    for id_ in (0, 15, 16, 23, 24, 255):
        program.PUT(b=id_, c=0x80)
    yield "foreign", program.RX(b=32)
    yield "huge-id", attached().WRITE_DESC(b=TX, v=0x7fffffff) \
        .WRITE_INDEX(b=0x80 | TX, v=1).RX(b=32)
    yield "changes", given(attached()).PUT().RACE(c=1, v=0xffffffff) \
        .RACE(c=2, v=0xffffffff).RACE(c=3, v=0xffffffff).RX(b=32)


def ring_seeds():
    for role in (RX, TX, FILL):
        index = role | (0x80 if role == TX else 0)
        yield f"corrupt-{role}", attached(fill=4).RX(b=1) \
            .WRITE_INDEX(b=index, v=100).NIC(b=2, v=64).TX(b=2).RX(b=2).RUN() \
            .QUIESCE().RUN()
    wrap = given(attached(sizes=0x22))
    for i in range(6):
        wrap.PUT().RX(b=32).TX(b=4).GET(b=4)
    yield "wrap", wrap
    yield "full", attached(sizes=0).NIC(b=4, v=64).TX(b=4).GET(b=1).NIC(b=2)
    yield "credit", given(attached(credits=0x11), 9).NIC(b=2, v=64).TX(b=2)
    yield "fill", attached(fill=8).RX(b=1).GET(b=8, c=1).PUT().PUT(b=1) \
        .RX(b=32).RX(b=32).FREE(b=2)
    yield "fill-guess", attached(fill=4).PUT(b=16, c=0x80) \
        .PUT(b=17, c=0x80).PUT(b=18, c=0x80).RX(b=32)
    yield "queues", attached(two_queues=3).NIC(b=4, v=64) \
        .TX(a=QUEUE_1, b=4).PUT(a=QUEUE_1, b=16, c=0x80).RX(a=QUEUE_1, b=9)
    yield "sizes", attached().NIC(b=2, v=13).NIC(b=2, v=16384).TX(b=9) \
        .OUTSIDE(b=2, v=1518).OUTSIDE(b=2, v=9000).NIC(a=4, b=2, v=64) \
        .TX(b=9).MAX_LEN(v=100).NIC(b=1, v=200).TX(b=1)
    yield "segments", attached(flags=1).OUTSIDE(b=3, v=8999).TX(b=3)
    yield "shared", attached().NIC(b=1, v=64).SHARE().TX(b=1).TX(b=1)
    yield "push", attached().NIC(b=1, v=64).PUSH(b=4).TX(b=1).GET(b=1) \
        .PUT().RX(b=1).PUSH(b=128).TX(b=1)
    yield "to-ok", given(attached()).PUT().RX(b=1).TX(b=1, c=1).ROUND(v=64) \
        .RUN(c=1).HOLD().RELEASE()


def attach_seeds():
    yield "leave", given(attached()).LEAVE().RUN().RX(b=1).QUIESCE().RUN()
    yield "replaced", given(attached()).ASK(v=2).RUN().QUIESCE().RUN()
    yield "gone", given(attached(LOCK)).LOCK().RUN().LOCK(b=1).RUN().QUIESCE()
    for word, value in ((1, 2), (2, 8), (3, 2), (4, 0), (10, 7), (12, 1)):
        yield f"refused-{word}", rx().ASK(v=1).WRITE(b=word, v=value).RUN() \
            .ASK(v=2).RUN()
    yield "indices", rx().ASK(v=1).WRITE_INDEX(b=0x80 | TX, v=1).RUN()
    yield "vm-gone", given(attached(FRAME)).VM(b=VM_RUNS).RUN() \
        .VM(b=VM_GONE).RUN().QUIESCE()
    yield "vm-stopped", given(attached(FRAME)).VM(b=VM_STOPPED).RUN() \
        .CLOCK(v=1001).WRITE(b=48, v=1).RUN().CLOCK(v=1001).RUN().QUIESCE()
    yield "still", given(attached(FRAME)).CLOCK(v=3001).RUN().QUIESCE()
    yield "stalled", attached(flags=2).NIC(b=2, v=64).TX(b=2).RUN() \
        .CLOCK(v=101).RUN().GET(b=2).RUN()
    yield "futex", attached(FUTEX).WRITE(b=32, v=7).NIC(b=2, v=64).TX(b=1) \
        .TX(b=1)
    yield "frame", attached(FRAME).WRITE(b=32, v=7).NIC(b=2, v=64).TX(b=1) \
        .FRAME(b=1).FRAME().WRITE(b=32, v=8).TX(b=1).FRAME()
    yield "closed", given(attached()).CLOSE().NIC(b=1, v=64).OPEN().RUN() \
        .ASK(v=2).RUN()
    yield "removed", given(attached()).CLOSE(b=1).OPEN().ASK(v=2).RUN()
    yield "truncated", given(attached()).TRUNCATE().RX(b=1).NIC(b=1, v=64) \
        .TX(b=1).RUN().QUIESCE().RUN().ASK(v=3).RUN()
    yield "short", given(attached()).TRUNCATE(v=8192).PUT().RX(b=1).RUN() \
        .QUIESCE().CLOSE().OPEN()
    yield "scribbled", attached().WRITE_HOST(b=64, v=9).WRITE_HOST(v=0) \
        .RUN().NIC(b=1, v=64).TX(b=1)
    yield "read-only", given(attached(flags=4)).PUT().RX(b=1)


def link_seeds():
    def through(program):
        return given(program).PUT(a=OUT).RX(a=OUT, b=1)

    yield "link", through(linked(rx())).PUT().RX(b=1)
    yield "link-local", given(linked(rx())).PUT(a=OUT, c=LOCAL) \
        .RX(a=OUT, b=1)
    yield "link-queues", through(linked(rx(two_queues=3)))
    yield "unlike", linked(rx(two_queues=1))
    yield "link-left", through(linked(rx())).LEAVE(a=OUT).RUN(a=OUT) \
        .RX(b=1).QUIESCE().PUT().RX(b=1)
    yield "link-first", through(linked(rx())).LEAVE().RUN().RX(a=OUT, b=1) \
        .QUIESCE().PUT(a=OUT).RX(a=OUT, b=1).RUN(a=OUT)
    yield "widow", through(linked(rx())).CLOSE().RX(a=OUT, b=1) \
        .RUN(a=OUT).QUIESCE().OPEN()
    yield "widow-closed", through(linked(rx())).CLOSE().CLOSE(a=OUT) \
        .OPEN().OPEN(a=OUT)
    yield "linking-closed", rx().ASK(v=1).RUN().ASK(a=OUT, c=1, v=1) \
        .RUN(a=OUT).CLOSE().QUIESCE().RUN(a=OUT)
    yield "linking-left", rx().ASK(v=1).RUN().ASK(a=OUT, c=1, v=1) \
        .RUN(a=OUT).LEAVE().RUN().QUIESCE()
    yield "link-again", linked(through(linked(rx())).LEAVE().LEAVE(a=OUT)
                               .RUN().RUN(a=OUT).QUIESCE(), 2)


def resume_seeds():
    def live(**kwargs):
        return given(Program("RESUME", config(**kwargs)).ASK(v=1).RUN())

    def both():
        return given(linked(Program("RESUME", config())))

    yield "again", live().KILL().START(a=3).PUT().RX(b=1)
    yield "in-rings", live().PUT().NIC(b=2, v=64).TX(b=2).KILL() \
        .START(a=3).RX(b=4).GET(b=2).PUT().RX(b=1)
    yield "working-on", live().KILL().PUT().PUT(b=1).START(a=3).RX(b=9)
    yield "left", live().KILL().LEAVE().START(a=3).RUN().QUIESCE()
    yield "asked", live().KILL().ASK(v=2).START(a=3).RUN().QUIESCE().RUN()
    yield "linked", both().KILL().START(a=3).PUT(a=OUT).RX(a=OUT, b=1)
    yield "waits", both().KILL().START(a=1, b=1).RX(b=1).SETTLE().RUN() \
        .QUIESCE().OPEN(a=OUT)
    yield "late", both().KILL().START(a=2).RX(a=OUT, b=1).OPEN().PUT(a=OUT) \
        .RX(a=OUT, b=1)
    yield "settled", live().KILL().START().SETTLE().OPEN().RUN()
    yield "other-ring", live().KILL().CONFIG(b=0x44, c=0xff).START(a=3)
    yield "other-queues", live(two_queues=1).KILL().CONFIG(b=0x33, c=0xff) \
        .START(a=3)
    yield "head", live().KILL().HEAD(b=8, v=1).START(a=3).RUN()
    yield "other-inode", live().KILL().HEAD(b=32, v=1).START(a=3)
    yield "under-way", live().NIC(b=4, v=64).TX(b=4).GET(b=4).KILL() \
        .UNDER_WAY(a=1, b=4, c=2).START(a=3).GET(b=4).PUT().RX(b=4)
    yield "taken", live().PUT().PUT(b=1).KILL().OWNER(b=16, v=0) \
        .START(a=3).RX(b=9)
    yield "fit", Program("RESUME", config()).KILL().FIT(a=9, c=1) \
        .FIT(a=10, b=1, c=1).LINK(a=9, b=10).OWN(a=9, b=20, c=8) \
        .OWN(a=10, b=32, c=8).START(a=3).RX(b=9).SETTLE()
    yield "decoy", live().KILL().FIT(a=9, b=0x40, c=1).START(a=3).SETTLE()
    yield "garbage", live().KILL().RANDOM(a=1, v=1).RANDOM(a=2, v=2) \
        .PORT(a=3, b=3, c=1).OWN(a=3, c=255).START(a=3).SETTLE()
    yield "crowded", live().KILL().PORT(a=33, b=3, c=1).PORT(a=5, b=0) \
        .FIELD(a=5, b=17, v=16).START(a=3)
    yield "races", live().PUT().KILL().RACE(c=1, v=0xffffffff) \
        .RACE(c=4, v=7).START(a=3).RX(b=4)
    yield "twice", both().KILL().START(a=1).KILL().START(a=3).RX(b=1)


def ledger_seeds():
    def ledger():
        return Program("LEDGER")

    yield "port", ledger().PORT(a=1, b=1, c=1).OWN(a=1, b=16, c=9)
    yield "link", ledger().PORT(a=1, c=1).PORT(a=2, c=1).LINK(a=1, b=2)
    yield "self", ledger().PORT(a=1, c=1).LINK(a=1, b=1)
    yield "one-sided", ledger().PORT(a=1, c=1).PORT(a=2, c=1) \
        .FIELD(a=1, b=31, v=3)
    yield "unlike", ledger().PORT(a=1, c=1).PORT(a=2, b=1, c=1) \
        .LINK(a=1, b=2)
    yield "overlap", ledger().PORT(a=1, b=3, c=1).PORT(a=3, c=1)
    yield "end", ledger().PORT(a=0x20, b=3, c=1).PORT(a=0x21, b=1, c=1)
    yield "random", ledger().RANDOM(a=1, v=1).OWN(a=1, c=255)
    yield "produce", ledger().PORT(c=1).OWN(b=16, c=4) \
        .DESC(b=16, c=8, v=3).INDEX(a=2, v=6).PRODUCE(b=3, c=1)
    yield "consume", ledger().PORT(c=1).OWN(b=18, c=4) \
        .DESC(b=16, c=8, v=3).INDEX(b=3, v=6).CONSUME(b=3, c=1)
    yield "race", ledger().OWN(b=16, c=4).DESC(b=16, c=8, v=3) \
        .INDEX(a=2, v=6).RACE(a=1, v=0xffffffff).PRODUCE(b=3)


def attach_machine_seeds():
    write, good, number, race, lost, peer, indices, fault = \
        (1 << i for i in range(8))

    def step(flags, a=0, b=0, v=0):
        return struct.pack("<BBBBI", 0, a, b, flags, v)

    ask = step(good | number, v=1)
    yield "life", ask + step(number, v=0) + step(number, v=1) + \
        step(number, v=2) + step(fault, b=11) + step(number, v=3)
    yield "replaced", ask + step(number, v=2) + step(0)
    for word in (1, 2, 3, 4, 10, 12):
        yield f"refused-{word}", step(good) + step(write, a=word, v=9) + \
            step(number, v=1) + step(number, v=2)
    yield "conditions", step(good | lost | number, v=1) + \
        step(peer | number, v=2) + step(indices | number, v=3)
    yield "race", step(good) + step(race, a=1, v=2) + step(number, v=5)


def layout_seeds():
    def damaged(image, off, value, op="SET32"):
        return getattr(Program("LAYOUT"), op)(
            a=image, b=off & 255, c=off >> 8, v=value).LOOK(b=1).SCAN(c=2)

    yield "good", Program("LAYOUT").LOOK(b=1).DESC(v=32, b=128, c=8) \
        .DESC(v=31, b=128, c=8).DESC(v=63).DESC(v=511, a=8, c=24) \
        .SCAN(c=2).SCAN(a=1, b=1, c=3)
    yield "race", Program("LAYOUT").DESC(v=32, b=128, c=8) \
        .RACE(c=1, v=0xffffffff).RACE(c=3, v=0xffffffff).SCAN(c=2)
    for off in (0, 8, 12, 16, 24, 28, 32, 36, 40, 56, 120, 184):
        yield f"ring-{off}", damaged(0, off, 0xffffffff)
    for off in (0, 8, 12, 16, 32, 128, 132, 136, 140, 144, 148, 152):
        yield f"pool-{off}", damaged(1, off, 0x80000000)
    for off in (96, 104, 112, 120):
        yield f"pool-{off}", damaged(1, off, 63, "BIT64")
    yield "none", Program("LAYOUT").SCAN().SCAN(a=1)
    yield "two", Program("LAYOUT").GOOD(a=2).SCAN(c=3).SCAN(a=1, c=3)
    yield "other-pool", Program("LAYOUT").SET8(a=1, b=32, v=0x72) \
        .SET8(a=1, b=16, v=1).SCAN(c=2)
    yield "removed", Program("LAYOUT").SET64(a=0).SCAN(c=2).SET64(a=1) \
        .SCAN(c=2)
    yield "short", Program("LAYOUT").SIZE(a=0, v=4096).SCAN(c=2) \
        .SIZE(a=0, v=100).SIZE(a=1, v=8192).SCAN(c=2)


def ethernet(payload, ethertype, tags=()):
    frame = bytes.fromhex("020000000001020000000002")
    for tag in tags:
        frame += struct.pack(">HH", tag, 100)
    return frame + struct.pack(">H", ethertype) + payload


def ipv4(proto, payload, fragment=0, options=b""):
    header = struct.pack(">BBHHHBBH4s4s", 0x45 + len(options) // 4, 0,
                         20 + len(options) + len(payload), 1, fragment, 64,
                         proto, 0, socket.inet_aton("10.0.0.1"),
                         socket.inet_aton("192.0.2.1"))
    return ethernet(header + options + payload, 0x0800)


def ipv6(next_header, payload):
    address = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    return ethernet(struct.pack(">IHBB", 6 << 28, len(payload), next_header,
                                255) + address + address + payload, 0x86dd)


def nf_seeds():
    ports = struct.pack(">HH", 53, 80) + bytes(16)
    frames = {
        "tcp": ipv4(6, ports), "udp": ipv4(17, ports) + bytes(9),
        "options": ipv4(132, ports, options=bytes(8)),
        "fragment": ipv4(17, ports, 9), "cut": ipv4(6, ports)[:36],
        "vlan": ethernet(ipv4(6, ports)[14:], 0x0800, (0x88a8, 0x8100)),
        "arp": ethernet(bytes.fromhex("0001080006040001") + bytes(16)
                        + socket.inet_aton("10.0.0.1"), 0x0806),
        "tcp6": ipv6(6, ports),
        "solicit": ipv6(58, bytes([135]) + bytes(7) + socket.inet_pton(
            socket.AF_INET6, "2001:db8::1")),
        "hop-by-hop": ipv6(0, bytes([60, 0]) + bytes(6) + bytes([17, 0])
                           + bytes(6) + ports),
        "fragment6": ipv6(44, bytes([6, 0, 0, 0]) + bytes(4) + ports),
        "later6": ipv6(44, bytes([6, 0, 0, 8]) + bytes(4) + ports),
        "ah": ipv6(51, bytes([6, 4]) + bytes(22) + ports),
    }
    for name, frame in frames.items():
        yield name, bytes([0, 40, 0x21, 0xff, 0x4f]) + frame
    texts = {
        "rules": "# first\nallow proto tcp dport 80-90 mark 0x7\n"
                 "deny src 10.0.0.0/8 dst 192.0.2.1\ndefault allow\n",
        "rules6": "deny proto icmp6 src 2001:db8::/32 dst any\n"
                  "non-ip deny\nallow fragment proto udp\n",
        "numbers": "deny proto 47\nallow proto 255 mark 65535\n"
                   "deny proto udplite sport 0-65535\n",
        "wrong": "allow proto tcp sport 9-1\n",
        "bits": "deny src 10.0.0.1/8\n", "twice": "default deny\ndefault x\n",
    }
    for name, text in texts.items():
        yield name, b"\x01" + text.encode()


def all_seeds():
    for seeds in (descriptor_seeds, ring_seeds, attach_seeds, link_seeds):
        for name, program in seeds():
            yield "rx", name, program.data
    for target, seeds in (("resume", resume_seeds), ("ledger", ledger_seeds),
                          ("layout", layout_seeds)):
        for name, program in seeds():
            yield target, name, program.data
    for target, seeds in (("attach", attach_machine_seeds),
                          ("nf", nf_seeds)):
        for name, data in seeds():
            yield target, name, data


def main(argv):
    if len(argv) != 2:
        sys.exit(f"usage: {argv[0]} CORPUS")
    for target, name, data in all_seeds():
        path = os.path.join(argv[1], "fuzz-" + target)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "seed-" + name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main(sys.argv)
