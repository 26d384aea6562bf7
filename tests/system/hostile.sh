# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The verbs of the tests with nf-hostile, besides those of lib.sh.
#
#   left --- NIC left === fw === ids === NIC right --- right    honest
#            src === bad (=== bad2)                             hostile
#
# '===' is within the pool, which all share.  'src' sends what its NF makes to
# 'bad', and gets what comes from there.  Honest frames pass all the time.
#
# HOSTILE_SECONDS   how long bytes are flipped for each kind of action, by
#                   default 60; ./bootstrap check takes 5 when it runs all

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

hostile=$tree/tests/nf-hostile
seconds=${HOSTILE_SECONDS:-60}
n_survived=0
honest_pid=''

# Frames from left that pass bad, and where they arrive: see pass_bad.
passed=dl_dst=02:00:00:c0:ff:07
passed_options=(right --host 7)

# The topology, with the honest NFs.
start_hostile() {
    local port
    start --pools 48
    define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
    add_bridge
    two_hosts options:chain-pool=blue
    for port in fw ids src; do
        chain_port "$port"
    done
    # Credit for more than a ring.
    for port in bad bad2; do
        chain_port "$port" options:chain-credits=2048
    done
    nf fw nf-forward
    nf ids nf-forward
    ovs-ofctl add-flows br0 - <<EOF_FLOWS
in_port=left,actions=fw
in_port=fw,actions=ids
in_port=ids,actions=right
in_port=src,actions=bad
in_port=bad,actions=src
in_port=bad2,actions=src
EOF_FLOWS
    switch_pid=$(instance_pid ovs-vswitchd)
    switch_time=$(start_time "$switch_pid")
    python3 "$here/packets.py" plain > "$scratch/plain"
}

# Lets frames pass bad.  Not where honest frames are changed, which may become
# such by that.
pass_bad() {
    ovs-ofctl add-flows br0 - <<EOF_FLOWS
priority=40000,in_port=left,$passed,actions=bad
priority=40000,in_port=bad,$passed,actions=right
EOF_FLOWS
}

# The bridge is the end of tunnels: see packets.py.
tunnel_end() {
    local there=02:00:00:00:0a:02
    cmd ovs-vsctl set Bridge br0 other_config:hwaddr=02:00:00:00:0b:01
    ip netns exec "$netns" sysctl -qew net.ipv6.conf.br0.disable_ipv6=0
    cmd ip -n "$netns" addr add 10.9.0.1/24 dev br0
    cmd ip -n "$netns" addr add fd09::1/64 dev br0 nodad
    cmd ip -n "$netns" link set br0 up
    cmd ovs-appctl tnl/neigh/set br0 10.9.0.2 $there
    cmd ovs-appctl tnl/neigh/set br0 10.9.0.3 $there
    cmd ovs-appctl tnl/neigh/set br0 fd09::2 $there
}

# tunnel NAME TYPE REMOTE [OPTION]...: a port to another end.
tunnel() {
    honest_between cmd ovs-vsctl add-port br0 "$1" -- set Interface "$1" \
        type="$2" options:remote_ip="$3" options:key=7 "${@:4}"
    is "$1 has no error" '[]' interface "$1" error
}

# honest_begin [OPTION]...: frames from left to right until honest_end, which
# fails unless each has arrived.
honest_begin() {
    honest_options=("$@")
    rm -f "$scratch/until"
    background honest python3 "$here/frames.py" "$(device left)" \
        "$(device right)" --until "$scratch/until" \
        --deadline $((3 * patience)) "$@"
    honest_pid=$background_pid
    honest_time=$(start_time "$honest_pid")
}

honest_end() {
    touch "$scratch/until"
    wait "$honest_pid" || fail "honest frames: $(< "$dir/honest.log")"
    say "ok: honest traffic: $(< "$dir/honest.log")"
    is "no frame was dropped in the honest chain" 0 query \
        "sum(sum(port(name)['drops'].values()) for name in ('fw', 'ids'))"
}

