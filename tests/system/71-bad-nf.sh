#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
#
# NFs that ask for what they do not get: each is refused, is told why in words,
# and nobody else notices.
#
#   left --- NIC left --- fw --- NIC right --- right
#                         bad

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 48
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
cmd ovs-vsctl set Open_vSwitch . \
    other_config:chain-pool-red="size=16M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
chain_port bad
pool=red chain_port other
nf fw nf-forward
chains 'left <-> fw <-> right'
log=$dir/ovs-vswitchd.log

undisturbed() {
    exchange left right --count 64
}
ok "frames pass before" undisturbed

bad_probe() {
    timeout "$patience" "$tree/tests/nf-probe" "$@" "$(ring bad)" \
        "$OVS_CHAIN_DIR/ovs-chain.$pool"
}

# refused REASON OPTION...: nf-probe is refused for REASON.
refused() {
    local reason=$1 status=0
    shift
    bad_probe "$@" > "$scratch/out" 2>&1 || status=$?
    is "$*: refused" 3 say "$status"
    is "$*: the NF is told why" "refused: $reason" cat "$scratch/out"
    is "$*: the switch shows it" refused query "port('bad')['state']"
    is "$*: and why" "$reason" query "port('bad')['reason']"
    soon_is "$*: so does the Interface" "\"$reason\"" \
        interface bad status:chain-reason
    contains "$*: and logs it" "refused NF \"nf-probe\" .*: $reason" "$log"
    is "$*: the link stays down" down interface bad link_state
}

refused "the NF speaks another ABI version than the switch" --abi 2
refused "the NF speaks another ABI version than the switch" --abi 0
refused "the NF mapped another pool than the port's" --wrong-pool
refused "the NF asked for features the switch lacks" --features 0x80000001
refused "the NF expects another number of queues" --queues 2
refused "the NF set a reserved field" --reserved
refused "the NF did not zero its ring indices" --dirty-index
ok "frames pass after refusals" undisturbed

# What libnf-shim itself finds wrong.  says STATUS TEXT COMMAND...
says() {
    local text=$1 status=0
    shift
    timeout "$patience" "$@" > /dev/null 2> "$scratch/err" || status=$?
    [ "$status" -eq 1 ] || fail "$(quoted "$@"): exit status $status"
    grep -qF -e "$text" "$scratch/err" ||
        fail "$(quoted "$@"): no '$text' in '$(< "$scratch/err")'"
    say "ok: $(< "$scratch/err")"
}

red=$OVS_CHAIN_DIR/ovs-chain.red
blue=$OVS_CHAIN_DIR/ovs-chain.blue
says "${nf_pid[fw]}" nf-forward "$(ring fw)"
says "$red" nf-forward --pool "$red" "$(ring bad)"
says "$blue" nf-forward "$blue"
says /no/such nf-forward /no/such
says /dev/null nf-forward /dev/null
head -c 65536 /dev/urandom > "$scratch/garbage"
says "$scratch/garbage" nf-forward --pool "$blue" "$scratch/garbage"
head -c 4096 "$(ring bad)" > "$scratch/short"
says "$scratch/short" nf-forward --pool "$blue" "$scratch/short"
says red nf-forward "$(ring bad)" "$red.other"
is "none of them got in" 1 query \
    "sum(port['state'] == 'attached' for port in ports)"

# A ring file that no port has any more.
cp "$(ring bad)" "$scratch/old"
says "does not answer" nf-forward --pool "$blue" --timeout 1 "$scratch/old"

# An NF that breaks its ring loses its port, and gets it back.
background hostile "$tree/tests/nf-hostile" prod-ahead "$(ring bad)" \
    "$OVS_CHAIN_DIR/ovs-chain.$pool" 0
nf_pid[bad]=$background_pid
corrupt="a ring index of the NF was impossible"
contains "an impossible index: the NF is told why" "detached: $corrupt" \
    "$dir/hostile.log"
contains "the switch logs it" "bad: .*: $corrupt" "$log"
end_nf bad
nf bad nf-forward
is "a good NF attaches afterwards" attached query "port('bad')['state']"

# An NF that comes again and again must not keep the main thread and the
# database at work: they are told of ten changes at once, then of ten a second.
end_nf bad
background changes ovsdb-client monitor "unix:$dir/db.sock" --format=csv \
    Open_vSwitch Interface status
contains "somebody watches the database" ',initial,' "$dir/changes.log"
started=$SECONDS
for ((i = 0; i < 100; i++)); do
    for option in --dirty-index --reserved; do
        not bad_probe "$option" > "$scratch/out" 2>&1 || fail "it attaches"
    done
done
soon_is "the last refusal is told" '"the NF set a reserved field"' \
    interface bad status:chain-reason
most=$((10 + 10 * (SECONDS - started + 1)))
told=$(grep -c ',new,' "$dir/changes.log")
say "200 refusals, $told changes"
ok "the database is told of at most $most" [ "$told" -le "$most" ]

ok "frames pass at the end" undisturbed
ok "the switch lives" instance_runs
balanced
