# SPDX-License-Identifier: Apache-2.0
"""Threads of the processes under test, as the scheduler sees them."""

import os


def find(pid, name):
    """Returns the id of the thread of process 'pid' whose name begins with
    'name', or None."""
    for tid in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/comm' % (pid, tid)) as f:
            if f.read().startswith(name):
                return int(tid)
    return None


class Waits:
    """How long threads ran, and waited for their processors, since the object
    was made."""

    def __init__(self, tids):
        self.tids = tids
        self.before = [self.read(tid) for tid in tids]

    @staticmethod
    def read(tid):
        with open('/proc/%d/schedstat' % tid) as f:
            ran, waited, _ = f.read().split()
        return int(ran), int(waited)

    def share(self):
        """Returns the largest part of its time that one of them waited."""
        shares = []
        for tid, (ran, waited) in zip(self.tids, self.before):
            now_ran, now_waited = self.read(tid)
            total = now_ran - ran + now_waited - waited
            shares.append((now_waited - waited) / total if total else 0)
        return max(shares)
