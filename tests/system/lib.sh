# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The verbs of the system tests.  A test is a script that sources this, draws
# its topology at its head, and ends with 0 if it passes and 77 if it is
# skipped.  What it starts ends with it.  No test decides by how long something
# takes: what is to come true is waited for, up to 'patience' seconds.

set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
prefix=${OVS_CHAIN_PREFIX:?where the switch is installed}
tree=${OVS_CHAIN_TREE:?where the project was built}
share=$prefix/share/ovs-chain
patience=60

# shellcheck source=topology.sh
. "$share/topology.sh"

instance_context "t$$" "$prefix"
scratch=$(mktemp -d)
declare -A nf_pid

# For a test that failed: what the logs say.  They are kept as a whole, too.
post_mortem() {
    local log kept=${OVS_CHAIN_KEPT-}
    [ -z "$kept" ] || mkdir -p "$kept"
    for log in "$dir"/*.log "$dir"/log/*.log; do
        [ -s "$log" ] || continue
        say "== ${log##*/}"
        tail -n 20 "$log"
        [ -z "$kept" ] || cp "$log" "$kept"
    done
    say '== chain/show'
    ovs-appctl --timeout=10 chain/show || :
    say '== coverage/show'
    ovs-appctl --timeout=10 coverage/show | grep -E 'drop|error' || :
    say "== FAILED: $failure"
}

# Of a switch with sanitizers: ends it as a user would, so that leaks are found
# as well, prints what was found and fails if that is anything.
sanitized_end() {
    local pid
    [ -e "$prefix/lsan.supp" ] || return 0
    instance_end_owned
    pid=$(instance_pid ovs-vswitchd)
    timeout "$patience" ovs-appctl exit || :
    if ! wait_for "$patience" not runs "$pid" ovs-vswitchd; then
        failure='the switch does not exit'
        return 1
    fi
    cat "$dir"/sanitizer.* 2> /dev/null || return 0
    failure='a sanitizer found something: see above'
    return 1
}

clean_up() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ -e "$dir" ]; then
        sanitized_end || status=1
        case $status in 0 | 77) ;; *) post_mortem 2>&1 ;; esac
        instance_stop
    fi
    rm -rf "$scratch"
    exit "$status"
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

failure='a command failed'

fail() {
    failure=$*
    say "FAILED: $*"
    exit 1
}

skip() {
    say "skipped: $*"
    exit 77
}

# ok WHAT COMMAND...: COMMAND succeeds.
ok() {
    local what=$1
    shift
    "$@" || fail "$what: $(quoted "$@")"
    say "ok: $what"
}

# soon WHAT COMMAND...: COMMAND succeeds in the end.
soon() {
    local what=$1
    shift
    wait_for "$patience" "$@" || fail "$what: $(quoted "$@")"
    say "ok: $what"
}

# is WHAT EXPECTED COMMAND...: COMMAND prints EXPECTED.
is() {
    local what=$1 expected=$2 got
    shift 2
    got=$("$@") || fail "$what: $(quoted "$@")"
    [ "$got" = "$expected" ] ||
        fail "$what: $(quoted "$@") is '$got', not '$expected'"
    say "ok: $what"
}

prints() {
    local expected=$1
    shift
    [ "$("$@")" = "$expected" ]
}

# soon_is WHAT EXPECTED COMMAND...: COMMAND prints EXPECTED in the end.
soon_is() {
    local what=$1 expected=$2
    shift 2
    wait_for "$patience" prints "$expected" "$@" ||
        fail "$what: $(quoted "$@") is '$("$@")', not '$expected'"
    say "ok: $what"
}

# contains WHAT PATTERN FILE: a line of FILE matches in the end.
contains() {
    soon "$1" grep -q -e "$2" "$3"
}

# Evaluates an expression over chain/show-json; see query.py.
query() {
    ovs-appctl chain/show-json | python3 "$here/query.py" "$1"
}

# start [OPTION]...: starts the switch.
start() {
    "$prefix/sbin/ovs-chain" start --name "$name" "$@"
    eval "$(instance_env)"
    leave_pmd_cpu
}

# quiet_host NAME ADDRESS: a host of which every frame is the test's.
quiet_host() {
    host "$1" "$2" "$1-nic"
    ip netns exec "$netns-$1" sysctl -qew net.ipv6.conf.all.disable_ipv6=1
}

