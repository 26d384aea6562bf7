# SPDX-License-Identifier: Apache-2.0
"""What a check of "ovs-chain doctor" found."""

import os
from collections import namedtuple

OK, NOTE, FAIL = 'ok', 'note', 'fail'

# Who the QEMU of libvirt is on Debian, user and group.
ACCOUNT = 'libvirt-qemu'

# The name of the check, one of the above, a sentence, and the commands that
# mend it: lists of words.
Result = namedtuple('Result', 'check result text commands', defaults=([],))


def read(path):
    """Returns the text of a small file, such as the kernel's, or nothing."""
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read().strip()
    except OSError:
        return ''


def shell(line):
    """Returns a command that only a shell can run."""
    return ['sh', '-c', line]


def version(text):
    """Returns the first number with points in a text, as a tuple."""
    for word in text.replace('(', ' ').split():
        parts = word.split('.')
        if len(parts) > 1 and parts[0].isdigit() and parts[1].isdigit():
            return int(parts[0]), int(parts[1])
    return ()


def on_path(program):
    """Returns where a program is, or None."""
    for directory in os.environ.get('PATH', '').split(':'):
        path = os.path.join(directory, program)
        if os.access(path, os.X_OK):
            return path
    return None
