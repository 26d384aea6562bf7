# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A host for tests: a copy of a root with Debian's packages, root.sh, whose
# Open vSwitch runs a bridge, flows, a tap and a plain vhost-user port.  The
# tools of Open vSwitch, and ovs-chain, are those of the host.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=root.sh
. "$here/root.sh"

debian_dpdk=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
ours=/usr/lib/openvswitch-switch-chain/ovs-vswitchd-chain
ovs_ctl=/usr/share/openvswitch/scripts/ovs-ctl

for tool in ovs-vsctl ovs-ofctl ovs-appctl ovs-chain; do
    eval "$tool() { in_root $tool \"\$@\"; }"
done

# host_begin_test [OPTION]...: hugepages for the switch and, in the host's
# /dev/hugepages, for a pool and testpmd; the sockets of VMs are to be seen
# from both sides.  OPTIONs are root_begin's.
# shellcheck disable=SC2120
host_begin_test() {
    local debs=()
    ! host_debs || debs=(--bind "$OVS_CHAIN_DEBS:/debs")
    command -v dpdk-testpmd > /dev/null || skip "no dpdk-testpmd"
    mkdir -p "$dir/vm" "$dir/log"
    instance_remember prefix "$prefix"
    exec 8< "$hugepages_sysfs/nr_hugepages"
    flock 8
    instance_hugepages 64 160
    root_begin "$@" --bind "$huge_dir:/dev/hugepages" \
        --bind "$dir/vm:/run/vm" --bind "$dir/log:/var/log/openvswitch" \
        --bind /dev/net:/dev/net ${debs[@]+"${debs[@]}"}
    instance_owns_process "$root_pid"
    ip netns attach "$netns" "$root_pid"
    ip netns exec "$netns" sysctl -qew net.ipv6.conf.all.disable_ipv6=1 \
        net.ipv6.conf.default.disable_ipv6=1
    OVS_CHAIN_HUGE=$huge_dir
    leave_pmd_cpu
}

# Starts Debian's switch as its own script does, or systemd if it runs.
host_switch() {
    local mask
    mask=$(printf '0x%x' $((1 << $(instance_pmd_cpu))))
    in_root sh -c 'echo OVS_CTL_OPTS=--no-mlockall \
        >> /etc/default/openvswitch-switch'
    cmd in_root update-alternatives --set ovs-vswitchd "$debian_dpdk"
    if in_root test -d /run/systemd/system; then
        cmd in_root systemctl start openvswitch-switch
    else
        cmd in_root "$ovs_ctl" --system-id=random --no-mlockall start 8>&-
    fi
    cmd ovs-vsctl set Open_vSwitch . other_config:dpdk-init=true \
        other_config:dpdk-extra="--no-pci --no-telemetry" \
        other_config:dpdk-socket-mem=64 other_config:dpdk-socket-limit=64 \
        other_config:pmd-cpu-mask="$mask"
    is "DPDK is on" true ovs-vsctl get Open_vSwitch . dpdk_initialized
    # Others may count free hugepages again.
    exec 8<&-
    # ovs-ctl looks that up in the background.
    soon "the host's name is noted" \
        ovs-vsctl get Open_vSwitch . external_ids:hostname
}

host_network() {
    add_bridge
    quiet_host left 192.0.2.1
    cmd ovs-vsctl add-port br0 left-nic
    cmd ovs-vsctl add-port br0 tap0 -- set Interface tap0 type=internal
    cmd ip -n "$netns" addr add 203.0.113.1/24 dev br0
    cmd ip -n "$netns" link set br0 up
    cmd ip -n "$netns" addr add 198.51.100.9/24 dev tap0
    cmd ip -n "$netns" link set tap0 up
    cmd ip -n "$netns" route add 10.9.0.0/16 via 198.51.100.1
    cmd ovs-vsctl add-port br0 vm -- set Interface vm \
        type=dpdkvhostuserclient options:vhost-server-path=/run/vm/vm.sock
    testpmd vm "$dir/vm/vm.sock"
    cmd ovs-ofctl -O OpenFlow13 add-meter br0 \
        'meter=7,pktps,bands=type=drop,rate=1000000'
    cmd ovs-ofctl -O OpenFlow13 add-group br0 \
        'group_id=5,type=select,bucket=output:tap0,bucket=output:tap0'
    for flow in in_port=left-nic,actions=meter:7,output:vm \
                in_port=vm,actions=group:5 \
                in_port=tap0,actions=output:left-nic \
                'table=3,priority=7,udp,tp_dst=53,actions=ct(commit,zone=4)' \
                'table=4,cookie=0x77,actions=resubmit(,3)'; do
        cmd ovs-ofctl -O OpenFlow13 add-flow br0 "$flow"
    done
    # With the flag reset_counts, which is not seen any more after a restart.
    cmd ovs-ofctl add-flow br0 priority=9,arp,actions=drop
    # What only OpenFlow 1.5 can tell.
    cmd ovs-ofctl -O OpenFlow15 add-group br0 "group_id=6,type=select,\
selection_method=hash,fields(ip_src,ip_dst),bucket=bucket_id:3,output:tap0,\
bucket=bucket_id:9,output:tap0"
    cmd ovs-ofctl -O OpenFlow15 add-flow br0 "table=5,priority=2,udp,\
actions=set_field:0x1001/0xf00f->reg0,group:6"
    cmd ovs-ofctl add-flow br0 table=5,ip,nw_proto=2,tp_src=17,actions=drop
    # Another bridge, which speaks less.
    cmd ovs-vsctl add-br br1 -- set Bridge br1 datapath_type=netdev \
        protocols=OpenFlow10,OpenFlow13
    cmd ovs-ofctl add-flow br1 priority=5,in_port=LOCAL,actions=drop
}

