# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What './bootstrap check' needs beside a build, and how it runs each kind of
# tests and prints their results.  What is not set here is bootstrap's.
# shellcheck disable=SC2154

# The distribution's own Open vSwitch, for the test that leaves it alone;
# unpacked and not installed, so that no service starts.
stock_unpack() (
    set -e
    mkdir -p "$stock/deb" "$stock/files" "$stock/sbin" "$stock/bin"
    cd "$stock/deb"
    chmod a+rwx .
    apt-get download openvswitch-common openvswitch-switch \
        openvswitch-switch-dpdk
    for deb in *.deb; do
        dpkg -x "$deb" "$stock/files"
    done
    ln -sf "$stock"/files/usr/bin/ovs* "$stock/bin/"
    ln -sf "$stock/files/usr/sbin/ovsdb-server" "$stock/sbin/"
    ln -sf "$stock/files/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk" \
        "$stock/sbin/ovs-vswitchd"
    ln -sfn "$stock/files/usr/share" "$stock/share"
    "$stock/sbin/ovs-vswitchd" --version
    touch "$stock/unpacked"
)

stock_switch() {
    [ -e "$stock/unpacked" ] ||
        step stock "Fetching an unpatched Open vSwitch" stock_unpack
}

# A root in which tests install, switch and remove.
debian_root() {
    [ -e "$host_root/made" ] ||
        step root "Making a root with Debian's Open vSwitch" \
            "$top/tests/debian-root" host "$suite" "$host_root"
}

unit_tests() {
    cd "$1"
    make -k check -j"$(nproc)" || say "ERROR: make check ended with $?"
}

# unit_result TREE LABEL RESULT NAME: prints one, with the reason if it was
# skipped and the end of its log if it failed.
unit_result() {
    local log=$1/$4.log reason=
    [ "$3" != SKIP ] || reason=$(sed -n 's/^skipped: /: /p' "$log")
    say "$3: $2$4$reason"
    case $3 in FAIL | ERROR)
        [ ! -e "$log" ] || tail -n 40 "$log" | sed 's/^/    /' >&2 ;;
    esac
}

# check_unit SUFFIX TEXT LABEL: runs 'make check' in build/treeSUFFIX and
# prints its results, LABEL before their names.
check_unit() {
    local log=$logs/unit$1.log results result name
    (step "unit$1" "Running the unit tests$2" unit_tests "$build/tree$1" >&2)
    results=$(grep -E '^(PASS|FAIL|XPASS|SKIP|ERROR|XFAIL): ' "$log") ||
        results='ERROR: make check: no results'
    # The failure of a test is make's, too: not twice.
    if grep -qE '^(FAIL|ERROR): [^ ]+$' <<< "$results"; then
        results=$(grep -v '^ERROR: make check' <<< "$results")
    fi
    while read -r result name; do
        unit_result "$build/tree$1" "$3" "${result%:}" "$name"
    done <<< "$results"
}

# All of them, and once more with each sanitizer.
check_units() {
    check_unit '' '' ''
    [ -z "$opt_quick" ] || return 0
    check_unit -asan ' with AddressSanitizer' 'asan: '
    check_unit -tsan ' with ThreadSanitizer' 'tsan: '
}

# Points system tests at what was built.
tests_env() {
    export OVS_CHAIN_PREFIX=$prefix OVS_STOCK_PREFIX=$stock \
        OVS_CHAIN_ASAN_PREFIX=$prefix-asan \
        OVS_CHAIN_TREE=$build/tree OVS_CHAIN_LOGS=$logs \
        OVS_CHAIN_ROOT=$host_root OVS_CHAIN_DEBS=$debs
}

# make_fuzz ARG...: the tree may have been configured before clang was here.
make_fuzz() {
    make -C "$build/tree" -j"$(nproc)" fuzz FUZZ_CC="${FUZZ_CC:-clang}" "$@"
}

fuzz_targets() {
    make_fuzz FUZZ_JOBS=2 "$@" || say "ERROR: make fuzz ended with $?"
}

# check_fuzz PATTERN: fuzzes those targets whose names contain it, two at a
# time, and prints their results and how to see again what failed.
check_fuzz() {
    local log=$logs/fuzz.log results
    compgen -G "$top/tests/fuzz/corpus/*$1*" > /dev/null || return 0
    (step fuzz "Fuzzing, a minute for each target" fuzz_targets \
        FUZZ_SECONDS=60 FUZZ_PATTERN="$1" >&2)
    results=$(grep -E '^(PASS|FAIL|ERROR): ' "$log") ||
        results='ERROR: make fuzz: no results'
    if grep -q '^FAIL' <<< "$results"; then
        results=$(grep -v '^ERROR: make fuzz' <<< "$results")
    fi
    say "$results"
    ! grep -qE '^(FAIL|ERROR)' <<< "$results" ||
        tail -n 30 "$log" | sed 's/^/    /' >&2
}

# Runs those of Open vSwitch's own tests that the series could break.
check_ovs() {
    local log=$logs/ovs-tests.log
    (step ovs-tests "Running Open vSwitch's own tests" \
        "$top/ovs-patches/check" quick "$build" >&2) ||
        say "ERROR: ovs: $(tail -n 1 "$log")"
    grep -E '^(PASS|FAIL|SKIP|ERROR): ' "$log" || :
}

check_series() {
    "$top/ovs-patches/verify" series "$build" || :
}

check_system() {
    local status=0
    tests_env
    "$top/tests/system/run" ${opt_quick:+--quick} "$1" || status=$?
    case $status in 0 | 2) ;; *)
        say "ERROR: the system tests ended early, with $status" ;;
    esac
}

# Says again what failed, which may be long ago, and counts results, lines as
# automake prints them, into the last line.
check_total() {
    local passed failed skipped
    passed=$(grep -cE '^(PASS|XFAIL): ' "$1") || :
    failed=$(grep -cE '^(FAIL|XPASS|ERROR): ' "$1") || :
    skipped=$(grep -cE '^SKIP: ' "$1") || :
    sed -nE 's/^(FAIL|XPASS|ERROR): /failed: /p' "$1"
    say "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# Prints the result of each test whose name contains PATTERN, see
# tests/README.md; the unit tests run all or not at all.
check_matching() {
    [ -n "$1" ] || check_units
    [[ series: != "$1"* ]] || check_series
    if [ -z "$opt_quick" ]; then
        check_fuzz "$1"
        [[ ovs: != "$1"* ]] || check_ovs
    fi
    check_system "$1"
}

# Whether a system test whose name contains PATTERN has TEXT in it, or in what
# it reads first.
check_needs() {
    local folder=$top/tests/system tests files
    compgen -G "$folder/*$1*.sh" > /dev/null || return
    tests=("$folder"/*"$1"*.sh)
    mapfile -t files < <(sed -n 's|^\. ".*/\(.*\)"$|\1|p' "${tests[@]}" |
        sort -u)
    grep -qs -e "$2" "${tests[@]}" "${files[@]/#/$folder/}"
}
