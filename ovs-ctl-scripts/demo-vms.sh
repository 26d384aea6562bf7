# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What "demo --vms" does otherwise: the network functions are in three VMs, of
# which one sees the pool read-only.  Sourced by the demo.

# shellcheck source=libvirt.sh
. "${share:?}/libvirt.sh"

# An emulated processor that shares a core with others takes its time.
vm_seconds=300

# Before anything is changed.
check_vms() (
    libvirt_check
    # shellcheck source=/dev/null
    . "$share/guest.sh"
    guest_image > /dev/null
)

# wait_dotted SECONDS COMMAND...: wait_for, with a dot every two seconds.
wait_dotted() {
    local deadline=$((SECONDS + $1))
    shift
    until wait_for 2 "$@"; do
        printf .
        ((SECONDS < deadline)) || { say; return 1; }
    done
    say
}

# Whether all is well, or nothing will get better.
vms_settled() {
    attached fw ids fwd || [ "$(virsh -q list --name | grep -c .)" -lt 3 ]
}

# define_vm [OPTION]... NAME PORT NF [ARGUMENT]...
define_vm() {
    local cpus
    # Emulated processors are no company for the switch's polling.
    cpus=$(other_cpus)
    cmd ovs-chain vm define --name "$name" ${cpus:+--cpus "$cpus"} "$@" |
        sed '/^Defined/d'
}

start_vms() {
    local vm
    say "+ export LIBVIRT_DEFAULT_URI='$(libvirt_uri)'"
    LIBVIRT_DEFAULT_URI=$(libvirt_uri)
    export LIBVIRT_DEFAULT_URI
    define_vm --copy "$share/demo.rules" fw fw nf-firewall --rules demo.rules
    define_vm ids ids nf-monitor --read-only
    define_vm fwd fwd nf-forward
    for vm in fw ids fwd; do
        cmd_quiet virsh start "$vm"
    done
    printf 'Waiting for the VMs to boot and attach '
    wait_dotted "$vm_seconds" vms_settled || :
    ! attached fw ids fwd || return 0
    for vm in fw ids fwd; do
        sed "s/^/$vm: /" "$dir/vm/$vm.console" >&2
    done
    die "a VM did not attach, or ended"
}

say_vms() {
    cat << END
  export LIBVIRT_DEFAULT_URI='$(libvirt_uri)'
  virsh list
The consoles of the VMs are $dir/vm/*.console
END
}
