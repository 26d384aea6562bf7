# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# "ovs-chain vm-xml" and "ovs-chain vm": chain ports for VMs; ovs-chain-vm(8).

# shellcheck source=libvirt.sh
. "${share:?}/libvirt.sh"
# shellcheck source=vm-run.sh
. "${share:?}/vm-run.sh"

# The verbs after "vm" whose words are sorted by a table; the others sort their
# own, because what comes after the network function is its.
vm_verbs=(
    "attach vm_attach [--name NAME] [--connect URI] [--live] [--config] \
DOMAIN PORT..."
    "       give a libvirt domain the devices of ports"
    "detach vm_detach [--name NAME] [--connect URI] [--live] [--config] \
DOMAIN PORT..."
    "       take them away again"
)

opt_connect='' opt_live='' opt_config='' opt_tcg='' opt_mac=''

vm_define_usage="usage: ovs-chain vm define [--name INSTANCE] [--connect URI]
    [--memory MIB] [--cpus LIST] [--address ADDRESS/LENGTH]...
    [--copy FILE]... DOMAIN PORT[,PORT]... NF [ARGUMENT]..."

vm_help() {
    local verb verbs_prefix=vm
    printf '%s\n' "Usage: ${0##*/} vm VERB [OPTION]..." \
        "  run: ${vm_run_usage#usage: }" \
        "      boot a VM with a network function in the foreground" \
        "  define: ${vm_define_usage#usage: }" \
        "      define a libvirt domain for such a VM"
    for verb in $(verbs_names); do
        verb_usage "$verb" | sed "1s/^/$verb: /; s/^/  /"
    done
}

vm_main() {
    case ${1-} in
    run) shift; vm_run "$@" ;;
    define) shift; vm_define "$@" ;;
    '') vm_help >&2; exit 1 ;;
    help | -h | --help) verbs=("${vm_verbs[@]}"); vm_help ;;
    attach | detach)
        verbs=("${vm_verbs[@]}") verbs_prefix=vm
        verbs_run "$@" ;;
    *) die "vm has no verb '$1'; see '${0##*/} vm help'" ;;
    esac
}

