#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The help of ovs-chain, and its completion in bash: both know each verb and
# each option.  Without a switch.

set -u

top=$(cd "${srcdir:-$(dirname "$0")/..}" && pwd)
chain=$top/ovs-ctl-scripts/ovs-chain
n=0 failed=0

# check WHAT EXPECTED GOT
check() {
    n=$((n + 1))
    [ "$2" = "$3" ] && return
    printf '%d. %s\nexpected:\n%s\ngot:\n%s\n\n' "$n" "$1" "$2" "$3"
    failed=$((failed + 1))
}

# shellcheck source=../ovs-ctl-scripts/completion/ovs-chain
. "$top/ovs-ctl-scripts/completion/ovs-chain"
check "how it is hooked in" 'complete -o default -F _ovs_chain ovs-chain' \
    "$(complete -p ovs-chain)"

# completed WORD...: what the last word is completed to, a line each.
completed() {
    COMP_WORDS=("$chain" "$@") COMP_CWORD=$#
    _ovs_chain
    [ "${#COMPREPLY[@]}" -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}

# completes TO WORD...: TO is among what the last word is completed to.
completes() {
    local to=$1
    shift
    check "$* to $to" "$to" "$(completed "$@" | grep -xFe "$to")"
}

# A screen has 24 lines of 80 columns, and others have verbs to add.
help=$("$chain" help)
check "the help fits a screen" '' "$(awk 'length > 79' <<< "$help")$(
    [ "$(wc -l <<< "$help")" -le 23 ] || echo "$help")"
check "--help is help" "$help" "$("$chain" --help)"
mapfile -t verbs < <(sed -n 's/^  \([a-z-]\+\) .*/\1/p' <<< "$help")
check "it has a line for each verb" "${#verbs[@]}" \
    "$(($(wc -l <<< "$help") - 1))"
check "there are verbs" yes "$([ "${#verbs[@]}" -ge 12 ] && echo yes)"

# options TEXT: the options in a usage.
options() {
    grep -oE -- '\[--[a-z-]+' <<< "$1" | tr -d '[' | sort -u
}

# all_options USAGE WORD...: each option of USAGE is completed after WORDs.
all_options() {
    local wanted option
    wanted=$(options "$1"; echo --help)
    shift
    check "$* and all options" "$(sort -u <<< "$wanted")" \
        "$(completed "$@" - | sort)"
    for option in $wanted; do
        completes "$option" "$@" "${option:0:4}"
    done
}

for verb in "${verbs[@]}"; do
    completes "$verb" ''
    completes "$verb" "${verb:0:2}"
    completes "$verb" help ''
    usage=$("$chain" help "$verb")
    check "help of $verb" '' "$(awk 'length > 79' <<< "$usage")"
    case $verb in vm) continue ;; esac
    check "$verb --help" "$usage" "$("$chain" "$verb" --help)"
    all_options "$usage" "$verb"
    for option in $(options "$usage"); do
        check "what $option of $verb is for" "$option" \
            "$(sed -n "s/^  \($option\) .*/\1/p" <<< "$usage")"
    done
done

vm=$("$chain" vm help)
check "help vm is vm help" "$vm" "$("$chain" help vm)"
for verb in run define attach detach; do
    completes "$verb" vm ''
    usage=$(sed -n "/^  $verb:/,/^      [a-z]/p" <<< "$vm")
    all_options "$usage" vm "$verb"
done

check "an option that is there is not offered again" '' \
    "$(completed show --json --js)"
check "no value is made up" '' "$(completed show --interval '')"
check "nor an option in place of a file" '' "$(completed apply '')"
check "--option= has a value" "$(completed status --name '')" \
    "$(completed status --name =)"
check "unknown verbs have nothing" '' "$(completed nonsense '')"
check "nor has a verb within a word" '' "$(completed start how)"
check "nothing at all" '' "$("$chain" complete)"
check "a verb that there is not" \
    "ovs-chain: no verb 'nope'; see 'ovs-chain help'" \
    "$("$chain" help nope 2>&1)"

if command -v shellcheck > /dev/null; then
    check shellcheck '' \
        "$(shellcheck "$top/ovs-ctl-scripts/completion/ovs-chain" 2>&1)"
fi
echo "$n cases, $failed failed"
[ "$failed" -eq 0 ] || exit 1
