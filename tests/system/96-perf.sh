#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The benchmarks in short: each side works, no packet and no buffer is lost,
# the CSV has all columns and rows.  How fast anything was decides nothing.
#
# slow

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

stock=${OVS_STOCK_PREFIX-}
[ -x "$stock/sbin/ovs-vswitchd" ] || skip "no unpatched Open vSwitch"
for tool in dpdk-testpmd dpdk-test; do
    command -v $tool > /dev/null || skip "no $tool"
done
perf=$here/../../perf
csv=$scratch/perf.csv

make -C "$tree" perf-programs > "$scratch/make.log" 2>&1 ||
    fail "the benchmarks do not build: $(tail -n 5 "$scratch/make.log")"
python3 "$perf/bench.py" --plan short --prefix "$prefix" --stock "$stock" \
    --programs "$tree/perf" --csv "$csv" &
bench=$!

# It gives back what it has taken.
end_bench() {
    local status=$?
    set +e
    kill "$bench" 2> /dev/null && wait "$bench"
    (exit "$status")
    clean_up
}
trap end_bench EXIT
ok "a short run" wait $bench
for side in stock memif chain; do
    ok "$side leaves nothing" [ ! -e "$instances/perf-$side-$bench" ]
done
is "no error is noted" '' sed -n '/^# error/p' "$csv"

is "the columns" "side,size_bytes,chain_nfs,forwarder,flows,rules,round,\
packets_per_s,hops_per_s,pmd_cycles_per_hop,gbit_per_s,lat_p50_us,lat_p99_us,\
lat_p999_us,lat_max_us" sed -n '/^side/p' "$csv"
ok "the machine is described" grep -q '^# kernel: .' "$csv"

# rows FIELDS FIGURES: the number of rows that begin with FIELDS and have a
# number above 0 in each of the columns FIGURES.
rows() {
    awk -F , -v fields="$1," -v figures="$2" '
        index($0, fields) == 1 {
            n = split(figures, columns, " ")
            for (i = 1; i <= n; i++) {
                good += $columns[i] > 0
            }
            rows += good == n
            good = 0
        }
        END { print rows + 0 }' "$csv"
}

for side in stock memif chain; do
    is "throughput of $side" 1 rows "$side,64,2,none,1,in_port,1" '8 9 10 11'
done
for side in stock chain; do
    is "a mixture of sizes, swapped, by 5-tuples, on $side" 1 \
        rows "$side,imix,2,macswap,10,5tuple,1" '8 9 10 11'
    is "both directions on $side" 1 rows "$side,128,2,none,1,mark,1" '8 9 10'
    is "large packets on $side" 1 rows "$side,9000,2,none,1,in_port,1" '8 9 10'
    is "three loads of $side" 3 rows "$side,64,3,none,1,in_port,1" \
        '8 12 13 14 15'
done
is "the bare exchange" 1 rows 'bare,64,2,none,,,1' '8 9 10'
is "DPDK's ring" 1 rows 'rte_ring,,,,,,1' '9 10'
is "no other row" 17 awk '!/^(#|side)/ { n++ } END { print n }' "$csv"
for size in 64 1518; do
    ok "hops of $size bytes, in turn" \
        grep -q "^# extra,hops_per_s_by_size,chain,$size,1,[0-9]*[1-9]" "$csv"
done
for figure in start_ms_first_packet idle_cycles_per_iteration \
              memory_per_buffer; do
    for side in stock chain; do
        ok "$figure of $side" \
            grep -q "^# extra,$figure,$side,.*,[0-9.]*[1-9]" "$csv"
    done
done

python3 "$perf/report.py" "$csv" > "$scratch/report.md"
contains "the report has the ratio" \
    '64 B, 2 NFs, none, 1 flows, in_port | ovs-chain .* [0-9.]* |$' \
    "$scratch/report.md"