# Which libvirt: sets 'uri', and 'shm' to what it takes for /dev/shm.
vm_libvirt() {
    local own
    uri=${opt_connect:-${LIBVIRT_DEFAULT_URI:-qemu:///system}}
    if [ -z "$opt_connect" ] && [ -n "$opt_name" ] && libvirt_runs; then
        uri=$(libvirt_uri)
    fi
    shm=/dev/shm
    own=${uri#*"socket=$instances/"}
    [ "$own" = "$uri" ] || shm=/dev/shm/ovs-chain-${own%%/*}
}

vm_virsh() {
    LC_ALL=C virsh -q -c "$uri" "$@"
}

vm_need_libvirt() {
    local why
    command -v virsh > /dev/null ||
        die "virsh is missing: install libvirt-clients"
    why=$(vm_virsh uri 2>&1) || die "cannot reach libvirt at $uri:" \
        "${why##*error: }; does libvirtd run?"
}

# Makes 'scratch', a directory that goes when the script ends.
vm_scratch() {
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf ${scratch@Q}" EXIT
}

# python FILE ARGUMENT...: one of the programs here.  The last line that it
# writes to stderr is why the script ends, unless its status is 3.
vm_python() {
    local status=0
    python3 -B "$share/$1" "${@:2}" 2> "$scratch/why" || status=$?
    case $status in
    0 | 3) return "$status" ;;
    *) die "$(tail -n 1 "$scratch/why")" ;;
    esac
}

# Splits words at commas into 'ports' and collects the facts of these.
vm_ports() {
    local IFS=,
    # shellcheck disable=SC2206
    ports=($*)
    unset IFS
    [ ${#ports[@]} -gt 0 ] || die "which port?"
    # Not in a condition: this must be able to end the script.
    vm_python facts.py --shm "$shm" -- "${ports[@]}" > "$scratch/facts"
}

vm_xml() {
    local ports scratch uri shm
    use_instance
    vm_scratch
    vm_libvirt
    vm_ports "$@"
    if [ -n "$opt_mac" ]; then
        [[ $opt_mac =~ ^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$ ]] ||
            die "--mac takes an address such as 52:54:00:12:34:56," \
                "not '$opt_mac'"
        [ ${#ports[@]} -eq 1 ] || die "--mac goes with one port"
    fi
    vm_python domain.py xml --facts "$scratch/facts" ${opt_tcg:+--tcg} \
        ${opt_mac:+--mac "$opt_mac"} -- "${ports[@]}"
}

# Checks that 'domain' is there and stays, and sets 'running'.
vm_domain() {
    local names
    if ! vm_virsh domuuid "$domain" > /dev/null 2>&1; then
        names=$(vm_virsh list --all --name | paste -sd ' ')
        die "libvirt at $uri has no domain '$domain'; it has: ${names:-none}"
    fi
    vm_virsh dominfo "$domain" | grep '^Persistent: *yes' > /dev/null ||
        die "domain '$domain' is transient; make it persistent with" \
            "'virsh dumpxml $domain > FILE' and 'virsh define FILE'"
    running=
    [ "$(vm_virsh domid "$domain")" = - ] || running=yes
    [ -z "$opt_live" ] || [ -n "$running" ] ||
        die "domain '$domain' does not run, so --live makes no sense"
}

# Finds out which devices of a running domain are to change, into files of
# 'scratch/live'; sets 'waits' to why it cannot be, if so.
vm_plan_live() {
    local status=0
    waits=
    mkdir "$scratch/live"
    [ -n "$running" ] && [ -z "$opt_config" ] || return 0
    vm_virsh dumpxml "$domain" > "$scratch/active.xml"
    vm_python domain.py "live-$1" --facts "$scratch/facts" \
        --out "$scratch/live" -- "${ports[@]}" \
        < "$scratch/active.xml" > "$scratch/waits" || status=$?
    [ "$status" -eq 0 ] || waits=$(< "$scratch/waits")
    [ -z "$waits" ] || [ -z "$opt_live" ] ||
        die "domain '$domain' cannot be changed while it runs: $waits"
}

# Changes the definition, and prints what of it.
vm_change_config() {
    local why
    # Without the secrets in it, they would be lost.
    vm_virsh dumpxml --inactive --security-info "$domain" \
        > "$scratch/old.xml"
    vm_python domain.py "$1" --facts "$scratch/facts" \
        --changes "$scratch/changes" -- "${ports[@]}" \
        < "$scratch/old.xml" > "$scratch/new.xml"
    if [ ! -s "$scratch/changes" ]; then
        say "Nothing to change in the definition of $domain."
        return
    fi
    say "Definition of $domain:"
    sed 's/^/  /' "$scratch/changes"
    why=$(vm_virsh define "$scratch/new.xml" 2>&1) ||
        die "libvirt refused the definition: ${why##*error: }"
}

vm_change_live() {
    local device why name
    if [ -n "$running" ] && { [ -n "$waits" ] || [ -n "$opt_config" ]; }; then
        say "Takes effect when $domain starts next${waits:+: $waits}."
        return
    fi
    for device in "$scratch"/live/*.xml; do
        [ -e "$device" ] || continue
        name=$(sed -n 's/.*<alias name="\([^"]*\)".*/\1/p' "$device")
        why=$(vm_virsh "$1-device" "$domain" "$device" --live 2>&1) ||
            die "libvirt could not $1 $name while $domain runs:" \
                "${why##*error: }; it takes effect when $domain starts next"
        if [ "$1" = detach ] && vm_has_device "$name"; then
            say "Running $domain: asked for $name; the guest still has it"
        else
            say "Running $domain: $1ed $name"
        fi
    done
}

# Whether the running domain has the device of an alias.
vm_has_device() {
    vm_virsh dumpxml "$domain" | grep -F "<alias name='$1'/>" > /dev/null
}

# Says what keeps QEMU from the files, and which NUMA nodes do not match.
vm_check_placement() {
    local repair=
    [ "$(id -u)" -ne 0 ] || repair=--repair
    vm_virsh capabilities > "$scratch/capabilities.xml"
    vm_virsh dumpxml --inactive "$domain" > "$scratch/new.xml"
    vm_python placement.py --facts "$scratch/facts" $repair \
        --capabilities "$scratch/capabilities.xml" \
        --domain "$scratch/new.xml" -- "${ports[@]}"
}

# vm_change attach|detach DOMAIN PORT...
vm_change() {
    local verb=$1 domain=$2 ports scratch uri shm running waits
    [ -z "$opt_live" ] || [ -z "$opt_config" ] ||
        die "--live and --config exclude each other"
    use_instance
    vm_scratch
    vm_libvirt
    vm_need_libvirt
    vm_domain
    if [ "$verb" = attach ]; then
        vm_ports "${@:3}"
    else
        vm_ports_gone "${@:3}"
    fi
    vm_plan_live "$verb"
    vm_change_config "$verb"
    [ "$verb" != attach ] || vm_check_placement
    vm_change_live "$verb"
}

# The same as vm_ports, of ports that may have been deleted.
vm_ports_gone() {
    local IFS=,
    # shellcheck disable=SC2206
    ports=($*)
    unset IFS
    vm_python facts.py --shm "$shm" > "$scratch/facts"
}

vm_attach() {
    vm_change attach "$@"
}

vm_detach() {
    vm_change detach "$@"
}

# Sorts the words of "vm define" into options, 'settings' and 'rest'.
vm_define_parse() {
    while [ $# -gt 0 ]; do
        case $1 in
        --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
        -h | --help) say "$vm_define_usage"; exit ;;
        --name | --connect | --memory | --cpus | --address | --copy)
            [ $# -gt 1 ] || die "vm define: $1 needs a value" ;;
        -*) die "vm define takes no $1"$'\n'"$vm_define_usage" ;;
        *) break ;;
        esac
        case $1 in
        --name) opt_name=$2 ;;
        --connect) opt_connect=$2 ;;
        --memory) memory=$2 ;;
        --cpus) cpus=$2 ;;
        *) settings+=("$1" "$2") ;;
        esac
        shift 2
    done
    rest=("$@")
    [ $# -ge 3 ] ||
        die "vm define: something is missing"$'\n'"$vm_define_usage"
    [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$ ]] ||
        die "'$1' is no name of a domain: use A-Za-z0-9_.-"
}

