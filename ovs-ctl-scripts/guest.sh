# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# VMs that are booted from the guest image: where it is, the settings of one
# VM, and QEMU's arguments.  The image itself is the work of the script
# 'image'; guest-init, in the guest, reads the settings.

# shellcheck source=common.sh
. "${share:?}/common.sh"

# How the kernel is started: quietly, and a panic ends the VM.  Without tests
# of its ciphers, which nobody uses here, an emulated processor boots 0.2 s
# sooner.
# shellcheck disable=SC2034
guest_cmdline='console=ttyS0 quiet panic=-1 cryptomgr.notests'

# Prints the folder of the image.
guest_image() {
    local folder folders=("${prefix:-}/../image" "$share/../build/image"
                          /var/lib/ovs-chain/image)
    [ -z "${OVS_CHAIN_IMAGE-}" ] || folders=("$OVS_CHAIN_IMAGE")
    for folder in "${folders[@]}"; do
        if [ -e "$folder/vmlinux" ] && [ -e "$folder/initrd.img" ]; then
            readlink -f "$folder"
            return
        fi
    done
    die "there is no guest image in ${folders[*]}: './bootstrap image'" \
        "builds it; OVS_CHAIN_IMAGE may tell its folder"
}

# The programs of an image that a guest can run as its NF.
guest_nfs() {
    cpio -it --quiet < "$1" 2> /dev/null | sed -n 's|^bin/\(nf-[^/]*\)$|\1|p' |
        grep -vx nf-run | paste -sd ' '
}

guest_check_address() {
    [[ $1 =~ ^(-|[0-9.]+/[0-9]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/[0-9]+)$ ]] ||
        die "'$1' is no ADDRESS/LENGTH such as 192.0.2.1/24"
}

# guest_copy FILE FOLDER: a file for the NF's working directory.
guest_copy() {
    local name=${1##*/}
    [ -f "$1" ] || die "there is no file '$1'"
    [ -r "$1" ] || die "cannot read the file '$1'"
    [ ! -e "$2/$name" ] || die "two files called '$name' for one VM"
    install -m "$([ -x "$1" ] && echo 755 || echo 644)" "$1" "$2/$name"
}

# guest_command BASE FOLDER NF ARG...: prints the NF and its arguments, one a
# line.  An NF with a '/' is a file of the host.
guest_command() {
    local base=$1 folder=$2 nf=$3 nfs word
    shift 3
    if [[ $nf == */* ]]; then
        guest_copy "$nf" "$folder"
        [ -x "$nf" ] || die "'$nf' is no program"
        nf=./${nf##*/}
    else
        nfs=$(guest_nfs "$base")
        [[ " $nfs " == *" $nf "* ]] || die "the image has no '$nf' but $nfs;" \
            "a program of your own is named by its path, with a '/'"
    fi
    for word in "$nf" "$@"; do
        [[ $word != *$'\n'* ]] || die "a newline in an argument of $nf"
        say "$word"
    done
}

# guest_initrd OUT BASE [--address ADDR/LEN]... [--copy FILE]... NF [ARG]...
#
# Writes to OUT the initial file system BASE and the settings of one VM: the
# NF that it runs, the addresses of eth0, eth1 and so on ("-" for none), and
# files for the NF's working directory.
guest_initrd() (
    set -e
    out=$1 base=$2
    shift 2
    work=$(mktemp -d "$out.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    etc=$work/root/etc/nf
    umask 022
    mkdir -p "$etc/files"
    while [ $# -gt 0 ]; do
        case $1 in
        --address) guest_check_address "$2"; say "$2" >> "$etc/addresses" ;;
        --copy) guest_copy "$2" "$etc/files" ;;
        --*) die "guest_initrd takes no $1" ;;
        *) break ;;
        esac
        shift 2
    done
    guest_command "$base" "$etc/files" "$@" > "$etc/command"
    find "$work/root" -exec touch -d @0 {} +
    (cd "$work/root" && find etc | LC_ALL=C sort |
        cpio --quiet --reproducible --owner=0:0 -o -H newc) > "$work/overlay"
    cat "$base" "$work/overlay" > "$work/out"
    mv "$work/out" "$out"
)

# Whether QEMU can start a VM with KVM and the host's processor here.  Only a
# try tells: /dev/kvm may exist, even make VMs, and QEMU still fail on it.
guest_has_kvm() (
    [ -w /dev/kvm ] || return 1
    ulimit -c 0
    qemu-system-x86_64 -nodefaults -no-user-config -display none -S \
        -machine q35 -m 16 -accel kvm -cpu host -smp 1 -monitor stdio \
        <<< quit > /dev/null 2>&1
) 2> /dev/null

# Prints what guest-ports.py says of ports of the switch.
guest_ports() {
    local output
    # Both what it prints and why it failed are one variable: it does either.
    output=$(python3 -B "$share/guest-ports.py" "$@" 2>&1) ||
        die "$(tail -n 1 <<< "$output")"
    say "$output"
}

# A value as it is written in an option of QEMU.
guest_value() {
    say "${1//,/,,}"
}

# guest_shmem ID FILE BYTES [,OPTION]: a device whose memory is a file.
guest_shmem() {
    guest_args+=(
        -object "memory-backend-file,id=$1,mem-path=$(guest_value "$2"),\
size=$3,share=on${4-}"
        -device "ivshmem-plain,memdev=$1"
    )
}

# guest_nic ID MAC SOCKET KVM: a NIC whose socket QEMU makes; the switch
# connects to it.  QEMU 7.2 crashes if it emulates both processor and MSI-X.
guest_nic() {
    guest_args+=(
        -chardev "socket,id=vhost-$1,path=$(guest_value "$3"),\
server=on,wait=off"
        -netdev "vhost-user,id=$1,chardev=vhost-$1"
    )
    if [ -n "$4" ]; then
        guest_args+=(-device "virtio-net-pci,netdev=$1,mac=$2")
    else
        guest_args+=(-device "virtio-net-pci,netdev=$1,mac=$2,vectors=0")
    fi
}

# guest_qemu_args KVM PORT...: sets the array 'guest_args' to the arguments
# that give QEMU the devices of these ports: for each a NIC and its ring, in
# this order, and the pools that they have, once each.  KVM is empty if the
# processor is emulated.
guest_qemu_args() {
    local kvm=$1 facts access mac socket ring ring_size
    local pool pool_size n=0
    local -A size=() readonly=()
    shift
    facts=$(guest_ports "$@") || exit 1
    guest_args=()
    while IFS=$'\t' read -r access mac socket ring ring_size \
                            pool pool_size; do
        guest_nic "net$n" "$mac" "$socket" "$kvm"
        guest_shmem "ring$n" "$ring" "$ring_size"
        size[$pool]=$pool_size
        [ "${readonly[$pool]-ro}" = rw ] || readonly[$pool]=$access
        n=$((n + 1))
    done <<< "$facts"
    n=0
    for pool in "${!size[@]}"; do
        [ "${readonly[$pool]}" = rw ] && access='' || access=,readonly=on
        guest_shmem "pool$n" "$pool" "${size[$pool]}" "$access"
        n=$((n + 1))
    done
}
