# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# "ovs-chain vm run": boots a VM with a network function in the foreground.

# shellcheck source=guest.sh
. "${share:?}/guest.sh"

# vm_check_memory VERB MIB: ends the script if the guest's kernel and the image
# need more.
vm_check_memory() {
    local least=96
    if ! [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || (($2 < least)); then
        die "vm $1: --memory takes a number of MiB from $least on, not '$2'"
    fi
}

vm_run_usage="usage: ovs-chain vm run [--name INSTANCE] [--memory MIB]
    [--address ADDRESS/LENGTH]... [--copy FILE]... [--qemu 'ARGUMENT...']
    PORT[,PORT]... NF [ARGUMENT]..."

# Sorts the words of the command line into 'opt_name', 'memory', 'settings'
# for guest_initrd, 'more' for QEMU, and 'rest'.
# shellcheck disable=SC2034
vm_run_parse() {
    local words
    while [ $# -gt 0 ]; do
        case $1 in
        --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
        -h | --help) say "$vm_run_usage"; exit ;;
        --name | --memory | --address | --copy | --qemu)
            [ $# -gt 1 ] || die "vm run: $1 needs a value" ;;
        -*) die "vm run takes no $1"$'\n'"$vm_run_usage" ;;
        *) break ;;
        esac
        case $1 in
        --name) opt_name=$2 ;;
        --memory) memory=$2 ;;
        --address | --copy) settings+=("$1" "$2") ;;
        --qemu) read -ra words <<< "$2"; more+=("${words[@]}") ;;
        esac
        shift 2
    done
    rest=("$@")
    [ $# -ge 2 ] || die "vm run: something is missing"$'\n'"$vm_run_usage"
}

# Sets 'rights' to QEMU's arguments to open all files and then drop the rights
# of root for good: -run-with since QEMU 9.1, -runas before 10.0.
vm_run_rights() {
    rights=(-runas nobody)
    ! qemu-system-x86_64 -help | grep '^-run-with .*user=' > /dev/null ||
        rights=(-run-with 'user=nobody')
}

# Sets 'machine' to QEMU's arguments for the processor and the board, and
# 'cmdline' to the kernel's.
vm_run_machine() {
    local kvm=$1 memory=$2 rights
    vm_run_rights
    # shellcheck disable=SC2054
    machine=(
        "${rights[@]}"
        -sandbox on,obsolete=deny,spawn=deny,resourcecontrol=deny
        -nodefaults -no-user-config -display none -no-reboot
        -machine q35,memory-backend=memory -m "$memory"
        -object "memory-backend-memfd,id=memory,size=${memory}M,share=on"
    )
    if [ -n "$kvm" ]; then
        machine+=(-accel kvm -cpu host -smp 1)
    else
        # With one processor at most, QEMU would write to what it shares with
        # the switch in ways that are not atomic.  Nor does it speculate.
        machine+=(-accel 'tcg,thread=multi' -cpu Nehalem -smp '1,maxcpus=2')
        cmdline+=' mitigations=off'
    fi
}

# vm_run [OPTION]... PORT[,PORT]... NF [ARGUMENT]...
#
# Does not return: this process becomes QEMU, so that what ends it ends the
# VM.  The VM's console is its output.
vm_run() {
    local memory=128 kvm='' cmdline=$guest_cmdline image scratch ports
    local settings=() more=() rest=() machine=() guest_args=()
    vm_run_parse "$@"
    vm_check_memory run "$memory"
    need_root vm run
    command -v qemu-system-x86_64 > /dev/null ||
        die "qemu-system-x86_64 is missing: install qemu-system-x86"
    use_instance
    image=$(guest_image)
    ! guest_has_kvm || kvm=yes
    IFS=, read -ra ports <<< "${rest[0]}"
    guest_qemu_args "$kvm" "${ports[@]}"
    vm_run_machine "$kvm" "$memory"
    # QEMU reads the file when it starts; it has no name any more by then.
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf ${scratch@Q}" EXIT
    guest_initrd "$scratch/initrd" "$image/initrd.img" \
        ${settings[@]+"${settings[@]}"} "${rest[@]:1}"
    exec 9< "$scratch/initrd"
    rm -rf "$scratch"
    exec qemu-system-x86_64 "${machine[@]}" -kernel "$image/vmlinux" \
        -initrd /dev/fd/9 -append "$cmdline" -serial stdio \
        "${guest_args[@]}" "${more[@]}" < /dev/null
}
