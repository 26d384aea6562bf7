#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the ELF kernel out of a bzImage: vmlinux.py BZIMAGE OUT

A bzImage unpacks itself when it boots, which takes seconds on an emulated
processor.  QEMU can start the ELF inside it right away, by the PVH boot
protocol.  Fields and offsets are those of "The Linux/x86 Boot Protocol"
(Documentation/arch/x86/boot.rst in the kernel).
"""

import bz2
import gzip
import lzma
import struct
import subprocess
import sys

SETUP_SECTS = 0x1f1
MAGIC = 0x202
VERSION = 0x206
PAYLOAD = 0x248


class BadKernel(Exception):
    """What is wrong with a kernel, for people."""


def payload(image):
    """Returns the compressed kernel in 'image', the bytes of a bzImage."""
    if image[MAGIC:MAGIC + 4] != b"HdrS" or len(image) < PAYLOAD + 8:
        raise BadKernel("is no bzImage")
    version, = struct.unpack_from("<H", image, VERSION)
    if version < 0x208:
        raise BadKernel("speaks boot protocol %d.%02d; 2.08 is needed"
                        % (version >> 8, version & 255))
    start = ((image[SETUP_SECTS] or 4) + 1) * 512
    offset, size = struct.unpack_from("<II", image, PAYLOAD)
    data = image[start + offset:start + offset + size]
    if size < 8 or len(data) != size:
        raise BadKernel("is cut off")
    return data


def run(*command):
    """Returns a function that puts bytes through 'command'."""
    def filtered(data):
        try:
            return subprocess.run(command, input=data, check=True,
                                  stdout=subprocess.PIPE).stdout
        except FileNotFoundError:
            raise BadKernel("needs %s: install the package '%s'"
                            % (command[0], command[0])) from None
        except subprocess.CalledProcessError:
            raise BadKernel("is damaged: %s failed" % command[0]) from None
    return filtered


# First bytes, name, function that unpacks, and how many bytes of the payload
# are the size that the kernel's build appends.  (That of gzip is a part of
# the format.)
FORMATS = (
    (b"\x02\x21\x4c\x18", "lz4", run("lz4", "-dc"), 4),
    (b"\x1f\x8b", "gzip", gzip.decompress, 0),
    (b"\x28\xb5\x2f\xfd", "zstd", run("zstd", "-dc"), 4),
    (b"\xfd7zXZ", "xz", lzma.decompress, 4),
    (b"BZh", "bzip2", bz2.decompress, 4),
    (b"\x5d\x00\x00", "lzma", lzma.decompress, 4),
)


def unpack(data):
    """Returns the ELF in 'data', a payload."""
    for first, name, function, trailer in FORMATS:
        if data.startswith(first):
            break
    else:
        raise BadKernel("is compressed in a way that is not one of %s"
                        % ", ".join(row[1] for row in FORMATS))
    size, = struct.unpack("<I", data[-4:])
    try:
        elf = function(data[:len(data) - trailer])
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise BadKernel("is damaged: %s: %s" % (name, error)) from None
    if len(elf) != size or elf[:4] != b"\x7fELF":
        raise BadKernel("is damaged: no ELF of %d bytes in it" % size)
    return elf


def main():
    """Converts the file that the first argument names into the second."""
    _, source, target = sys.argv
    try:
        with open(source, "rb") as file:
            elf = unpack(payload(file.read()))
        with open(target, "wb") as file:
            file.write(elf)
    except BadKernel as error:
        sys.exit("vmlinux.py: %s %s" % (source, error))
    except OSError as error:
        sys.exit("vmlinux.py: %s: %s" % (error.filename, error.strerror))


if __name__ == "__main__":
    main()
