# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A private instance of the switch: its own network namespace, run directory,
# database and hugetlbfs mount, apart from any Open vSwitch of the host.
#
#   /run/ovs-chain/NAME/            run directory: sockets, database, logs
#   /run/ovs-chain/NAME/huge/       hugetlbfs, for pools
#   /run/ovs-chain/NAME/state       what to undo, "key=value" lines
#   /run/ovs-chain/NAME/sanitizer.* what sanitizers found, if there are any
#   /dev/shm/ovs-chain-NAME/        ring files (other_config:chain-dir)
#   ovs-chain-NAME                  network namespace

# shellcheck source=hugepages.sh
. "${share:?}/hugepages.sh"

instances=/run/ovs-chain

# Sets the variables that the functions below work on.
instance_context() {
    name=$1 instance_prefix=$2
    [[ $name =~ ^[A-Za-z0-9_-]{1,31}$ ]] ||
        die "'$name' is no name of an instance: use 1 to 31 of A-Za-z0-9_-"
    dir=$instances/$name
    huge_dir=$dir/huge
    chain_dir=/dev/shm/ovs-chain-$name
    netns=ovs-chain-$name
    if [ -e "$dir/state" ]; then
        instance_prefix=$(instance_recall prefix)
    fi
}

instance_remember() {
    say "$1=$2" >> "$dir/state"
}

# Prints all values of a key, in the order in which they were remembered.
instance_recall() {
    sed -n "s/^$1=//p" "$dir/state" 2> /dev/null || :
}

# Remembers a process or a network namespace that is to end with the instance.
instance_owns_process() {
    instance_remember process "$1 $(start_time "$1")"
}

instance_owns_netns() {
    instance_remember netns "$1"
}

