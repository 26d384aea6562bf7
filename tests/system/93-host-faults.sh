#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slow
#
# 'ovs-chain enable' fails at each of its steps: the host's switch runs as it
# was, with its flows, ports and addresses.
#
#   left --- left-nic --- br0 --- tap0      br0, tap0: with addresses
#                          |
#                         vm                testpmd, as a plain VM

# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

host_begin_test
host_switch
host_network
picture > "$scratch/before"
host_install
root=$(root_path '')
# Without DPDK: ports have errors.
plain=/usr/lib/openvswitch-switch/ovs-vswitchd

# The same, and nobody has stopped the switch.
not_begun() {
    local pid
    pid=$(switch_pid)
    refused "$@"
    is "it is the same process" "$pid" switch_pid
}

# Before anything is changed.
mv "$root$ours" "$root$ours.away"
not_begun "$ours is missing: install" ovs-chain enable
mv "$root$ours.away" "$root$ours"

in_root update-alternatives --remove ovs-vswitchd "$ours"
not_begun "is not registered: update-alternatives --install" ovs-chain enable
in_root update-alternatives --install /usr/sbin/ovs-vswitchd ovs-vswitchd \
    "$ours" 10

instead "$ours" << 'END'
echo "$0: error while loading shared libraries" >&2
exit 127
END
not_begun "does not run: $ours: error while loading" ovs-chain enable

instead "$ours" << 'END'
echo 'ovs-vswitchd (Open vSwitch) 2.17.9'
END
not_begun "is Open vSwitch 2.17.9, and the switch that runs is" \
    ovs-chain enable
back "$ours"

memory=other_config:dpdk-socket-mem
cmd ovs-vsctl set Open_vSwitch . $memory=1048576
picture > "$scratch/before"
not_begun "would not start again" ovs-chain enable
cmd ovs-vsctl set Open_vSwitch . $memory=64
picture > "$scratch/before"

# The alternative cannot be changed.
in_root mount --bind /etc/alternatives /etc/alternatives
in_root mount -o remount,bind,ro /etc/alternatives
not_begun "'Selecting $ours' failed" ovs-chain enable
in_root umount /etc/alternatives

# The switch does not stop.
instead "$ovs_ctl" << 'END'
case $* in *' stop') exit 1 ;; esac
exec "$real" "$@"
END
not_begun "'Stopping the switch' failed" ovs-chain enable
back "$ovs_ctl"
traffic "after a switch that did not stop"

# Since that was checked, the switch is to take more hugepages than there are.
# (The free ones of the machine are not ours to take.)
instead "$ours" << 'END'
case $1 in --version) exec "$real" "$@" ;; esac
memory() {
    ovs-vsctl --no-wait set Open_vSwitch . other_config:dpdk-socket-mem="$1" \
        other_config:dpdk-socket-limit="$1"
}
memory 1048576
"$real" "$@"
status=$?
memory 64
exit $status
END
refused "'Starting $ours' failed" traffic_meanwhile ovs-chain enable
contains "it says why" 'Cannot init EAL' "$scratch/out"
traffic "after a start that failed"

# It dies, or is another one.
instead "$ours" << END
case \$1 in --version) exec "\$real" "\$@" ;; esac
exec $plain "\$@"
END
refused "it is $plain that runs" ovs-chain enable

# Not in the middle of the handshake: see refused.
instead "$ours" << 'END'
case $1 in --version) exec "$real" "$@" ;; esac
"$real" "$@" || exit
tries=0
until ovs-vsctl get Interface vm status:status | grep -qx '"*connected"*'; do
    sleep 0.1
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo "the plain port is not connected"; exit 1; }
done
kill -9 "$(cat /run/openvswitch/ovs-vswitchd.pid)"
END
in_root sh -c 'echo OVS_CTL_OPTS=\"--no-mlockall --no-monitor\" \
    >> /etc/default/openvswitch-switch'
refused "no ovs-vswitchd runs" ovs-chain enable
traffic "after a switch that died"
back "$ours"

