# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The host's own Open vSwitch: "ovs-chain enable" and "disable".
#
#   /var/lib/ovs-chain/host/    for root only, from enable to disable
#     selected                  what was selected before: "auto|manual PATH"
#   /var/lib/ovs-chain/move/    while the switch is restarted, host-restart.sh

# shellcheck source=common.sh
. "${share:?}/common.sh"
# shellcheck source=host-restart.sh
. "$share/host-restart.sh"

host_switch=/usr/sbin/ovs-vswitchd
host_ours=/usr/lib/openvswitch-switch-chain/ovs-vswitchd-chain
host_package=openvswitch-switch-chain
host_scripts=/usr/share/openvswitch/scripts
host_init=/etc/init.d/openvswitch-switch
host_rundir=/var/run/openvswitch
host_state=/var/lib/ovs-chain/host
host_move=/var/lib/ovs-chain/move

# The host's switch is meant, whatever an instance's environment says.
host_context() {
    unset OVS_RUNDIR OVS_LOGDIR OVS_DBDIR OVS_PKGDATADIR OVS_SYSCONFDIR \
        OVS_CHAIN_DIR OVS_CHAIN_HUGE OVS_CHAIN_NETNS LIBVIRT_DEFAULT_URI
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    # Installed by hand and not by a package, it is beside this command.
    local path
    [ "${prefix:?}" != /usr ] && [ ! -e "$host_ours" ] || return 0
    for path in "$prefix/sbin/ovs-vswitchd" "$prefix${host_ours#/usr}"; do
        [ ! -x "$path" ] || host_ours=$path
    done
}

# A field of what update-alternatives knows, or nothing.
host_alternative() {
    update-alternatives --query ovs-vswitchd 2> /dev/null |
        sed -n "s/^$1: //p"
}

# "auto PATH" or "manual PATH".
host_selected() {
    say "$(host_alternative Status) $(host_alternative Value)"
}

# The programs that could be selected.
host_programs() {
    update-alternatives --list ovs-vswitchd 2> /dev/null || :
}

host_is_registered() {
    host_programs | grep -Fx -e "$1" > /dev/null
}

# The pid of the switch that runs, if any.
host_pid() {
    local pid
    { read -r pid < "$host_rundir/ovs-vswitchd.pid"; } 2> /dev/null || return 1
    # By the name of the link, whichever program that leads to.
    runs "$pid" "${host_switch##*/}" || return 1
    say "$pid"
}

# Which program that is.  One that a package has replaced meanwhile is named
# by the kernel as deleted.
host_running() {
    local pid
    pid=$(host_pid) || return 1
    readlink "/proc/$pid/exe"
}

