#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
#
# An NF that attacks what is not references: control blocks, superblock,
# wake-ups, files, locks, links of ports.  An honest chain in the same pool
# loses no frame, and a good NF can have the port afterwards.  See hostile.sh.

# shellcheck source=hostile.sh
. "$(dirname "$0")/hostile.sh"

start_hostile
honest_begin --seed 77
attacks 60 99 spoil keep-lock no-lock take-lock

# While the superblock is spoilt, good NFs read it, and attach before it ends.
attaches() {
    timeout 5 nf-forward "$(ring bad2)" > "$scratch/forward" 2>&1 &
    wait_for 4 attached bad2
    local status=$?
    kill $! 2> /dev/null
    wait $! || :
    [ $status -eq 0 ] && ! printed over
}
attack_begin spoil
soon "spoil: a good NF attaches meanwhile" attaches
attack_end
gone src bad

# A child keeps the lock of an NF that is killed.
attack_begin keep-lock
attack_end
keeper=$(sed -n 's/^keeper //p' "$dir/bad.log")
end_nf bad KILL 2> /dev/null
honest_pass "keep-lock: honest frames pass without the NF"
is "keep-lock: the port is still attached" attached \
    query "port('bad')['state']"
kill -KILL "$keeper"
soon_is "keep-lock: until the child is gone, too" detached \
    query "port('bad')['state']"
is "keep-lock: the switch says why" "the NF exited without detaching" \
    query "port('bad')['reason']"
gone src bad
good_nf bad
n_survived=$((n_survived + 2))

# One that has no lock is not missed, but holds no more than its credit, and
# the next NF takes its place.
attack_begin no-lock
attack_end
end_nf bad KILL 2> /dev/null
honest_pass "no-lock: honest frames pass without the NF"
is "no-lock: the port is still attached" attached \
    query "port('bad')['state']"
nf bad nf-forward
soon_is "no-lock: the next NF has the port" nf-forward \
    query "port('bad')['nf']"
end_nf bad
gone src bad
n_survived=$((n_survived + 1))

# One has the switch's lock: its own port cannot be added while it does.
attack_begin take-lock
cmd ovs-vsctl del-port br0 bad
soon "take-lock: it takes the lock when its port goes" printed over
cmd ovs-vsctl add-port br0 bad -- set Interface bad type=dpdkvhostuserclient \
    options:chain-pool=blue
held() {
    [[ $(interface bad error) == *"holds the switch's lock"* ]]
}
ok "take-lock: the switch says why the port has an error" held
honest_pass "take-lock: honest frames pass"
end_nf bad KILL 2> /dev/null
cmd ovs-vsctl del-port br0 bad
chain_port bad
good_nf bad
n_survived=$((n_survived + 1))
survived