# Flows do not come back, or others.
instead /usr/bin/ovs-ofctl << END
case \$(readlink /etc/alternatives/ovs-vswitchd),\$* in
$ours,*replace-flows*) exit 1 ;;
esac
exec "\$real" "\$@"
END
refused "'Restoring flows' failed" ovs-chain enable
traffic "after flows that were not restored"
instead /usr/bin/ovs-ofctl << END
case \$(readlink /etc/alternatives/ovs-vswitchd),\$* in
$ours,*replace-flows*) exit 0 ;;
esac
exec "\$real" "\$@"
END
refused "of its flows, this is gone" ovs-chain enable
instead /usr/bin/ovs-ofctl << END
case \$* in -O*dump-flows*--no-names*--no-stats*) exit 1 ;; esac
exec "\$real" "\$@"
END
not_begun "'Saving flows' failed" ovs-chain enable
back /usr/bin/ovs-ofctl

# It is interrupted, or killed, when the old switch has stopped.
slow_start
refused "interrupted; the switch is as it was" interrupt TERM
traffic "after an interrupt"
killed
traffic "after the commands"
ok "disable works" ovs-chain disable
ok "all is as before" same_picture

# It is killed when no switch runs; a bridge does not get its flows at first.
instead "$ours" << 'END'
case $1 in --version) exec "$real" "$@" ;; esac
touch /run/starting
exec sleep 1000
END
not interrupt KILL || fail "it was not killed"
cmd in_root pkill -f 'sleep 1000'
back "$ours"
not ovs-chain enable > "$scratch/out" 2>&1 || fail "enable works"
cat "$scratch/out"
sed -n 's/.*to end it: //p' "$scratch/out" > "$scratch/commands"
instead /usr/bin/ovs-ofctl << 'END'
case $* in *replace-flows*br0*) exit 1 ;; esac
exec "$real" "$@"
END
ok "what it says is not enough" not in_root sh < "$scratch/commands"
ok "what was saved stays" in_root test -s /var/lib/ovs-chain/move/flows
back /usr/bin/ovs-ofctl
ok "now it is" in_root sh < "$scratch/commands"
is "the selected switch runs" "$ours" running
ok "disable works" ovs-chain disable
ok "all is as before" same_picture
ok "nothing of it is left" not in_root test -e /var/lib/ovs-chain

# Then it works.  Debian's plain switch, which is what is best without our
# saying, and back to that.
ok "enable works now" ovs-chain enable
ok "all is as before" same_picture
ok "and disable" ovs-chain disable
ok "all is as before" same_picture

# A newer package: what runs is not what is there any more.
upgrade() {
    cmd in_root cp -p "$ours" "$ours.new"
    cmd in_root mv "$ours.new" "$ours"
    is "the old one runs" "$ours (deleted)" running
}
cmd ovs-chain enable
upgrade
ok "enable restarts it" ovs-chain enable
is "the new one runs" "$ours" running
ok "all is as before" same_picture
upgrade
instead "$ours" << 'END'
case $1 in --version) exec "$real" "$@" ;; esac
exit 1
END
refused "; $debian_dpdk runs now" ovs-chain enable
back "$ours"
cmd ovs-chain enable
upgrade
ok "disable goes back from the old one" ovs-chain disable
is "Debian's switch runs" "$debian_dpdk" running
is "it is selected as before" "manual $debian_dpdk" mode
ok "all is as before" same_picture
cmd ovs-vsctl del-port br0 vm
cmd ovs-vsctl set Open_vSwitch . other_config:dpdk-init=false
cmd in_root update-alternatives --auto ovs-vswitchd
cmd in_root "$ovs_ctl" --system-id=random --no-mlockall restart
before=$(mode)
ok "enable with the plain switch" ovs-chain enable
is "the patched switch runs" "$ours" running
# Its record lost, what would be without us is selected.
rm -r "$root/var/lib/ovs-chain/host"
ok "disable" ovs-chain disable
is "the plain switch is selected as it was" "$before" mode
is "and runs" "$plain" running

# Ours has ended and does not start again.
cmd ovs-chain enable
pid=$(switch_pid)
cmd ovs-appctl exit
soon "it has ended" not in_root kill -0 "$pid"
instead "$ours" << 'END'
exit 1
END
ok "disable without a switch" ovs-chain disable
is "the plain switch is selected as it was" "$before" mode
ok "nothing is noted any more" not in_root test -e /var/lib/ovs-chain
back "$ours"
cmd in_root "$ovs_ctl" --system-id=random --no-mlockall start
is "it runs again" "$plain" running
