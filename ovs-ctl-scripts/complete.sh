# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# "ovs-chain complete WORD...": what the last word may be completed to, for
# bash.  Verbs and options are those of the tables; what else there is, the
# switch is asked, which says nothing if it does not run.

# shellcheck source=vm.sh
. "${share:?}/vm.sh"

# Prints those of its arguments that begin like the word to be completed.
complete_with() {
    local word
    for word; do
        [[ $word != "$current"* ]] || say "$word"
    done
}

complete_lines() {
    local lines
    mapfile -t lines < <("$@" 2> /dev/null | grep .)
    complete_with "${lines[@]}"
}

# complete_value KIND: KIND is a word of a usage, such as PORT.
complete_value() {
    case $1 in
    NAME | INSTANCE) complete_lines instance_list ;;
    VERB) complete_lines verbs_names ;;
    DOMAIN) complete_lines vm_virsh list --all --name ;;
    BRIDGE) complete_lines ovs-vsctl --timeout=2 list-br ;;
    PORT | LIST)
        complete_lines ovs-vsctl --timeout=2 --bare --columns=name \
            find Interface type=dpdkvhostuserclient ;;
    esac
}

# Prints the usage of the verb in 'words'.
complete_usage() {
    # shellcheck disable=SC2034
    local function usage='' text
    case ${words[0]} in
    vm)
        # shellcheck disable=SC2034
        verbs=("${vm_verbs[@]}")
        case ${words[1]} in
        run) say "${vm_run_usage#*run}"; return ;;
        define) say "${vm_define_usage#*define}"; return ;;
        esac
        verbs_find "${words[1]}" ;;
    *) verbs_find "${words[0]}" ;;
    esac
    say "$usage"
}

# Completes what follows a verb by its usage: the value of an option, an
# option, or one of the other arguments, of which $1 are there already.
complete_arguments() {
    local others options option
    mapfile -t options < <(grep -oE -- '\[--[a-z-]+' <<< "$usage" | tr -d '[')
    read -rd '' -a others < <(sed -E 's/\[--[^]]*\](\.\.\.)?//g' \
        <<< "$usage") || :
    if [[ $current == -* ]]; then
        for option in "${options[@]}" --help; do
            [[ " ${words[*]} " == *" $option "* ]] || complete_with "$option"
        done
    elif ((${#others[@]} > 0)); then
        option=${others[$1]-${others[-1]}}
        (($1 < ${#others[@]})) || [[ $option == *... ]] || return 0
        option=${option#[}
        complete_value "${option%%[!A-Z]*}"
    fi
}

# Goes through the words between verb and cursor.
complete_verb() {
    local usage given=0 value='' word
    usage=$(complete_usage 2> /dev/null | tr '\n' ' ') || return 0
    for word; do
        if [ -n "$value" ]; then
            # shellcheck disable=SC2034
            [ "$value" != --name ] || opt_name=$word
            value=''
        elif [[ $word == --* && $usage == *"[$word "* ]]; then
            value=$word
        elif [[ $word != -* ]]; then
            given=$((given + 1))
        fi
    done
    (use_instance) 2> /dev/null && use_instance
    if [ -n "$value" ]; then
        value=${usage#*"[$value "}
        complete_value "${value%%[!A-Z]*}"
    else
        complete_arguments "$given"
    fi
}

complete_words() {
    [ $# -gt 0 ] || return 0
    local current=${!#}
    local -a words=("${@:1:$#-1}")
    case ${words[*]} in
    '')
        complete_lines verbs_names
        complete_with --help ;;
    vm) complete_with run define attach detach help ;;
    vm\ *)
        vm_libvirt
        complete_verb "${words[@]:2}" ;;
    *) complete_verb "${words[@]:1}" ;;
    esac
}
