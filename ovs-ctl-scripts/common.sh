# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every script here says and does in the same way.

shopt -s extglob
PATH=$PATH:/usr/sbin:/sbin

say() {
    printf '%s\n' "$*"
}

# Says why on stderr and ends the script.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Prints the words as a line that can be typed.
quoted() {
    local word line=
    for word; do
        case $word in
        '' | *[!A-Za-z0-9_./:=,@%+-]*) line+=" ${word@Q}" ;;
        *) line+=" $word" ;;
        esac
    done
    printf '%s\n' "${line# }"
}

# Prints a command as it would be typed, and runs it.
cmd() {
    printf '+ %s\n' "$(quoted "$@")"
    "$@"
}

# The same without the command's output.
cmd_quiet() {
    printf '+ %s\n' "$(quoted "$@")"
    "$@" > /dev/null
}

# wait_for SECONDS COMMAND...: runs COMMAND until it succeeds, and fails when
# it has not after SECONDS.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# What is typed before a verb: the script, and 'verbs_prefix' if verbs have
# verbs of their own.
verbs_name() {
    say "${0##*/}${verbs_prefix:+ $verbs_prefix}"
}

# A script is a table, the array 'verbs': "verb function usage" and, in the
# next line, indented, what it is good for.  An array 'options', if there is
# one, has "--option" and, after a blank, what that is.
verbs_names() {
    local line
    for line in "${verbs[@]:?}"; do
        [ "${line:0:1}" = ' ' ] || say "${line%% *}"
    done
}

# Sets 'function', 'usage' and 'text', of the caller's, to what the table says
# of the verb $1.
verbs_find() {
    local line verb
    for line in "${verbs[@]:?}"; do
        if [ "${line:0:1}" != ' ' ]; then
            read -r verb function usage <<< "$line"
        elif [ "$verb" = "$1" ]; then
            # shellcheck disable=SC2034
            text=${line#"${line%%[! ]*}"}
            return
        fi
    done
    die "no verb '$1'; see '$(verbs_name) help'"
}

# item WIDTH WORD TEXT: WORD and, in a column beside it, TEXT.
item() {
    local width=$1 word=$2 line
    while read -r line; do
        printf "  %-${width}s %s\n" "$word" "$line"
        word=''
    done < <(fold -s -w $((76 - width)) <<< "$3")
}

# verb_usage VERB: how it is used, and what it is good for.
verb_usage() {
    local function usage text
    verbs_find "$1"
    say "$(verbs_name) $1${usage:+ $usage}" | fold -s -w 70 |
        sed 's/ *$//; 2,$s/^/    /'
    say "$text" | fold -s -w 70 | sed 's/ *$//; s/^/    /'
}

# verb_help VERB: that, and its options.
verb_help() {
    local function usage text line
    verbs_find "$1"
    say "Usage: $(verb_usage "$1")"
    for line in "${options[@]-}"; do
        [[ -z $line || $usage != *"[${line%% *}"[\ \]]* ]] ||
            item 11 "${line%% *}" "${line#* }"
    done
}

# verbs_help [VERB]: a line for each verb, or more of one.
verbs_help() {
    local verb function usage text
    if [ $# -gt 0 ]; then
        verb_help "$1"
        return
    fi
    say "Usage: $(verbs_name) VERB [OPTION]..."
    for verb in $(verbs_names); do
        verbs_find "$verb"
        item 9 "$verb" "$text"
    done
}

# Runs the function of the verb $1.  The usage in the table says which options
# there are, "[--flag]" and "[--option VALUE]", which set 'opt_flag' to yes and
# 'opt_option' to the value, and which other arguments, "ARG" and "[ARG]", and
# "ARG..." for any number from one, which the function gets.  From "COMMAND..."
# on, all words are its own, options too.
verbs_run() {
    local verb function usage text
    case ${1-} in
    '') verbs_help >&2; exit 1 ;;
    -h | --help) set -- help "${@:2}" ;;
    esac
    verb=$1
    shift
    verbs_find "$verb"
    verb_parse "$verb" "$usage" "$@"
    "$function" "${args[@]}"
}

# Sorts the words of a command line into options and 'args'.
verb_parse() {
    local verb=$1 usage=$2 option
    shift 2
    args=()
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) verbs_help "$verb"; exit ;;
        --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
        esac
        option=${1#--}
        case $1 in
        --*)
            case $usage in
            *"[$1]"*) printf -v "opt_${option//-/_}" yes ;;
            *"[$1 "*)
                [ $# -gt 1 ] || die "$verb: $1 needs a value"
                printf -v "opt_${option//-/_}" %s "$2"
                shift ;;
            *) die "$verb takes no $1; see '$(verbs_name) help'" ;;
            esac ;;
        *)  [[ $usage != *COMMAND... ]] || { args+=("$@"); break; }
            args+=("$1") ;;
        esac
        shift
    done
    verb_count "$verb" "$usage"
}

# Ends the script unless there are as many 'args' as 'usage' says.
verb_count() {
    local verb=$1 word words least=0 most=0
    read -ra words <<< "${2//\[--+([!]])\]/}"
    for word in "${words[@]}"; do
        most=$((most + 1))
        [ "${word:0:1}" = '[' ] || least=$((least + 1))
        [[ $word != *... ]] || most=1000
    done
    ((${#args[@]} >= least)) || die "$verb: something is missing; usage:" \
        "$(verbs_name) $verb $2"
    ((${#args[@]} <= most)) || die "$verb: what is '${args[most]}'?" \
        "see '$(verbs_name) help'"
}

need_root() {
    [ "$(id -u)" -eq 0 ] || die "must run as root: sudo $0 $*"
}

# Whether process 'pid' runs a program called 'name'.  A zombie does as long as
# it has other threads, which keep its files and locks.
runs() {
    local pid=$1 name=$2 comm threads
    [ -n "$pid" ] || return 1
    { read -r comm < "/proc/$pid/comm"; } 2> /dev/null || return 1
    [ "$comm" = "${name:0:15}" ] || return 1
    threads=("/proc/$pid/task"/*)
    ((${#threads[@]} > 1)) ||
        ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2> /dev/null
}

# When a process started, in clock ticks: with its pid, who it is for ever.
start_time() {
    local stat
    { stat=$(< "/proc/$1/stat"); } 2> /dev/null || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- $stat
    [ "$1" != Z ] && say "${20}"
}

# Whether process 'pid' is the one that started at 'time'.
lives() {
    local pid=$1 time=$2
    [ "$(start_time "$pid")" = "$time" ]
}

not() {
    ! "$@"
}

# end_process SECONDS TEST PID ...: ends PID for which "TEST PID ..." is true,
# with TERM, and with KILL if it does not end within SECONDS.  (Here, as in all
# that a trap calls, "return" needs its 0: by itself it would return what the
# command before the trap did.)
end_process() {
    local seconds=$1 signal
    shift
    for signal in TERM KILL; do
        "$@" || return 0
        kill "-$signal" "$2" 2> /dev/null || return 0
        wait_for "$seconds" not "$@" && return 0
    done
    return 1
}
