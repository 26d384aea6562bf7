# SPDX-License-Identifier: Apache-2.0
"""Downloads a URL, keeps nothing of it, and prints how many bytes it had, the
seconds that it took and its SHA-256.

    fetch.py URL
"""

import hashlib
import sys
import time
import urllib.request

SECONDS_OF_SILENCE = 60


def main():
    digest = hashlib.sha256()
    size = 0
    start = time.monotonic()
    try:
        with urllib.request.urlopen(sys.argv[1],
                                    timeout=SECONDS_OF_SILENCE) as response:
            for block in iter(lambda: response.read(1 << 16), b''):
                digest.update(block)
                size += len(block)
    except OSError as e:
        sys.exit('fetch: %s: %s after %d bytes' % (sys.argv[1], e, size))
    print('%d %.2f %s' % (size, time.monotonic() - start, digest.hexdigest()))


if __name__ == '__main__':
    main()
