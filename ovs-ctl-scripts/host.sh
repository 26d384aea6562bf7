# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The host's own Open vSwitch: "ovs-chain enable" and "disable".
#
#   /var/lib/ovs-chain/host/    for root only, from enable to disable
#     selected                  what was selected before: "auto|manual PATH"
#   /var/lib/ovs-chain/move/    the same, while the switch is restarted
#     before                    what the switch was, as snapshot.py prints it
#     flows                     a script that makes flows and meters again
#     log                       what the commands said
#
# A restart is ovs-ctl's own, step by step, of ovs-vswitchd only: flows are
# saved by ovs-save, the switch waits for them (flow-restore-wait), and gets
# them back.  Step by step, because a switch that does not come back has to get
# its flows from us, and because ovs-save leaves out meters, without which
# flows that use them are refused.

# shellcheck source=common.sh
. "${share:?}/common.sh"

host_switch=/usr/sbin/ovs-vswitchd
host_ours=/usr/lib/openvswitch-switch-chain/ovs-vswitchd-chain
host_package=openvswitch-switch-chain
host_scripts=/usr/share/openvswitch/scripts
host_rundir=/var/run/openvswitch
host_state=/var/lib/ovs-chain/host
host_move=/var/lib/ovs-chain/move
host_dropin=/run/systemd/system/ovs-vswitchd.service.d/ovs-chain.conf
# Seconds: a start may have many hugepages to clear.
host_patience=300

