# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What is said of the host's own Open vSwitch: "ovs-chain status" and "doctor".

# shellcheck source=host.sh
. "${share:?}/host.sh"

# What the selected program is to us.
host_whose() {
    case ${1#* } in
    "$host_ours") say "the patched switch" ;;
    '') say "none" ;;
    *) say "not the patched switch; ovs-chain enable" ;;
    esac
}

host_dpdk() {
    local on
    on=$(ovs-vsctl --timeout=10 get Open_vSwitch . dpdk_initialized) || return
    if [ "$on" = true ]; then
        ovs-vsctl --timeout=10 get Open_vSwitch . dpdk_version | tr -d '"'
    else
        say "off"
    fi
}

# Not for the caller's environment: in a subshell.
host_status() (
    host_context
    selected=$(host_selected)
    if ! pid=$(host_pid); then
        if [ "$selected" = ' ' ]; then
            say "host: no Open vSwitch"
            return
        fi
        say "host: the switch does not run; $(host_start_command)"
    else
        say "host: the switch runs, ovs-vswitchd is pid $pid"
    fi
    say "  selected            ${selected#* } (${selected%% *}):" \
        "$(host_whose "$selected")"
    [ -n "$pid" ] || return 0
    say "  running             $(host_running || :)"
    say "  version             $(ovs-appctl --timeout=10 version 2>&1 |
        sed -n '1s/.* //p')"
    say "  DPDK                $(host_dpdk)"
    [ "$(host_running)" = "$(readlink -f "$host_ours")" ] || return 0
    host_snapshot state 2> /dev/null | sed 's/^/  /' || :
)

# Of an instance with --name.
host_doctor() {
    local options=()
    need_root doctor
    if [ -n "$opt_name" ]; then
        use_instance
        options=(--instance "$name" --log "$dir/ovs-vswitchd.log")
    else
        host_context
        options=(--ours "$host_ours")
    fi
    python3 -B "$share/doctor.py" "${options[@]}" ${opt_json:+--json}
}
