#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
#
# The switch is killed under traffic, and exits, and starts again: the NFs stay
# attached, what they hold comes back good, and no buffer is lost.
#
#   left --- NIC left --- fw --- ids === fwd0:fwd1 --- NIC right --- right
#                     \-- keep --------------------/
#
# fw is nf-forward, ids a monitor that maps the pool read-only, fwd0 and fwd1
# the two ports of another nf-forward, keep holds packets until it is told to
# let them go.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
chain_port ids options:chain-access=ro
chain_port fwd0
chain_port fwd1
chain_port keep
nfs=(fw ids fwd keep)

add_flows() {
    local flow
    for flow in in_port=left,udp,tp_dst=7,priority=40000,actions=output:keep \
                in_port=keep,actions=output:right \
                in_port=left,actions=output:fw \
                in_port=fw,actions=output:ids \
                in_port=ids,actions=output:fwd0 \
                in_port=fwd1,actions=output:right; do
        cmd ovs-ofctl add-flow br0 "$flow"
    done
}

attach_all() {
    nf fw nf-forward
    nf ids nf-monitor --read-only
    background fwd nf-forward "$(ring fwd0)" "$(ring fwd1)"
    nf_pid[fwd]=$background_pid
    soon "nf-forward attaches to both ports" attached fwd0 fwd1
    probe keep --hold
}

memory=$(ovs-vsctl get Open_vSwitch . other_config:dpdk-socket-mem)
memory=${memory//\"/}

switch_ended() {
    not runs "$1" ovs-vswitchd
}

# The same command line as before; the flows are the controller's to add.
start_switch() {
    ok "the switch starts again" instance_switch "$memory"
    soon "the bridge is there" ovs-ofctl show br0
}

start_again() {
    start_switch
    add_flows
}

ports=(fw ids fwd0 fwd1 keep)
still_attached() {
    local port
    ok "all NFs are attached" attached "${ports[@]}"
    for port in "${ports[@]}"; do
        is "$port: by the same attachment" "$generation" \
            query "port('$port')['generation']"
    done
    for port in "${nfs[@]}"; do
        ok "$port: the NF lives" kill -0 "${nf_pid[$port]}"
        ok "$port: the NF has not noticed" \
            cmp "$scratch/$port.log" "$dir/$port.log"
    done
}

# Frames that keep holds while the switch is gone; all of them arrive.
hold_frames() {
    exchange left right --count 32 --dst-port 7 --size 300 --deadline 120 \
        > "$scratch/held.log" 2>&1 &
    held_pid=$!
    soon_is "keep owns frames" 32 query "port('keep')['owned']"
}

release_frames() {
    is "they are still its own" 32 query "port('keep')['owned']"
    ok "it lets them go" kill -USR1 "${nf_pid[keep]}"
    ok "they arrive unchanged: $(cat "$scratch/held.log")" wait "$held_pid"
}

# end_switch HOW: ends the switch.
end_switch() {
    local pid
    pid=$(instance_pid ovs-vswitchd)
    "$@" "$pid"
    soon "the switch has ended" switch_ended "$pid"
}

# traffic_and HOW: the same under traffic.
traffic_and() {
    local sender
    python3 "$here/frames.py" "$(device left)" --count 10000000 --size 200 \
        > "$scratch/sender.log" 2>&1 &
    sender=$!
    sleep 0.5
    end_switch "$@"
    kill "$sender" 2> /dev/null || :
    wait "$sender" 2> /dev/null || :
}

kill_switch() {
    cmd kill -KILL "$1"
}

exit_switch() {
    cmd ovs-appctl exit
}

generation=0
add_flows
for how in kill_switch exit_switch; do
    attach_all
    generation=$((generation + 1))
    ok "frames pass" exchange left right --count 200
    for port in "${nfs[@]}"; do
        cp "$dir/$port.log" "$scratch/$port.log"
    done
    hold_frames
    end_switch "$how"
    start_again
    still_attached
    release_frames
    for _ in 1 2 3; do
        traffic_and "$how"
        start_again
        still_attached
        ok "frames pass again" exchange left right --count 200
        balanced
    done
    for port in "${nfs[@]}"; do
        end_nf "$port"
    done
    all_free
    balanced
done

# What an NF sends while there is no switch waits for the flows of the next
# one.
attach_all
for how in kill_switch exit_switch; do
    end_nf keep
    probe keep --hold
    hold_frames
    end_switch "$how"
    ok "keep lets them go" kill -USR1 "${nf_pid[keep]}"
    cmd ovs-vsctl --no-wait set Open_vSwitch . \
        other_config:flow-restore-wait=true
    start_again
    is "they are still its own" 32 query "port('keep')['owned']"
    cmd ovs-vsctl remove Open_vSwitch . other_config flow-restore-wait
    ok "they arrive unchanged: $(cat "$scratch/held.log")" wait "$held_pid"
    ok "frames pass" exchange left right --count 200
done
balanced

# An NF that is killed while there is no switch has left when there is one.
end_nf keep
probe keep --hold
ok "frames for keep" send left --count 50 --size 200 --dst-port 7
soon_is "it owns them" 50 query "port('keep')['owned']"
traffic_and kill_switch
end_nf keep KILL
start_again
soon_is "the NF that was killed meanwhile is gone" detached \
    query "port('keep')['state']"
is "the switch says so" "the NF exited without detaching" \
    query "port('keep')['reason']"
is "it owns nothing" 0 query "port('keep')['owned']"
ok "the others forward" exchange left right --count 200
balanced

# A port that is deleted while there is no switch does not come back: the other
# port of its NF goes after it.
traffic_and kill_switch
cmd ovs-vsctl --no-wait del-port br0 fwd0
start_switch
soon_is "fwd1 loses its NF" detached query "port('fwd1')['state']"
soon_is "and its buffers are back" 0 query "port('fwd1')['owned']"
balanced
chain_port fwd0
soon "with fwd0 the NF takes both again" attached fwd0 fwd1
add_flows
ok "frames pass" exchange left right --count 200

# A pool of another size is refused as long as somebody maps the old one, and
# the old one is found again.
key=other_config:chain-pool-$pool
config=$(ovs-vsctl get Open_vSwitch . "$key")
traffic_and kill_switch
cmd ovs-vsctl --no-wait set Open_vSwitch . \
    "$key=\"size=64M,dir=$OVS_CHAIN_HUGE\""
start_switch
contains "it says who maps the pool" "process [0-9]* (nf-.*) still maps it" \
    "$dir/ovs-vswitchd.log"
cmd ovs-vsctl set Open_vSwitch . "$key=$config"
soon "the NFs are still attached to the old pool" attached fw ids fwd0 fwd1
add_flows
ok "frames pass" exchange left right --count 200
balanced