# traffic WHAT: frames pass from the NIC through the VM to the tap, and back.
traffic() {
    soon_is "$1: the plain port is connected" connected \
        interface vm status:status
    ok "$1: frames pass to the tap" exchange left "$netns:tap0" --count 300
    ok "$1: and from it" exchange "$netns:tap0" left --count 300
}

# traffic_meanwhile COMMAND...: the same under frames from both sides.
traffic_meanwhile() {
    local sender status=0
    rm -f "$scratch/stop"
    send left --until "$scratch/stop" --size 200 > "$scratch/sender.log" 2>&1 &
    sender=$!
    "$@" || status=$?
    touch "$scratch/stop"
    wait "$sender" || fail "the sender: $(< "$scratch/sender.log")"
    return "$status"
}

selected() {
    in_root readlink /etc/alternatives/ovs-vswitchd
}

# The switch's pid in the host.
switch_pid() {
    in_root cat /run/openvswitch/ovs-vswitchd.pid
}

running() {
    in_root readlink "/proc/$(switch_pid)/exe"
}

# What nobody may change.
picture() {
    local bridge what
    ovs-vsctl show
    ovs-vsctl --columns=name,datapath_id,datapath_type list Bridge
    ovs-vsctl --columns=name,type,options,ofport,error list Interface
    ovs-vsctl get Open_vSwitch . other_config external_ids dpdk_initialized
    for bridge in br0,OpenFlow15 br1,OpenFlow13; do
        ovs-ofctl -O "${bridge#*,}" --no-stats dump-flows "${bridge%,*}" |
            sed 's/reset_counts //' | sort
        for what in groups meters; do
            ovs-ofctl -O "${bridge#*,}" dump-$what "${bridge%,*}" | sed 1d |
                sort
        done
    done
    ip -n "$netns" -o -4 addr | awk '{ print $2, $4 }'
    ip -n "$netns" route
    for what in br0 tap0; do
        ip -n "$netns" -o link show "$what" | grep -o 'mtu [0-9]*\|ether [^ ]*'
    done
}

same_picture() {
    picture > "$scratch/now"
    diff "$scratch/before" "$scratch/now"
}

# Every file of the host but logs, and where links lead; alternatives, mounts,
# shared memory and what is in hugepages.
leftovers() {
    in_root find / -xdev -path /var/log/openvswitch -prune -o \
        -printf '%p %l\n' | sort
    in_root update-alternatives --query ovs-vswitchd
    in_root cat /proc/mounts
    in_root ls /dev/hugepages /dev/shm /run
}

# Debian's switch at work, with what there is noted.
host_before() {
    host_switch
    host_network
    traffic "Debian's switch"
    leftovers > "$scratch/leftovers"
    picture > "$scratch/before"
}

# What is installed: the packages, if './bootstrap deb' has made them, or the
# same by hand.
host_debs() {
    [ -e "${OVS_CHAIN_DEBS:-}/made" ]
}

host_install() {
    local root
    if host_debs; then
        in_root sh -c 'dpkg -i /debs/ovs-chain_*.deb \
            /debs/openvswitch-switch-chain_*.deb'
        return
    fi
    root=$(root_path '')
    mkdir -p "$root${ours%/*}"
    cp "$prefix/sbin/ovs-vswitchd" "$root$ours"
    cp -P "$prefix"/lib/libvhost-chain.so.0* "$root/usr/lib/"
    cp "$prefix/sbin/ovs-chain" "$root/usr/sbin/"
    cp -R "$share" "$root/usr/share/"
    cp "$prefix/bin/nf-forward" "$root/usr/bin/"
    # Where this build has its sockets.
    mkdir -p "$root$prefix/var"
    ln -s /run "$root$prefix/var/run"
    in_root ldconfig
    in_root update-alternatives --install /usr/sbin/ovs-vswitchd \
        ovs-vswitchd "$ours" 10
}