instance_list() {
    local one
    for one in "$instances"/*/; do
        [ ! -d "$one" ] || basename "$one"
    done
}

# For an error message: which instances there are.
instance_names() {
    local names
    names=$(instance_list | paste -sd ' ')
    [ -z "$names" ] || printf '; there is: %s' "$names"
}

# The pid in a pid file, if any.
instance_pid() {
    local pid
    { read -r pid < "$dir/$1.pid"; } 2> /dev/null || return 0
    say "$pid"
}

instance_runs() {
    runs "$(instance_pid ovs-vswitchd)" ovs-vswitchd
}

# Where virsh(1) finds the instance's own libvirtd: see libvirt.sh.
libvirt_uri() {
    say "qemu+unix:///system?socket=$dir/libvirt/run/libvirt-sock"
}

# Of a switch that was built with sanitizers: they write what they find, in it
# or in an NF, to files of their own, and so what aborts or traps; 2 is "and
# nobody else handles this signal".
instance_sanitizer_env() {
    local options="log_path=$dir/sanitizer:exitcode=99"
    local signals="handle_abort=2:handle_segv=2:handle_sigill=2"
    local suppressions="$instance_prefix/lsan.supp:print_suppressions=0"
    quoted export "ASAN_OPTIONS=$options:$signals"
    quoted export "UBSAN_OPTIONS=$options:print_stacktrace=1"
    quoted export "LSAN_OPTIONS=suppressions=$suppressions"
}

instance_env() {
    quoted export "OVS_RUNDIR=$dir"
    quoted export "OVS_LOGDIR=$dir"
    quoted export "OVS_DBDIR=$dir"
    quoted export "OVS_PKGDATADIR=$(instance_tools)/share/openvswitch"
    quoted export "OVS_CHAIN_DIR=$chain_dir"
    quoted export "OVS_CHAIN_HUGE=$huge_dir"
    quoted export "OVS_CHAIN_NETNS=$netns"
    if [ -e "$dir/libvirt" ]; then
        quoted export "LIBVIRT_DEFAULT_URI=$(libvirt_uri)"
    fi
    if [ -e "$instance_prefix/lsan.supp" ]; then
        instance_sanitizer_env
    fi
    say "export PATH=${instance_prefix@Q}/bin:${instance_prefix@Q}/sbin:\$PATH"
}

# The CPU on which the switch polls: the last of the first NUMA node.
instance_pmd_cpu() {
    local cpus
    cpus=$(cat /sys/devices/system/node/node0/cpulist 2> /dev/null) ||
        cpus=$(cat /sys/devices/system/cpu/online)
    say "${cpus##*[,-]}"
}

# The switch of 'instance_prefix': the one that is beside the distribution's,
# if there is one.
instance_switch_program() {
    local beside=$instance_prefix/lib/openvswitch-switch-chain/ovs-vswitchd
    [ -x "$beside" ] || beside=$instance_prefix/sbin/ovs-vswitchd
    say "$beside"
}

# Where its tools and its schema are.
instance_tools() {
    if [ -x "$instance_prefix/lib/openvswitch-switch-chain/ovs-vswitchd" ]
    then
        say /usr
    else
        say "$instance_prefix"
    fi
}

# What is missing is built or, in the distribution's place, installed.
instance_files() {
    local file program tools how='build it first'
    tools=$(instance_tools)
    program=$(instance_switch_program)
    [ "$instance_prefix" != /usr ] || how='install openvswitch-switch-chain'
    for file in "$program" "$tools/sbin/ovsdb-server" "$tools/bin/ovs-vsctl" \
                "$tools/share/openvswitch/vswitch.ovsschema"; do
        [ -e "$file" ] || die "$file is missing: $how"
    done
    # Of another prefix, one that knows nothing of chains may be meant.
    [ "$instance_prefix" != "${prefix:?}" ] ||
        grep -q chain/show "$program" ||
        die "$program knows no chains: $how"
}

# Hugepages for the switch's own memory ('memory' MiB) and for pools
# ('pools' MiB, set aside for this mount alone).
instance_hugepages() {
    local memory=$1 pools=$2 missing
    missing=$(hugepages_missing $((memory + pools)))
    instance_remember hugepages 0
    if ((missing > 0)); then
        say "Reserving $missing more hugepages of 2 MiB."
        instance_remember hugepages "$missing"
        hugepages_add "$missing" || {
            instance_remember hugepages 0
            return 1
        }
    fi
    say "Mounting $huge_dir (hugetlbfs, $pools MiB set aside)."
    mkdir "$huge_dir"
    mount -t hugetlbfs -o "pagesize=2M,min_size=${pools}M" \
        "ovs-chain-$name" "$huge_dir"
}

instance_namespace() {
    say "Adding the network namespace $netns and $chain_dir."
    ip netns add "$netns"
    ip -n "$netns" link set lo up
    # The kernel shall send nothing of its own through the switch's ports.
    ip netns exec "$netns" sysctl -qew net.ipv6.conf.all.disable_ipv6=1 \
        net.ipv6.conf.default.disable_ipv6=1
    mkdir -m 755 "$chain_dir"
}

instance_database() {
    ovsdb-tool create "$dir/conf.db" "$OVS_PKGDATADIR/vswitch.ovsschema"
    ovsdb-server "$dir/conf.db" --remote="punix:$dir/db.sock" \
        --pidfile --log-file --detach --no-chdir 2>> "$dir/stderr.log"
    ovs-vsctl --no-wait init
}

instance_switch() {
    local memory=$1 cpu
    cpu=$(instance_pmd_cpu)
    ovs-vsctl --no-wait set Open_vSwitch . \
        other_config:dpdk-init=true \
        other_config:dpdk-extra="--no-pci --no-telemetry" \
        other_config:dpdk-socket-mem="$memory" \
        other_config:dpdk-socket-limit="$memory" \
        other_config:pmd-cpu-mask="$(printf '0x%x' $((1 << cpu)))" \
        other_config:chain-dir="$chain_dir"
    # RUNTIME_DIRECTORY: DPDK's own files go there, not to /run/dpdk.
    RUNTIME_DIRECTORY=$dir \
        ip netns exec "$netns" "$(instance_switch_program)" \
        "unix:$dir/db.sock" --pidfile --log-file --detach --no-chdir \
        2>> "$dir/stderr.log"
    [ "$(ovs-vsctl get Open_vSwitch . dpdk_initialized)" = true ]
}

# The steps of a start, under a lock on the host's count of hugepages, and in
# a subshell of their own so that a failure of any is the failure of all.
instance_steps() (
    set -e
    exec 8< "$hugepages_sysfs/nr_hugepages"
    flock 8
    instance_hugepages "$@"
    instance_namespace
    # The daemons must not keep the lock.
    eval "$(instance_env)"
    instance_database 8>&-
    instance_switch "$1" 8>&-
)

instance_start() {
    local failed=
    instance_files
    hugepages_check
    if [ -e "$dir" ]; then
        instance_runs && die "'$name' runs already; stop it with:" \
            "$(quoted "$0") stop --name $name"
        say "Clearing away what an earlier '$name' left."
        instance_stop
    fi
    mkdir -p "$dir"
    instance_remember prefix "$instance_prefix"
    trap 'instance_stop; exit 1' INT TERM HUP
    # Not "if ! ...": that would switch off 'set -e' inside.
    set +e
    instance_steps "$@"
    failed=$?
    set -e
    trap - INT TERM HUP
    [ "$failed" -eq 0 ] && return 0
    tail -n 3 "$dir/stderr.log" "$dir/ovs-vswitchd.log" >&2 2> /dev/null || :
    instance_stop
    die "could not start '$name'"
}

instance_unmount() {
    mountpoint -q "$huge_dir" || return 0
    # libvirt makes a directory of its own in every hugetlbfs.
    rm -rf "${huge_dir:?}"/*
    umount "$huge_dir" 2> /dev/null || umount -l "$huge_dir"
}

instance_end_owned() {
    local pid time owned
    while read -r pid time; do
        end_process 5 lives "$pid" "$time"
    done < <(instance_recall process)
    for owned in $(instance_recall netns); do
        [ ! -e "/run/netns/$owned" ] || ip netns del "$owned"
    done
}

# Undoes a start, a half one too; each step only if there is something to do.
instance_stop() {
    local hugepages daemon
    instance_end_owned
    for daemon in ovs-vswitchd ovsdb-server; do
        end_process 10 runs "$(instance_pid $daemon)" $daemon
    done
    if [ -e "/run/netns/$netns" ]; then
        ip netns del "$netns"
    fi
    instance_unmount
    rm -rf "$chain_dir"
    hugepages=$(instance_recall hugepages | tail -n 1)
    if [ "${hugepages:-0}" -gt 0 ]; then
        hugepages_remove "$hugepages"
        say "Gave $hugepages hugepages back."
    fi
    rm -rf "$dir"
    rmdir --ignore-fail-on-non-empty "$instances"
    say "Stopped '$name'."
}

instance_status() {
    if instance_runs; then
        say "$name: runs, ovs-vswitchd is pid $(instance_pid ovs-vswitchd)"
    else
        say "$name: does not run"
    fi
    say "  run directory       $dir"
    say "  ring files          $chain_dir"
    say "  pool files          $huge_dir"
    say "  network namespace   $netns"
    say "  switch              $instance_prefix"
    say "  hugepages added     $(instance_recall hugepages | tail -n 1)"
}