# honest_between COMMAND...: the same between honest frames.  While its ports
# and flows are changed, Open vSwitch may drop packets for which it has no
# datapath flow yet, whoever sends them.
honest_between() {
    [ -n "$honest_pid" ] || { "$@"; return; }
    honest_end
    "$@"
    honest_begin "${honest_options[@]}"
}

honest_packets() {
    query "port('ids')['rx_packets']"
}

more_honest_than() {
    same_switch
    lives "$honest_pid" "$honest_time" ||
        fail "honest frames: $(< "$dir/honest.log")"
    (($(honest_packets) >= $1 + 64))
}

# honest_pass WHAT: frames that have not passed yet do.
honest_pass() {
    soon "$1" more_honest_than "$(honest_packets)"
}

# The switch is the one that was started, and answers.
same_switch() {
    lives "$switch_pid" "$switch_time" ||
        fail "ovs-vswitchd, process $switch_pid, has ended"
    timeout "$patience" ovs-appctl version > /dev/null ||
        fail "ovs-vswitchd does not answer"
}

# What the switch shows of NFs is text.
shows_text() {
    ovs-appctl chain/show > "$scratch/show" &&
        grep -q '^port bad:' "$scratch/show" &&
        ! LC_ALL=C grep -q '[^[:print:]]' "$scratch/show"
}

counted() {
    ovs-appctl chain/show-json |
        python3 "$here/expect.py" "$scratch/before" "$dir/bad.log" "$@" \
        > "$scratch/unmet"
}

# printed PATTERN: whether nf-hostile has.
printed() {
    grep -q "^$1" "$dir/bad.log"
}

# Whether nf-hostile is done, or cannot be any more.
is_over() {
    same_switch
    printed over || not lives "${nf_pid[bad]}" "$hostile_time"
}

# Nobody holds a buffer while no honest frame is under way.
all_free_for_now() {
    kill -STOP "$honest_pid"
    all_free
    kill -CONT "$honest_pid"
}

# gone PORT...: the NFs of these ports are killed, and leave nothing behind.
gone() {
    local port
    for port; do
        [ -z "${nf_pid[$port]-}" ] || end_nf "$port" KILL 2> /dev/null
    done
    soon_is "nothing is held any more" 0 query \
        "sum(port(name)['owned'] for name in '$*'.split())"
    all_free_for_now
}

# good_nf PORT: a good NF can have the port afterwards.
good_nf() {
    nf "$1" nf-forward
    end_nf "$1"
    soon_is "a good NF attaches to $1, and leaves" detached \
        query "port('$1')['state']"
}

# What else than the NF itself a case needs.
provide() {
    case $needs in
    flood*) probe src --frames "$scratch/plain" ;;
    frames*) probe src --frames "$scratch/plain" --count "$count" ;;
    pass*)
        ok "$case: frames pass it" \
            exchange left "${passed_options[@]}" --count "$count" ;;
    esac
}

# attack_begin NAME [COUNT [FRAMES]]: starts a case of nf-hostile's table, with
# what it needs.
attack_begin() {
    local options=(${3:+--frames "$3"})
    case=$1
    IFS=$'\t' read -r number _ needs count what \
        < <("$hostile" --list | awk -F '\t' -v "name=$case" '$2 == name')
    count=${2:-$count}
    say "== $number $case: $what"
    [[ $needs != *+queues ]] ||
        cmd ovs-vsctl set Interface bad options:chain-queues=2
    [[ $needs != *+peer ]] || options+=(--peer "$(ring bad2)")
    ovs-appctl chain/show-json > "$scratch/before"
    : > "$dir/bad.log"
    [[ $needs != *+before ]] || provide
    background bad "$hostile" "${options[@]}" "$case" "$(ring bad)" \
        "$OVS_CHAIN_DIR/ovs-chain.$pool" "$count"
    nf_pid[bad]=$background_pid
    hostile_time=$(start_time "$background_pid")
    wait_for "$patience" printed attached || fail "$case: $(< "$dir/bad.log")"
    [[ $needs == *+before ]] || provide
    honest_pass "$case: honest frames pass meanwhile"
}

