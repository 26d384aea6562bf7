# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A private libvirtd for an instance of the switch, apart from any libvirt of
# the host: its domains, sockets and logs are in the instance's run directory,
# and what it takes for /dev/shm is the instance's directory of ring files, so
# that <shmem> finds them.  It ends with the instance, and its VMs with it.
#
#   /run/ovs-chain/NAME/libvirt/    what libvirt-guard describes
#   /run/ovs-chain/NAME/vm/         what "ovs-chain vm define" makes
#
# QEMU runs as the user libvirt-qemu, as Debian's libvirt has it, with the
# number that Debian gives to it everywhere.

# shellcheck source=instance.sh
. "${share:?}/instance.sh"

libvirt_account=libvirt-qemu
libvirt_id=64055

libvirt_answers() {
    virsh -q -c "$(libvirt_uri)" uri > /dev/null 2>&1
}

# Whether it has started, or failed to.
libvirt_settled() {
    libvirt_answers || not runs "$1" libvirt-guard
}

libvirt_check() {
    local program
    for program in virsh:libvirt-clients libvirtd:libvirt-daemon \
                   virtlogd:libvirt-daemon setpriv:util-linux \
                   qemu-system-x86_64:qemu-system-x86; do
        command -v "${program%:*}" > /dev/null ||
            die "${program%:*} is missing: install ${program#*:}"
    done
}

# Number of the user and of the group that QEMU runs as.
libvirt_uid() {
    id -u "$libvirt_account" 2> /dev/null || say "$libvirt_id"
}

libvirt_gid() {
    local entry
    entry=$(getent group "$libvirt_account") ||
        { say "$libvirt_id"; return; }
    cut -d : -f 3 <<< "$entry"
}

# libvirtd does not start where there is no such account; this one gets lists
# of accounts in which there is.
libvirt_accounts() {
    local own=$dir/libvirt
    if ! getent passwd "$libvirt_account" > /dev/null; then
        cp /etc/passwd "$own/passwd"
        say "$libvirt_account:x:$libvirt_id:$libvirt_id::/nonexistent:\
/usr/sbin/nologin" >> "$own/passwd"
    fi
    if ! getent group "$libvirt_account" > /dev/null; then
        # Of group kvm, too, whose /dev/kvm is.
        sed "/^kvm:/ { s/[^:]\$/&,/; s/\$/$libvirt_account/ }" /etc/group \
            > "$own/group"
        say "$libvirt_account:x:$libvirt_id:" >> "$own/group"
    fi
}

libvirt_files() {
    mkdir "$dir/libvirt" "$dir/libvirt"/{etc,run,lib,log,cache}
    libvirt_accounts
    # Files of a VM are readable for QEMU as they are: nothing changes hands.
    # The instance's hugepages are for pools.
    cat > "$dir/libvirt/etc/qemu.conf" << END
user = "+$(libvirt_uid)"
group = "+$(libvirt_gid)"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = [ ]
hugetlbfs_mount = [ ]
END
}

# Starts it for the instance, which runs.  Its network is the switch's, so
# that it changes none of the host's.
libvirt_start() {
    local guard
    libvirt_files
    nsenter --net="/run/netns/$netns" setsid "$share/libvirt-guard" \
        "$dir/libvirt" "$chain_dir" < /dev/null \
        > "$dir/libvirtd.log" 2>&1 &
    # It is the same process from nsenter to the script.
    guard=$!
    instance_owns_process "$guard"
    wait_for 10 runs "$guard" libvirt-guard || return 1
    wait_for 30 libvirt_settled "$guard"
    libvirt_answers && return 0
    grep -v ' info : ' "$dir/libvirtd.log" | tail -n 3 >&2
    return 1
}

libvirt_runs() {
    [ -e "$dir/libvirt" ] && libvirt_answers
}
