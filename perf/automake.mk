# SPDX-License-Identifier: Apache-2.0
#
# Benchmarks: "./bootstrap perf" makes and runs them, "make" alone does not.

perf_nf_sources = \
	perf/command.c \
	perf/command.h \
	perf/forward.h \
	perf/histogram.h \
	perf/latency.c \
	perf/latency.h \
	perf/nf.c \
	perf/ports.h \
	perf/swap.h \
	perf/ticks.h

perf_programs = \
	perf/perf-bare \
	perf/perf-nf-dpdk \
	perf/perf-nf-shim
EXTRA_PROGRAMS = $(perf_programs)

perf_perf_nf_shim_CPPFLAGS = $(nf_cppflags)
perf_perf_nf_shim_LDFLAGS = $(NF_LDFLAGS)
perf_perf_nf_shim_LDADD = nf-shim/libnf-shim.la
perf_perf_nf_shim_SOURCES = $(perf_nf_sources) \
	perf/ports-shim.c \
	perf/ports-shim.h

perf_perf_nf_dpdk_CPPFLAGS = $(AM_CPPFLAGS) -DPERF_DPDK
perf_perf_nf_dpdk_CFLAGS = $(AM_CFLAGS) $(DPDK_CFLAGS)
perf_perf_nf_dpdk_LDADD = $(DPDK_LIBS)
perf_perf_nf_dpdk_SOURCES = $(perf_nf_sources) \
	perf/ports-dpdk.c \
	perf/ports-dpdk.h

perf_perf_bare_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/vhost-chain/lib
perf_perf_bare_CFLAGS = $(AM_CFLAGS) $(DPDK_CFLAGS) -pthread
perf_perf_bare_SOURCES = \
	perf/bare.c \
	perf/swap.h \
	perf/ticks.h

if HAVE_CMOCKA
check_PROGRAMS += perf/test-histogram
perf_test_histogram_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
perf_test_histogram_LDADD = $(CMOCKA_LIBS)
perf_test_histogram_SOURCES = perf/histogram.h perf/test-histogram.c
endif

EXTRA_DIST += \
	perf/README.md \
	perf/report \
	perf/bench.py \
	perf/chain.py \
	perf/errors.py \
	perf/figures.py \
	perf/floor.py \
	perf/idle.py \
	perf/inject.py \
	perf/instance.py \
	perf/latency.py \
	perf/machine.py \
	perf/plan.py \
	perf/plot.py \
	perf/process.py \
	perf/profile.py \
	perf/report.py \
	perf/rounds.py \
	perf/rules.py \
	perf/side.py \
	perf/sizes.py \
	perf/starts.py \
	perf/stock.py \
	perf/table.py \
	perf/targets.py \
	perf/threads.py

perf-programs: $(perf_programs)
.PHONY: perf-programs
CLEANFILES = $(EXTRA_PROGRAMS)