# What to go back to, as host_selected: what runs, which somebody may have
# selected another one after, or of which there is a newer build.
host_present() {
    local selected path running
    selected=$(host_selected)
    running=$(host_running) || :
    running=${running% (deleted)}
    if [ "$(readlink -f "${selected#* }")" = "$running" ]; then
        say "$selected"
        return
    fi
    for path in $(host_programs); do
        [ "$(readlink -f "$path")" != "$running" ] ||
            { say "manual $path"; return; }
    done
    die "$running runs and is not registered as an ovs-vswitchd:" \
        "restart Open vSwitch first"
}

host_version() {
    "$1" --version 2> /dev/null | sed -n '1s/.* //p' || :
}

host_has_systemd() {
    [ -d /run/systemd/system ]
}

host_snapshot() {
    python3 -B "$share/snapshot.py" "$@"
}

# Ends the script if the host is not one on which this can be done; nothing
# has been changed.  From here on, it is the only one.
host_check_tools() {
    local program
    for program in update-alternatives ovs-vsctl ovs-ofctl ovs-appctl python3 \
                   ip "$host_scripts/ovs-ctl" "$host_scripts/ovs-save"; do
        command -v "$program" > /dev/null ||
            die "$program is missing: is openvswitch-switch installed?"
    done
    # Until the script ends.
    exec 9< "$host_scripts/ovs-ctl"
    flock -n 9 || die "another 'ovs-chain enable' or 'disable' runs"
    # Of one that was killed.
    [ -n "$opt_dry_run" ] || host_release_unit
}

# Likewise, if there is no switch that could be asked what it is.
host_check_switch() {
    local start=''
    host_pid > /dev/null || start=$(host_start_command)
    [ ! -e "$host_move/begun" ] ||
        die "an earlier attempt was cut short when it had stopped the" \
            "switch; to end it: ${start:+$start && }sh $host_move/finish"
    [ -z "$start" ] || die "no ovs-vswitchd runs; start Open vSwitch first:" \
        "$start"
    ovs-vsctl --timeout=10 get Open_vSwitch . _uuid > /dev/null ||
        die "the database of Open vSwitch does not answer"
}

host_start_command() {
    if host_has_systemd; then
        say 'systemctl start openvswitch-switch'
    elif [ -x "$host_init" ]; then
        say "$host_init start"
    else
        say "$host_scripts/ovs-ctl --system-id=random start"
    fi
}

# Ends the script if our switch cannot be selected.
host_check_ours() {
    local ours theirs
    [ -x "$host_ours" ] ||
        die "$host_ours is missing: install $host_package"
    host_is_registered "$host_ours" ||
        die "$host_ours is not registered:" "update-alternatives --install" \
            "$host_switch ovs-vswitchd $host_ours 10"
    ours=$(host_version "$host_ours")
    [ -n "$ours" ] || die "$host_ours does not run:" \
        "$("$host_ours" --version 2>&1 | tail -n 1)"
    theirs=$(ovs-appctl --timeout=10 version | sed -n '1s/.* //p') || :
    [ "$ours" = "$theirs" ] ||
        die "$host_ours is Open vSwitch $ours, and the switch that runs is" \
            "${theirs:-of no known version}: install the $host_package" \
            "that was made for it"
}

# Ends the script if the switch would not come back as it is configured.
host_check_restart() {
    local why
    why=$(host_snapshot check "$(host_pid)" 2>&1) ||
        die "nothing was changed: $why"
}

# host_plan MODE PATH: prints what host_change does.
host_plan() {
    local selected text
    selected=$(host_selected)
    say "This will"
    say "  - select $2 ($1)"
    say "    for $host_switch, in place of"
    say "    ${selected#* } (${selected%% *});"
    say "  - save flows, groups and meters, stop ovs-vswitchd (pid" \
        "$(host_pid)),"
    say "    start the other one, and restore them; no packet passes"
    say "    meanwhile, for some seconds, and what 'ct' tracks is forgotten;"
    while read -r text; do
        say "  - $text;"
    done < <(host_snapshot notes)
    say "  - check that bridges, datapath ids, ports and flows are as they"
    say "    are now, and go back otherwise."
}

host_is_enabled() {
    [ "$(host_alternative Value)" = "$host_ours" ] &&
        [ "$(host_running)" = "$(readlink -f "$host_ours")" ]
}

host_enable() {
    local selected
    need_root enable
    host_context
    host_check_tools
    host_check_switch
    host_check_ours
    if host_is_enabled; then
        say "Nothing to do: $host_ours is selected and runs."
        return
    fi
    host_check_restart
    host_present > /dev/null
    host_plan manual "$host_ours"
    [ -z "$opt_dry_run" ] || return 0
    # What is ours is noted already.
    selected=$(host_selected)
    if [ "${selected#* }" != "$host_ours" ]; then
        install -d -m 700 "${host_state%/*}" "$host_state"
        say "$selected" > "$host_state/selected"
    fi
    host_change manual "$host_ours"
    say "Enabled.  To go back: ovs-chain disable"
    [ "$(ovs-vsctl get Open_vSwitch . dpdk_initialized)" = true ] ||
        say "DPDK is off, and chains need it: ovs-vsctl set Open_vSwitch ." \
            "other_config:dpdk-init=true"
}

host_forget() {
    rm -rf "${host_state:?}"
    [ ! -e "${host_state%/*}" ] ||
        rmdir --ignore-fail-on-non-empty "${host_state%/*}"
}

# What was selected before 'enable'; if nobody knows, what would be if we were
# not there.
host_former() {
    local former path
    if former=$(cat "$host_state/selected" 2> /dev/null) &&
            host_is_registered "${former#* }"; then
        say "$former"
        return
    fi
    path=$(update-alternatives --query ovs-vswitchd |
        awk -v ours="$host_ours" '
        /^Alternative: / { path = $2 }
        /^Priority: / && path != ours && (best == "" || $2 > most) {
            best = path
            most = $2
        }
        END { print best }')
    [ -n "$path" ] || die "there is no other ovs-vswitchd to go back to:" \
        "install openvswitch-switch"
    say "auto $path"
}

# Ends the script if chains are in use, which another switch does not know.
host_check_unused() {
    local used
    used=$(host_snapshot chains) || die "$used"
    [ -n "$used" ] || return 0
    say "In use, and unknown to another switch:"
    say "$used"
    [ -z "$opt_force" ] ||
        { say "It stays in the database (--force)."; return 0; }
    die "chains are in use; the commands above remove them;" \
        "--force goes back all the same"
}

# Goes back where no switch runs, because ours does not start, perhaps.
host_disable_stopped() {
    local former
    former=$(host_former) || exit 1
    say "No ovs-vswitchd runs.  This will select ${former#* }" \
        "(${former%% *}), to be started next."
    [ -z "$opt_dry_run" ] || return 0
    host_select "${former%% *}" "${former#* }" > /dev/null ||
        die "it cannot be selected"
    host_forget
    say "Disabled.  To start Open vSwitch: $(host_start_command)"
    [ ! -e "$host_move/begun" ] ||
        say "Then, for the flows that were saved: sh $host_move/finish"
}

host_disable() {
    local former running
    need_root disable
    host_context
    host_check_tools
    if ! host_pid > /dev/null &&
            [ "$(host_alternative Value)" = "$host_ours" ]; then
        host_disable_stopped
        return
    fi
    host_check_switch
    running=$(host_running)
    if [ "$(host_alternative Value)" != "$host_ours" ] &&
            [ "${running% (deleted)}" != "$(readlink -f "$host_ours")" ]; then
        say "Nothing to do: $running runs."
        [ -n "$opt_dry_run" ] || host_forget
        return
    fi
    former=$(host_former) || exit 1
    host_check_unused
    host_check_restart
    host_plan "${former%% *}" "${former#* }"
    [ -z "$opt_dry_run" ] || return 0
    host_change "${former%% *}" "${former#* }"
    host_forget
    say "Disabled.  $host_package can be removed now, or enabled again."
}
