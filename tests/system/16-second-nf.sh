#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An NF written from vhost-chain(7) alone does all that the page says: it
# forwards, marks, sleeps and is woken, makes packets, is refused, leaves, and
# goes on when the switch is another one.
#
#   left --- NIC left --- fw --- NIC right --- right
#                      in === out

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw options:chain-queues=2
chain_port in
chain_port out
memory=$(ovs-vsctl get Open_vSwitch . other_config:dpdk-socket-mem)
memory=${memory//\"/}

# second LOG [OPTION]... PORT...: starts the NF.
second() {
    local log=$1 words=()
    shift
    while [[ ${1-} == -* ]]; do
        words+=("$1" "$2")
        shift 2
    done
    for port; do
        words+=("$(ring "$port")")
    done
    background "$log" "$tree/tests/second-nf" "${words[@]}"
    nf_pid[$log]=$background_pid
}

# ended LOG: the NF ends with 0 when it is told to.
ended() {
    local status=0
    kill -TERM "${nf_pid[$1]}"
    wait "${nf_pid[$1]}" || status=$?
    unset "nf_pid[$1]"
    is "$1: exit status" 0 say "$status"
}

# did LOG COUNT: what the NF says it did, at its end.
did() {
    sed -n "s/^sent .*\<$2 \([0-9]*\).*/\1/p; s/^$2 \([0-9]*\) .*/\1/p" \
        "$dir/$1.log"
}

add_flows() {
    local flow
    for flow in 'in_port=left,actions=set_field:0x70000->pkt_mark,fw' \
                'in_port=fw,pkt_mark=0x70005,actions=right' \
                'in_port=fw,dl_type=0x88b5,actions=right' \
                'in_port=right,actions=in' 'in_port=out,actions=left' \
                'priority=1,actions=drop'; do
        cmd ovs-ofctl add-flow br0 "$flow"
    done
}
add_flows

second fw -m 5 -o 300 fw
second two in out
soon "both attach" attached fw in out
is "the switch knows its name" second-nf query "port('fw')['nf']"
is "and that two ports are one NF's" out query "port('in')['peer']"
soon_is "the frames that it makes enter the switch" 300 \
    flow_packets in_port=fw,dl_type=0x88b5
ok "frames pass, with its mark" exchange left right --count 500
ok "frames pass both ports" exchange right left --count 500
is "by reference" 1000 query \
    "hop('fw','nic')['by_reference'] + hop('in','nic')['by_reference']"
woken() {
    send left --count 4 --size 100
    prints True query "port('fw')['tx_wakeups'] >= 5"
}
soon "it sleeps, and a packet wakes it" woken
is "no reference was refused" 0 \
    query "sum(sum(port['drops'].values()) for port in ports)"
is "no packet had to move in its buffer" 0 \
    query "sum(port['rx_moved'] for port in ports)"
balanced

# Another switch: the NF goes on where it was.
for how in KILL exit; do
    pid=$(instance_pid ovs-vswitchd)
    case $how in
    exit) cmd ovs-appctl exit ;;
    *) cmd kill "-$how" "$pid" ;;
    esac
    soon "the switch has ended" not runs "$pid" ovs-vswitchd
    ok "the switch starts again" instance_switch "$memory"
    soon "the bridge is there" ovs-ofctl show br0
    add_flows
    soon "the NFs are attached" attached fw in out
    is "by the same attachment" 1 query "port('fw')['generation']"
    ok "frames pass, with its mark" exchange left right --count 200
    ok "frames pass both ports" exchange right left --count 200
    balanced
done

# A port that is made anew: the NF attaches anew.
cmd ovs-vsctl set Interface fw options:chain-queues=1
soon_is "with one queue" 2 query "port('fw')['generation']"
contains "the NF knows why it was detached" 'detached 9' "$dir/fw.log"
ok "frames pass, with its mark" exchange left right --count 200
cmd ovs-vsctl del-port br0 out
contains "the other NF, too" 'detached [59]' "$dir/two.log"
chain_port out
soon "and takes both again" attached in out
add_flows
ok "frames pass both ports" exchange right left --count 200

ended fw
ended two
is "it says that it left" 'left 12' grep left "$dir/fw.log"
soon_is "so does the switch" 'the NF detached' query "port('fw')['reason']"
is "what it made" 300 did fw made
ok "it slept" test "$(did fw slept)" -gt 0
ok "it was woken" test "$(did fw woken)" -gt 0
all_free

# refused REASON OFF=VALUE...: the NF is refused.
refused() {
    local reason=$1 poke words=() status=0
    shift
    for poke; do
        words+=(-p "$poke")
    done
    timeout "$patience" "$tree/tests/second-nf" "${words[@]}" "$(ring fw)" \
        > "$scratch/out" || status=$?
    is "$*: refused" 3 say "$status"
    is "$*: the reason" "refused $reason" cat "$scratch/out"
}
refused 1 4100=2
refused 7 4144=1
refused 2 4112=1
refused 3 4104=8
refused 4 4108=2
refused 5 4136=1
refused 6 8320=1
# The first that is wrong counts.
refused 7 8320=1 4144=1
refused 2 4108=2 4112=1
second fw fw
soon "a good one attaches" attached fw
ended fw
all_free