# The host's switch is meant, whatever an instance's environment says.
host_context() {
    unset OVS_RUNDIR OVS_LOGDIR OVS_DBDIR OVS_PKGDATADIR OVS_SYSCONFDIR
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
# selected another one after.
host_present() {
    local selected path running
    selected=$(host_selected)
    running=$(host_running) || :
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
# has been changed.
host_check_tools() {
    local program
    for program in update-alternatives ovs-vsctl ovs-ofctl ovs-appctl python3 \
                   ip "$host_scripts/ovs-ctl" "$host_scripts/ovs-save"; do
        command -v "$program" > /dev/null ||
            die "$program is missing: is openvswitch-switch installed?"
    done
    [ ! -e "$host_move/begun" ] ||
        die "an earlier attempt was cut short when it had stopped the" \
            "switch.  If flows are missing: sh $host_move/flows;" \
            "then: ovs-vsctl remove Open_vSwitch . other_config" \
            "flow-restore-wait; rm -r $host_move"
    host_pid > /dev/null ||
        die "no ovs-vswitchd runs; start Open vSwitch first:" \
            "$(host_start_command)"
    ovs-vsctl --timeout=10 get Open_vSwitch . _uuid > /dev/null ||
        die "the database of Open vSwitch does not answer"
}

host_start_command() {
    if host_has_systemd; then
        say 'systemctl start openvswitch-switch'
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

# Prints a step and does it; its output goes to the log, and the end of that
# into 'why' if it fails.
host_step() {
    local text=$1 before status=0
    shift
    say "$text"
    before=$(stat -c %s "$host_move/log")
    "$@" >> "$host_move/log" 2>&1 || status=$?
    [ "$status" -eq 0 ] && return 0
    why=$(tail -c "+$((before + 1))" "$host_move/log" | sed '/^$/d' |
        tail -n 3 | paste -sd ' ')
    failed=$text
    return 1
}

# Notes in 'host_move' what is to be as it was.
host_save() {
    local bridges
    host_snapshot take > "$host_move/before" || return 1
    mapfile -t bridges < <(ovs-vsctl --real list-br)
    host_snapshot meters > "$host_move/flows" || return 1
    # Its files are to be read more than once, perhaps: we remove them.
    [ ${#bridges[@]} -eq 0 ] ||
        TMPDIR=$host_move "$host_scripts/ovs-save" save-flows "${bridges[@]}" |
            sed '/^rm -rf /d' >> "$host_move/flows" || return 1
    # It does not say if it failed.
    host_snapshot saved "$host_move"
}

# host_select MODE PATH
host_select() {
    if [ "$1" = auto ]; then
        update-alternatives --auto ovs-vswitchd || return 1
    else
        update-alternatives --set ovs-vswitchd "$2" || return 1
    fi
    [ "$(host_selected)" = "$1 $2" ] ||
        { say "it is '$(host_selected)' now, not '$1 $2'"; return 1; }
}

# While we start the switch, systemd must not: what Restart= of the unit begins
# restarts openvswitch-switch.service, too, and with it the database.
host_hold_unit() {
    host_has_systemd || return 0
    mkdir -p "${host_dropin%/*}"
    printf '[Service]\nRestart=no\n' > "$host_dropin"
    systemctl daemon-reload
}

host_release_unit() {
    [ -e "$host_dropin" ] || return 0
    rm "$host_dropin"
    rmdir --ignore-fail-on-non-empty "${host_dropin%/*}"
    systemctl daemon-reload
}

# host_ctl start|stop: ovs-vswitchd only.
host_ctl() {
    local OVS_CTL_OPTS=
    if host_has_systemd; then
        # One that did not start may have been started too often.
        systemctl reset-failed ovs-vswitchd 2> /dev/null || :
        systemctl --job-mode=ignore-dependencies "$1" ovs-vswitchd
        return
    fi
    # shellcheck disable=SC1091
    [ ! -e /etc/default/openvswitch-switch ] ||
        . /etc/default/openvswitch-switch
    # In words, as Debian's own script does.
    # shellcheck disable=SC2086
    timeout "$host_patience" "$host_scripts/ovs-ctl" --no-ovsdb-server \
        --system-id=random --no-record-hostname $OVS_CTL_OPTS "$1" \
        < /dev/null
}

host_stop() {
    touch "$host_move/begun"
    ovs-vsctl --no-wait set Open_vSwitch . \
        other_config:flow-restore-wait=true || return 1
    host_snapshot pin "$host_move/before" | sh -e || return 1
    host_ctl stop || return 1
    ! host_pid || { say "it does not end"; return 1; }
}

host_start() {
    # The daemon must keep neither our lock nor our caller's output; a trap
    # of ours needs them.
    (exec 3>&- 4>&- 9<&-; host_ctl start) || return 1
    wait_for 5 host_pid || { say "no ovs-vswitchd runs"; return 1; }
}

host_restore() {
    sh "$host_move/flows" || return 1
    ovs-vsctl --no-wait --if-exists remove Open_vSwitch . other_config \
        flow-restore-wait=true
}

# To a switch that is not ours, what is ours is an error.
host_is_as_before() {
    local plain=
    [ "$(host_running)" = "$(readlink -f "$host_ours")" ] || plain=--plain
    host_snapshot compare "$host_move/before" $plain \
        > "$host_move/differs" 2>&1
}

# host_verify PATH: that program runs, and the switch is as it was.
host_verify() {
    local running
    running=$(host_running) || { say "no ovs-vswitchd runs"; return 1; }
    [ "$running" = "$(readlink -f "$1")" ] ||
        { say "it is $running that runs"; return 1; }
    if [ "$1" = "$host_ours" ] && [ "$(ovs-vsctl get Open_vSwitch . \
            dpdk_initialized)" = true ]; then
        ovs-appctl --timeout=10 chain/show-json > /dev/null || return 1
    fi
    # Ports may be up a moment later.
    wait_for 15 host_is_as_before && return 0
    cat "$host_move/differs"
    return 1
}

# The numbers of chain ports are kept for when our switch runs again.
host_unpin() {
    local plain=--plain
    [ "$1" != "$host_ours" ] || plain=
    host_snapshot unpin "$host_move/before" $plain | sh -e
}

# host_restart PATH: the steps of a restart.
host_restart() {
    host_step "Stopping the switch." host_stop || return 1
    host_step "Starting $1." host_start || return 1
    host_step "Restoring flows." host_restore || return 1
    host_step "Checking that it is as before." host_verify "$1" || return 1
    host_unpin "$1"
}

host_waits() {
    [ "$(ovs-vsctl --if-exists get Open_vSwitch . \
        other_config:flow-restore-wait)" = '"true"' ]
}

# Whether a program runs, and nothing is left to be restored.
host_is_back() {
    [ -e "$host_move/begun" ] || return 0
    [ "$(host_running)" = "$(readlink -f "$1")" ] && not host_waits &&
        host_is_as_before
}

# host_back MODE PATH: makes that what is selected and runs, with what was
# saved.
host_back() {
    local why='' failed=''
    say "Going back to $2."
    [ "$(host_selected)" = "$1 $2" ] ||
        host_step "Selecting $2." host_select "$1" "$2" || :
    host_is_back "$2" || host_restart "$2" || :
    [ -n "$failed" ] || return 0
    say "${failed%.}: $why" >&2
    say "What was saved is in $host_move.  To start the switch:" \
        "$(host_start_command); its flows: sh $host_move/flows; then:" \
        "ovs-vsctl remove Open_vSwitch . other_config flow-restore-wait" >&2
    return 1
}

host_begin() {
    exec 9< "$host_scripts/ovs-ctl"
    flock -n 9 || die "another 'ovs-chain enable' or 'disable' runs"
    install -d -m 700 "${host_state%/*}"
    rm -rf "${host_move:?}"
    mkdir -m 700 "$host_move"
    : > "$host_move/log"
    host_hold_unit
}

host_end() {
    host_release_unit
    rm -rf "${host_move:?}"
}

# host_give_up WHY MODE PATH: goes back and ends the script.
host_give_up() {
    trap '' INT TERM HUP
    host_back "$2" "$3" ||
        { host_release_unit; die "$1; going back failed, too: see above"; }
    host_end
    [ "$3" = "$host_ours" ] || host_forget
    die "$1; the switch is as it was"
}

# host_change MODE PATH: selects, restarts and checks; goes back and ends the
# script if that fails.
host_change() {
    local old why='' failed=''
    old=$(host_present) || exit 1
    # A step that is interrupted has its output in the log.
    exec 3>&1 4>&2
    # shellcheck disable=SC2064
    trap "host_give_up interrupted ${old%% *} ${old#* } >&3 2>&4" \
        INT TERM HUP
    host_begin
    if host_step "Saving flows." host_save &&
            host_step "Selecting $2." host_select "$1" "$2" &&
            host_restart "$2"; then
        trap - INT TERM HUP
        host_end
        return
    fi
    say "${failed%.}: $why" >&2
    host_give_up "'${failed%.}' failed" "${old%% *}" "${old#* }"
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
    host_check_ours
    if host_is_enabled; then
        say "Nothing to do: $host_ours is selected and runs."
        return
    fi
    host_check_restart
    host_plan manual "$host_ours"
    [ -z "$opt_dry_run" ] || return 0
    # Of an earlier 'enable', if that was cut short.
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

host_disable() {
    local former
    need_root disable
    host_context
    host_check_tools
    if [ "$(host_alternative Value)" != "$host_ours" ] &&
            [ "$(host_running)" != "$(readlink -f "$host_ours")" ]; then
        say "Nothing to do: $(host_running) runs."
        host_forget
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