# attack_end: waits for the end of the case, and for the switch to have counted
# what it must have.
attack_end() {
    local exact=--exact
    wait_for $((patience + 4 * seconds)) is_over || :
    printed over || fail "$case: $(tail -n 3 "$dir/bad.log")"
    case $needs in flood* | source*) exact= ;; esac
    wait_for "$patience" counted $exact || fail "$case: $(< "$scratch/unmet")"
    say "ok: $case: $(sed -n 's/^expect //p' "$dir/bad.log" | paste -sd ';')"
    say "   $(sed -nE 's/^(sent|flips) /\1 /p' "$dir/bad.log" | paste -sd ' ')"
    [[ $needs != source* ]] || ok "$case: bytes have changed" \
        grep -q '^flips [1-9]' "$dir/bad.log"
    ok "$case: what the switch shows is text" shows_text
    balanced
}

# attack NAME [COUNT]: a case from its beginning to the end of its NF.
attack() {
    attack_begin "$@"
    attack_end
    gone src bad bad2
    [[ $needs != *+queues ]] ||
        cmd ovs-vsctl remove Interface bad options chain-queues
    ((number < 30)) || good_nf bad
    n_survived=$((n_survived + 1))
}

# The flows for packets from bad, from stdin, instead of those that there are.
bad_flows() {
    ovs-ofctl -O OpenFlow15 del-flows br0 in_port=bad
    sed 's/^ *//' > "$scratch/flows"
    ovs-ofctl -O OpenFlow15 add-flows br0 "$scratch/flows"
}

# Whether packets from bad took the half of the flows for them, or more.
flows_used() {
    ovs-ofctl -O OpenFlow15 dump-flows br0 in_port=bad |
        sed -n 's/.*n_packets=\([0-9]*\).*\(priority.*\) actions.*/\1 \2/p' \
        > "$scratch/used"
    [ -s "$scratch/used" ] &&
        (($(grep -vc '^0 ' "$scratch/used") * 2 >= $(wc -l < "$scratch/used")))
}

# Whether packets took flows that MATCH.
used() {
    (($(flow_packets "$1") > 0))
}

# Whether something that OVS counts has happened.
counted_by_ovs() {
    (($(events "$1") > 0))
}

# flip CASE WHAT FRAMES...: bytes of packets that are of these kinds, see
# packets.py, change while the switch does with them what the flows say.
flip() {
    say "=== $2"
    python3 "$here/packets.py" "${@:3}" > "$scratch/frames"
    attack "$1" "$seconds" "$scratch/frames"
    # Some flows take one packet in ten thousand, and a switch with sanitizers
    # has fewer packets in the time.
    for _ in 1 2 3; do
        ! wait_for 5 flows_used || break
        attack "$1" "$seconds" "$scratch/frames"
    done
    soon "packets took half of the flows or more" flows_used
    sed 's/^/   /' "$scratch/used"
    honest_between cmd ovs-appctl dpctl/del-flows
}

# attacks FIRST LAST [EXCEPT]...: the cases with these numbers.
attacks() {
    local first=$1 last=$2 one
    shift 2
    "$hostile" --list > "$scratch/list"
    awk -F '\t' "\$1 >= $first && \$1 <= $last { print \$2 }" \
        "$scratch/list" > "$scratch/cases"
    [ -s "$scratch/cases" ] || fail "no case has a number from $first to $last"
    for one in $(< "$scratch/cases"); do
        [[ " $* " == *" $one "* ]] || attack "$one"
    done
}

# The end of a test: all that was is accounted for.
survived() {
    honest_end
    for port in "${!nf_pid[@]}"; do
        end_nf "$port"
    done
    balanced
    all_free
    say "$n_survived cases survived"
}
