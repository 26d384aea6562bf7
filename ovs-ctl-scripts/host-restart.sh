# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The host's own Open vSwitch is stopped, another one is started, and has what
# the first one had; or the first one again.  What is of the host, and not set
# here, is host.sh's.
#
#   /var/lib/ovs-chain/move/    for root only, as long as that takes
#     before                    what the switch was, as snapshot.py prints it
#     flows                     a script that makes flows and meters again
#     begun                     the pid of the one that is, or was, stopped
#     finish                    a script for what is left if we are killed
#     log                       what the commands said
#
# A restart is ovs-ctl's own, step by step, of ovs-vswitchd only: flows are
# saved by ovs-save, the switch waits for them (flow-restore-wait), and gets
# them back.  Step by step, because a switch that does not come back has to get
# its flows from us, and because ovs-save leaves out meters, without which
# flows that use them are refused, and what only OpenFlow 1.5 can tell.
# shellcheck disable=SC2154

host_dropin=/run/systemd/system/ovs-vswitchd.service.d/ovs-chain.conf
# Seconds: a start may have many hugepages to clear.
host_patience=300

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

# Prints what is left to do when a switch runs again.  A number that a chain
# port keeps does no harm.  What was saved is the only copy.
host_finish() {
    local compare
    compare="python3 -B $(quoted "$share")/snapshot.py compare"
    say "ovs-appctl --timeout=10 version > /dev/null || exit"
    say "sh $host_move/flows || exit"
    say "ovs-vsctl --no-wait --if-exists remove Open_vSwitch . other_config" \
        "flow-restore-wait"
    host_snapshot unpin "$host_move/before" --plain || return 1
    if host_has_systemd; then
        say "rm -f $host_dropin"
        say "systemctl daemon-reload"
    fi
    say "for i in 1 2 3 4 5 6 7 8 9 10; do"
    say "    ! $compare $host_move/before --plain > $host_move/differs ||" \
        "exec rm -r $host_move"
    say "    sleep 1"
    say "done"
    say "cat $host_move/differs"
    say "echo What was saved stays in $host_move, for you to remove."
    say "exit 1"
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
    host_snapshot newest "$host_move" >> "$host_move/flows" || return 1
    # It does not say if it failed.
    host_snapshot saved "$host_move" || return 1
    host_finish > "$host_move/finish"
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
    local OVS_CTL_OPTS='' FORCE_COREFILES=''
    if host_has_systemd; then
        # One that did not start may have been started too often.
        systemctl reset-failed ovs-vswitchd 2> /dev/null || :
        systemctl --job-mode=ignore-dependencies "$1" ovs-vswitchd
        return
    fi
    # shellcheck disable=SC1091
    [ ! -e /etc/default/openvswitch-switch ] ||
        . /etc/default/openvswitch-switch
    # In words, as Debian's own script has them.  Signals are ignored here
    # while we go back; the switch would inherit that.
    # shellcheck disable=SC2086
    env --default-signal=INT,TERM,HUP timeout "$host_patience" \
        "$host_scripts/ovs-ctl" --no-ovsdb-server --system-id=random \
        --no-record-hostname \
        ${FORCE_COREFILES:+"--force-corefiles=$FORCE_COREFILES"} \
        $OVS_CTL_OPTS "$1" < /dev/null
}

host_stop() {
    host_pid > "$host_move/begun"
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

# Ends what kept the numbers of ports; those of chain ports are kept for when
# our switch runs again.
host_settle() {
    local plain=--plain
    [ "$1" != "$host_ours" ] || plain=
    host_snapshot unpin "$host_move/before" $plain | sh -e ||
        say "Some ports keep their ofport_request, which does no harm." >&2
}

# host_restart PATH: the steps of a restart.
host_restart() {
    host_step "Stopping the switch." host_stop || return 1
    host_step "Starting $1." host_start || return 1
    host_step "Restoring flows." host_restore || return 1
    host_step "Checking that it is as before." host_verify "$1" || return 1
    host_settle "$1"
}

host_waits() {
    [ "$(ovs-vsctl --if-exists get Open_vSwitch . \
        other_config:flow-restore-wait)" = '"true"' ]
}

# Whether a program runs, and nothing is left to be restored.  It is the one
# that was to be stopped, perhaps, and was not.
host_is_back() {
    [ "$(host_running)" = "$(readlink -f "$1")" ] || return 1
    [ "$(host_pid)" != "$(< "$host_move/begun")" ] ||
        ovs-vsctl --no-wait --if-exists remove Open_vSwitch . other_config \
            flow-restore-wait=true
    not host_waits && host_is_as_before
}

# host_back MODE PATH: makes that what is selected and runs, with what was
# saved.
host_back() {
    local why='' failed=''
    say "Going back to $2."
    [ "$(host_selected)" = "$1 $2" ] ||
        host_step "Selecting $2." host_select "$1" "$2" || :
    if [ -e "$host_move/begun" ]; then
        if host_is_back "$2"; then
            host_settle "$2"
        else
            host_restart "$2" || :
        fi
    fi
    [ -n "$failed" ] || return 0
    say "${failed%.}: $why" >&2
    [ ! -e "$host_move/begun" ] ||
        say "What was saved is in $host_move.  To end it:" \
            "$(host_start_command) && sh $host_move/finish" >&2
    return 1
}

host_begin() {
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

# host_give_up WHY MODE PATH: goes back and ends the script, with 'was' of the
# caller's.
host_give_up() {
    trap '' INT TERM HUP
    host_back "$2" "$3" ||
        { host_release_unit; die "$1; going back failed, too: see above"; }
    host_end
    [ "$3" = "$host_ours" ] || host_forget
    die "$1; $was"
}

# host_change MODE PATH: selects, restarts and checks; goes back and ends the
# script if that fails.
host_change() {
    local old why='' failed='' was='the switch is as it was'
    old=$(host_present) || exit 1
    if [ "$old" = "$1 $2" ]; then
        # A newer build of what runs.  If it does not start, the one that does
        # is not there any more.
        old=$(host_former) || exit 1
        was="${old#* } runs now"
    fi
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
