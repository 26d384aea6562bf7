# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The verbs of the system tests with VMs, real ones: the guest image under
# QEMU, as "ovs-chain vm run" boots it.  Sourced in place of lib.sh.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# An emulated processor that shares a core with others takes its time.
patience=180

# shellcheck source=vm-run.sh
. "$share/vm-run.sh"

declare -A vm_pid mac

# vm_port NAME [SETTING]...: a chain port with a socket for a VM.
vm_port() {
    mkdir -p "$dir/vhost"
    chain_port "$1" options:vhost-server-path="$dir/vhost/$1.sock" "${@:2}"
}

# plain_port NAME: a vhost-user port as in any Open vSwitch.
plain_port() {
    mkdir -p "$dir/vhost"
    cmd ovs-vsctl add-port br0 "$1" -- set Interface "$1" \
        type=dpdkvhostuserclient \
        options:vhost-server-path="$dir/vhost/$1.sock"
}

# boot VM PORT[,PORT] [OPTION]... NF [ARGUMENT]...: boots a VM with an NF, and
# returns before it is up.  Options are those of "ovs-chain vm run".
boot() {
    local vm=$1 names=$2 options=()
    shift 2
    while [[ $1 == --* ]]; do
        options+=("$1" "$2")
        shift 2
    done
    rm -f "$dir/$vm.shell" "$dir/$vm.qmp"
    background "$vm" "$prefix/sbin/ovs-chain" vm run --name "$name" \
        --qemu "-chardev \
socket,id=shell,path=$dir/$vm.shell,server=on,wait=off -serial chardev:shell \
-qmp unix:$dir/$vm.qmp,server=on,wait=off" \
        ${options[@]+"${options[@]}"} "$names" "$@"
    vm_pid[$vm]=$background_pid
}

# boot_plain VM PORT...: boots a VM that knows nothing of chains: no NF and no
# shared memory, only NICs on these vhost-user ports, of which the array 'mac'
# has the addresses.
boot_plain() {
    local vm=$1 port kvm='' n=0 image cmdline=$guest_cmdline
    local machine=() guest_args=()
    shift
    image=$(guest_image)
    ! guest_has_kvm || kvm=yes
    vm_run_machine "$kvm" 128
    for port; do
        guest_nic "net$n" "${mac[$port]}" "$dir/vhost/$port.sock" "$kvm"
        n=$((n + 1))
    done
    printf '%s\n' '#!/bin/sh' 'exec sleep 99999' > "$scratch/nothing"
    chmod +x "$scratch/nothing"
    guest_initrd "$scratch/$vm.initrd" "$image/initrd.img" "$scratch/nothing"
    background "$vm" qemu-system-x86_64 "${machine[@]}" \
        -kernel "$image/vmlinux" -initrd "$scratch/$vm.initrd" \
        -append "$cmdline" -serial stdio "${guest_args[@]}" \
        -chardev "socket,id=shell,path=$dir/$vm.shell,server=on,wait=off" \
        -serial chardev:shell
    vm_pid[$vm]=$background_pid
}

# in_vm VM COMMAND: runs a shell command in a guest that is up.
in_vm() {
    python3 "$here/guest.py" run "$dir/$1.shell" "$patience" "$2"
}

# Gives a VM's QEMU one command: stop, cont, system_reset, ...
qmp() {
    python3 "$here/guest.py" qmp "$dir/$1.qmp" "$2" > /dev/null
}

# Whether a guest's own network is up, which comes after its NF.
vm_is_up() {
    grep -q '^guest: up after' "$dir/$1.log"
}

# Waits for guests.
all_up() {
    local vm
    for vm; do
        soon "the guest $vm is up" vm_is_up "$vm"
    done
}

# Waits for VMs and for their NFs, on the ports of the same names.
all_attached() {
    soon "NFs are attached: $*" attached "$@"
    all_up "$@"
}

# Ends the NF of a VM, which goes on, and waits for it.
end_guest_nf() {
    ok "the NF of $1 ends" in_vm "$1" "nf=\$(cat /run/nf.pid); kill \$nf;
        while [ -e /proc/\$nf ]; do sleep 0.1; done"
}

# guest_nf VM NF [ARGUMENT]...: starts an NF in a VM where none is.
guest_nf() {
    ok "$2 starts in $1" in_vm "$1" \
        "printf '%s\\n' ${*:2} > /etc/nf/command; nf-run"
}

# A 32-bit word of the ring file of a port.
ring_word() {
    od -A n -t u4 -j "$2" -N 4 "$(ring "$1")" | tr -d ' '
}

# Whether the NF of a port sleeps.  Its 'need_wakeup', which is 0 while it is
# awake and counts its sleeps, is then in 'sleep_number'.
sleeps() {
    sleep_number=$(ring_word "$1" $((4096 + 128)))
    [ "$sleep_number" -gt 0 ]
}

# How often the NF of a port has gone to sleep.
n_sleeps() {
    wait_for "$patience" sleeps "$1" || fail "the NF of $1 does not sleep"
    say "$sleep_number"
}

now_ms() {
    say $((${EPOCHREALTIME/./} / 1000))
}

# Milliseconds of processor time that a process has taken.
cpu_ms() {
    local fields
    fields=$(< "/proc/$1/stat")
    read -ra fields <<< "${fields##*) }"
    say $(((fields[11] + fields[12]) * 1000 / $(getconf CLK_TCK)))
}

# end_vm VM [SIGNAL]
end_vm() {
    kill "-${2:-TERM}" "${vm_pid[$1]}"
    wait "${vm_pid[$1]}" || :
}

# end_nf_in VM [SIGNAL]: ends the NF in a guest.
end_nf_in() {
    in_vm "$1" "kill -${2:-TERM} \$(cat /run/nf.pid)"
}

# start_nf_in VM NF [ARGUMENT]...: starts another one, a file that the VM was
# given.
start_nf_in() {
    in_vm "$1" "/etc/nf/files/$(quoted "${@:2}") > /dev/console & \
echo \$! > /run/nf.pid"
}