host_remove() {
    if host_debs; then
        in_root dpkg --purge openvswitch-switch-chain ovs-chain
        return
    fi
    in_root update-alternatives --remove ovs-vswitchd "$ours"
    in_root rm -r "${ours%/*}" /usr/sbin/ovs-chain /usr/share/ovs-chain \
        /usr/bin/nf-forward /usr/lib/libvhost-chain.so.0 \
        /usr/lib/libvhost-chain.so.0.0.0 "$prefix/var/run"
    in_root rmdir -p --ignore-fail-on-non-empty "$prefix/var"
    in_root ldconfig
}

# refused TEXT COMMAND...: COMMAND fails, says TEXT, and leaves all as it was.
refused() {
    local text=$1
    shift
    not "$@" > "$scratch/out" 2>&1 || fail "$(quoted "$@") works"
    cat "$scratch/out"
    grep -qF -e "$text" "$scratch/out" || fail "no '$text' is said"
    is "Debian's switch is selected" "manual $debian_dpdk" mode
    is "and runs" "$debian_dpdk" running
    ok "and is not deaf to signals" heeds_term
    ok "all is as before" same_picture
    # DPDK's virtio-user port does not come back from half a handshake, in
    # which the next attempt could stop the switch.
    soon_is "the plain port is connected" connected \
        interface vm status:status
    ok "nothing of the attempt is left" \
        not in_root test -e /var/lib/ovs-chain
}

# Whether the switch does not ignore TERM, which is bit 14.
heeds_term() {
    local ignored
    ignored=$(in_root sed -n 's/^SigIgn:\t/0x/p' "/proc/$(switch_pid)/status")
    ((!(ignored & 1 << 14)))
}

# How and what is selected.
mode() {
    in_root update-alternatives --query ovs-vswitchd |
        awk '/^Status:/ { s = $2 } /^Value:/ { print s, $2 }'
}

# instead PROGRAM: a script, on standard input, in place of one of the host's,
# which it has as "$real".
instead() {
    local root
    root=$(root_path '')
    [ -e "$root$1.real" ] || mv "$root$1" "$root$1.real"
    { printf '%s\n' '#!/bin/sh' "real=$1.real"; cat; } > "$root$1"
    chmod 755 "$root$1"
}

# back PROGRAM: the host's own again.
back() {
    in_root mv "$1.real" "$1"
}

# Our switch is not started before /run/go is there.
slow_start() {
    instead "$ours" << 'END'
case $1 in --version) exec "$real" "$@" ;; esac
touch /run/starting
while [ ! -e /run/go ]; do sleep 0.1; done
# By its name it is known.
mkdir -p /run/named
ln -sf "$real" /run/named/ovs-vswitchd
exec /run/named/ovs-vswitchd "$@"
END
}

# interrupt SIGNAL: 'enable' gets it during a slow_start.
interrupt() {
    local root status=0
    root=$(root_path '')
    rm -f "$root/run/starting" "$root/run/go"
    in_root ovs-chain enable &
    wait_for "$patience" [ -e "$root/run/starting" ]
    not ovs-chain disable > "$scratch/second" 2>&1 ||
        fail "two work at once: $(< "$scratch/second")"
    contains "another one is refused" "another 'ovs-chain enable' or" \
        "$scratch/second"
    in_root kill "-$1" "$(in_root pidof -x ovs-chain | tr ' ' '\n' |
        sort -n | sed -n 1p)"
    touch "$root/run/go"
    wait $! || status=$?
    return "$status"
}

# 'enable' is killed during a slow_start; the next one says how to go on.
killed() {
    not interrupt KILL || fail "it was not killed"
    soon "our switch has come up" in_root ovs-ofctl show br0
    is "it is ours" "$ours.real" running
    back "$ours"
    in_root rm -r /run/named /run/starting /run/go
    not ovs-chain enable > "$scratch/out" 2>&1 || fail "enable works"
    cat "$scratch/out"
    contains "it says how to go on" 'cut short' "$scratch/out"
    not ovs-chain doctor > "$scratch/doctor" || fail "doctor finds nothing"
    contains "doctor, too" '^FAIL: restart: .* was cut short' \
        "$scratch/doctor"
    ok "what is left is done" \
        in_root sh "$(sed -n 's/.*to end it: sh //p' "$scratch/out")"
}