# Puts the kernel, and the initial file system of one VM, where QEMU may read
# them, into 'files'.
vm_define_files() {
    local image
    image=$(guest_image)
    files=/var/lib/ovs-chain/vm
    [ "$shm" = /dev/shm ] || files=$instances/${shm#/dev/shm/ovs-chain-}/vm
    install -d -m 755 "$files"
    cmp -s "$image/vmlinux" "$files/vmlinux" ||
        install -m 644 "$image/vmlinux" "$files/vmlinux"
    guest_initrd "$files/$domain.initrd" "$image/initrd.img" \
        ${settings[@]+"${settings[@]}"} "${rest[@]:2}"
    chmod 644 "$files/$domain.initrd"
}

# Not the host's but this libvirt's word on KVM counts.
vm_has_kvm() {
    guest_has_kvm && vm_virsh domcapabilities --virttype kvm > /dev/null 2>&1
}

vm_define() {
    local memory=128 cpus='' domain files ports scratch uri shm why tcg=--tcg
    local settings=() rest=()
    vm_define_parse "$@"
    vm_check_memory define "$memory"
    need_root vm define
    use_instance
    vm_scratch
    vm_libvirt
    vm_need_libvirt
    domain=${rest[0]}
    vm_ports "${rest[1]}"
    ! vm_virsh domuuid "$domain" > /dev/null 2>&1 ||
        die "there is a domain '$domain' already; 'virsh undefine $domain'"
    vm_define_files
    ! vm_has_kvm || tcg=
    vm_python domain.py new --facts "$scratch/facts" $tcg --name "$domain" \
        --memory "$memory" --kernel "$files/vmlinux" \
        --initrd "$files/$domain.initrd" --cmdline "${guest_cmdline:?}" \
        --console "$files/$domain.console" ${cpus:+--cpus "$cpus"} \
        -- "${ports[@]}" \
        > "$scratch/new.xml"
    why=$(vm_virsh define "$scratch/new.xml" 2>&1) ||
        die "libvirt refused the definition: ${why##*error: }"
    vm_check_placement
    say "Defined $domain; its console will be $files/$domain.console"
}
