#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Lets spin search all states of each model: it must find no error, and must
# reach all of the model; and it must find one in each model that is broken on
# purpose.  Prints states, depth and seconds.

set -u

cd "${srcdir:-$(dirname "$0")/../..}/vhost-chain/models" || exit 99
models=$PWD

# Model, variant or "-", and how to break that: BROKEN_* in the model.
checks=(
    "ring - A_ACQUIRE A_RELEASE B_ACQUIRE B_RELEASE CACHE ROOM"
    "wake FUTEX NF_FENCE SWITCH_FENCE SEQ_LATE SEQ_SAME SAME_NUMBER"
    "wake FRAME NF_FENCE SWITCH_FENCE TAKE"
    "wake SHARED FRAME_DONE"
    "owner - GIVE GONE GRACE JOIN ORPHAN PART"
    "restart ONE ANY_OWNER CONS_FIRST NEXT_BACK OWNER_FIRST"
    "restart LINKED TAKEN_AGAIN"
    "records - ALONE ATTACHED_FIRST TOLD_LAST WIDOW_LAST"
)

for tool in spin gcc; do
    command -v "$tool" > /dev/null || {
        echo "skipped: not installed: $tool"
        exit 77
    }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99
failed=0

complain() {
    printf '%s\n' "$*"
    failed=$((failed + 1))
}

# search KIND DEPTH MODEL DEFINE...: leaves what the search says in "out".
# KIND is what pan is compiled for: SAFETY, or NP for cycles without progress.
search() {
    local kind=$1 options=("-m$2") model=$3
    shift 3
    [ "$kind" != NP ] || options+=(-l)
    rm -f pan pan.* ./*.trail
    spin -a "$@" "$models/$model.pml" > out 2>&1 &&
        gcc -w "$optimize" -D"$kind" -DMEMLIM=1800 -o pan pan.c >> out 2>&1 &&
        ./pan "${options[@]}" > out 2>&1
}

found_error() {
    grep -qE '^pan:1: (assertion violated|invalid end state|non-progress)' out
}

is_complete() {
    grep -q 'errors: 0$' out &&
        ! grep -qE 'not completed|too small|out of memory' out
}

report() {
    local states depth seconds
    states=$(sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' out)
    depth=$(sed -nE 's/.*depth reached ([0-9]+),.*/\1/p' out)
    seconds=$(sed -nE 's/^pan: elapsed time ([0-9.e+-]+) .*/\1/p' out)
    printf '%-36s %9s states, depth %7s, %5s s\n' "$1" "$states" "$depth" \
        "$seconds"
}

# Prints the statements that the search did not reach.
unreached() {
    sed -nE 's/^\t.*\.pml:([0-9]+), state [0-9]+, (".*")$/\1 \2/p' out |
        grep -v -- '"-end-"' | LC_ALL=C sort -u
}

# check_good MODEL DEFINE...
check_good() {
    local kind optimize=-O1
    for kind in SAFETY NP; do
        if [ "$kind" = NP ] && ! grep -q '^progress' "$models/$1.pml"; then
            continue
        fi
        if search "$kind" 2000000 "$@" && is_complete; then
            report "$* ($kind)"
        else
            complain "$* ($kind): an error, or not complete"
            tail -n 20 out
        fi
        [ "$kind" = NP ] || unreached > "unreached.$#"
    done
    # What no variant of a model reaches says nothing.
    if [ -e "unreached.$1" ]; then
        LC_ALL=C comm -12 "unreached.$1" "unreached.$#" > both
        mv both "unreached.$1"
    else
        mv "unreached.$#" "unreached.$1"
    fi
}

# check_broken MODEL DEFINE...: errors are near, and are found sooner if the
# search does not go deep.
check_broken() {
    local kind optimize=-O0
    for kind in SAFETY NP; do
        search "$kind" 3000 "$@"
        ! found_error || break
    done
    if found_error; then
        report "$*"
    else
        complain "$*: no error found, so the model proves nothing"
        tail -n 20 out
    fi
}

for check in "${checks[@]}"; do
    read -r model variant breakages <<< "$check"
    defines=()
    [ "$variant" = - ] || defines=("-D$variant")
    check_good "$model" "${defines[@]}"
    for breakage in $breakages; do
        check_broken "$model" "${defines[@]}" "-DBROKEN_$breakage"
    done
done

for file in "$models"/*.pml; do
    model=$(basename "$file" .pml)
    printf '%s\n' "${checks[@]}" | grep -q "^$model " ||
        complain "$model.pml is not checked: list it here"
    if [ -s "unreached.$model" ]; then
        complain "$model.pml: never reached:"
        cat "unreached.$model"
    fi
    while read -r breakage; do
        printf '%s\n' "${checks[@]}" |
            grep -qE "^$model .* ${breakage#BROKEN_}( |$)" ||
            complain "$model.pml: $breakage is not checked: list it here"
    done < <(grep -oE 'BROKEN_[A-Z_]+' "$file" | sort -u)
done

times > out
echo "user and system time of all: $(tail -n 1 out)"
[ "$failed" -eq 0 ] || exit 1
