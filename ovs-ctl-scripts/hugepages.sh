# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Hugepages of 2 MiB: how many are free, adding the missing ones, and giving
# back what was added.  The caller holds the lock of instance.sh between
# looking and mapping, so that two instances never count the same free pages.

# shellcheck source=common.sh
. "${share:?}/common.sh"

hugepage_mib=2
hugepages_sysfs=/sys/kernel/mm/hugepages/hugepages-2048kB

hugepages_check() {
    [ -d "$hugepages_sysfs" ] ||
        die "this kernel offers no hugepages of 2 MiB ($hugepages_sysfs)"
}

hugepages_read() {
    local value
    read -r value < "$hugepages_sysfs/$1"
    say "$value"
}

# Pages that nobody uses and nobody was promised.
hugepages_free() {
    say $(($(hugepages_read free_hugepages) - \
           $(hugepages_read resv_hugepages)))
}

# Prints how many pages 'mib' MiB are short of.
hugepages_missing() {
    local mib=$1 missing
    missing=$(((mib + hugepage_mib - 1) / hugepage_mib - $(hugepages_free)))
    say $((missing > 0 ? missing : 0))
}

# Whether the host can spare 'n' pages more, and 256 MiB besides.
hugepages_spare() {
    local n=$1 kib
    kib=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
    ((kib / 1024 >= n * hugepage_mib + 256)) && return 0
    say "$n hugepages of $hugepage_mib MiB are missing, but only" \
        "$((kib / 1024)) MiB of memory are available; ask for less" >&2
    return 1
}

# Adds 'n' pages to the host's, all or none.
hugepages_add() {
    local n=$1 had got
    hugepages_spare "$n" || return 1
    had=$(hugepages_read nr_hugepages)
    echo $((had + n)) > "$hugepages_sysfs/nr_hugepages"
    got=$(($(hugepages_read nr_hugepages) - had))
    ((got >= n)) && return 0
    echo "$had" > "$hugepages_sysfs/nr_hugepages"
    say "the kernel found memory for only $got of the $n hugepages" \
        "of $hugepage_mib MiB that are missing; reserve them at boot" \
        "(hugepages=$((had + n)) on the kernel's command line) or" \
        "ask for less memory" >&2
    return 1
}

# Makes the host's pages 'n', if they are more and can be.
hugepages_shrink() {
    echo "$1" > "$hugepages_sysfs/nr_hugepages"
    [ "$(hugepages_read nr_hugepages)" -le "$1" ]
}

# Takes 'n' pages back from the host.  The kernel may still hold what an
# unmounted file system had set aside, for a moment; pages that are in use go
# when they are freed.
hugepages_remove() {
    local n=$1 left
    left=$(($(hugepages_read nr_hugepages) - n))
    wait_for 5 hugepages_shrink $((left > 0 ? left : 0)) || :
}
