# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A host of a test's own: a copy of a root that debian-root made, with
# processes, network, mounts and /run of its own, for tests that install
# packages and switch the switch.  After lib.sh,
#
#     root_begin [--systemd] [--bind FROM:TO]...
#                                         TO is there already, or a folder
#     in_root COMMAND...                  as often as needed, as root
#     root_path FILE                      FILE of the copy, from outside
#     root_end
#
# The copy is a layer in memory over the root, and goes with all that was
# started in it when the test ends, however it ends.  Hugepages are the
# machine's: begin with '--bind DIR:/dev/hugepages' for a hugetlbfs.  With
# --systemd it boots, up to sysinit.target.

root_dir=${OVS_CHAIN_ROOT:-}
root_fd='' root_pid=''

root_begin() {
    local ready=${scratch:?}/root-pid binds=() systemd=''
    while [ $# -gt 0 ]; do
        case $1 in
        --systemd) systemd=$1; shift ;;
        --bind) binds+=("$2"); shift 2 ;;
        *) fail "root_begin: $1" ;;
        esac
    done
    [ -e "$root_dir/made" ] ||
        skip "no root with Debian's Open vSwitch (mmdebstrap makes it)"
    mkdir -p "$scratch/root"
    [ -z "$systemd" ] ||
        unshare --mount mount -t cgroup2 cgroup2 "$scratch/root" ||
        skip "systemd needs cgroup2, which cannot be mounted here"
    # 8: the lock of tests that take hugepages.
    exec {root_fd}> >(exec unshare --mount --propagation private \
        "${here:?}/root-hold" ${systemd:+"$systemd"} "$root_dir" \
        "$scratch/root" "$ready" "${binds[@]}" 8<&-)
    wait_for "${patience:?}" root_is_ready "$ready" ||
        fail "the root does not come up"
    [ -z "$systemd" ] || soon "systemd is up" root_has_booted
}

root_has_booted() {
    in_root systemctl is-system-running 2> /dev/null |
        grep -qx 'running\|degraded'
}

# Whether the first process has said its pid and has left the outside.
root_is_ready() {
    { read -r root_pid < "$1"; } 2> /dev/null &&
        in_root sh -c '[ -e /made ] && [ ! -e /.outside ]' 2> /dev/null
}

# With the variables that a login would set, and no others.
in_root() {
    nsenter --target "$root_pid" --mount --pid --net --ipc --uts \
        --root --wd env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@" {root_fd}>&-
}

# A path by the first process's own view.
root_path() {
    say "/proc/$root_pid/root$1"
}

root_end() {
    [ -n "$root_fd" ] || return 0
    exec {root_fd}>&-
    wait_for "$patience" not test -e "/proc/$root_pid/root/made"
    root_fd=
}