# two_hosts [SETTING]...: hosts left and right, each behind a DPDK port.
two_hosts() {
    quiet_host left 192.0.2.1
    quiet_host right 192.0.2.2
    nic_port left left-nic "$@"
    nic_port right right-nic "$@"
}

# testpmd NAME SOCKET [WORD]...: testpmd in place of the guest of a plain
# vhost-user port, which sends back what it gets.  WORDs are put before the
# command.
testpmd() {
    local port=$1 device cpu
    device=net_virtio_user0,path=$2,server=1,queue_size=1024
    shift 2
    cpu=$(other_cpus)
    cpu=${cpu%%[,-]*}
    RUNTIME_DIRECTORY=$scratch background "$port" "$@" dpdk-testpmd --no-pci \
        --lcores "0@$cpu,1@$cpu" --huge-dir "$OVS_CHAIN_HUGE" \
        --single-file-segments --file-prefix "$name" --no-telemetry -m 96 \
        --vdev "$device" -- --forward-mode=io --port-topology=loop \
        --auto-start --stats-period 3600 --total-num-mbufs 4096
}

# testpmd_port PORT [WORD]...: a plain vhost-user port, and testpmd behind it.
testpmd_port() {
    cmd ovs-vsctl add-port br0 "$1" -- set Interface "$1" \
        type=dpdkvhostuserclient options:vhost-server-path="$dir/$1.sock"
    testpmd "$1" "$dir/$1.sock" "${@:2}"
    soon_is "the plain port is connected" connected \
        interface "$1" status:status
}

# nf PORT PROGRAM [OPTION]...: attaches an NF to a port.
nf() {
    local port=$1 program=$2
    shift 2
    background "$port" "$program" "$@" "$(ring "$port")"
    nf_pid[$port]=$background_pid
    wait_for "$patience" attached "$port" ||
        fail "$program does not attach to $port: $(< "$dir/$port.log")"
}

# probe PORT [OPTION]...: attaches nf-probe to a port.
probe() {
    background "$1" "$tree/tests/nf-probe" "${@:2}" "$(ring "$1")" \
        "$OVS_CHAIN_DIR/ovs-chain.$pool"
    nf_pid[$1]=$background_pid
    wait_for "$patience" attached "$1" ||
        fail "nf-probe does not attach to $1: $(< "$dir/$1.log")"
}

# end_nf PORT [SIGNAL]: ends the NF of a port, waits for it and forgets it.
end_nf() {
    kill "-${2:-TERM}" "${nf_pid[$1]}"
    wait "${nf_pid[$1]}" || :
    unset "nf_pid[$1]"
}

# chains LINE...: writes chains to the bridge.
chains() {
    printf '%s\n' "$@" > "$scratch/chains"
    "$prefix/sbin/ovs-chain" apply "$scratch/chains"
}

# A host as frames.py takes it.
device() {
    case $1 in
    *:*) say "$1" ;;
    *) say "$netns-$1:eth0" ;;
    esac
}

# exchange FROM TO [OPTION]...: frames from one host arrive unchanged at
# another.
exchange() {
    python3 "$here/frames.py" "$(device "$1")" "$(device "$2")" "${@:3}"
}

# Frames that nobody needs to receive.
send() {
    python3 "$here/frames.py" "$(device "$1")" "${@:2}"
}

# A field of an Interface.
interface() {
    ovs-vsctl get Interface "$1" "$2"
}

# The flows of the bridge without what changes.
flows() {
    ovs-ofctl --no-stats --no-names dump-flows br0 | grep -v '^NXST\|^OFPST'
}

# flow_packets MATCH: how many packets the flows that MATCH have seen, a second
# or so later.
flow_packets() {
    ovs-ofctl dump-aggregate br0 "$1" |
        sed -n 's/.*packet_count=\([0-9]*\).*/\1/p'
}

# A figure of coverage/show.
events() {
    ovs-appctl coverage/read-counter "$1"
}

# Nothing is lost: what is in no port's hands is free or in the switch.  It is
# counted while packets move: a thread that has no processor for a while has
# changed one of the two that are compared, and not the other yet.
balanced() {
    soon_is "buffers of $pool balance" True query "pool('$pool')['balanced'] \
and sum(pool('$pool')['buffers'][part] for part in \
('free', 'owned', 'in_switch')) == pool('$pool')['buffers']['all']"
}

all_free() {
    soon_is "all buffers of $pool are free" True query \
        "pool('$pool')['buffers']['free'] == pool('$pool')['buffers']['all']"
}
