# SPDX-License-Identifier: Apache-2.0
#
# Fuzzing: "make fuzz".  What is fuzzed is compiled anew, by clang and with
# sanitizers, and apart from what is installed.

if HAVE_CMOCKA
fuzz_targets = \
	tests/fuzz/fuzz-attach \
	tests/fuzz/fuzz-layout \
	tests/fuzz/fuzz-ledger \
	tests/fuzz/fuzz-nf \
	tests/fuzz/fuzz-resume \
	tests/fuzz/fuzz-rx

EXTRA_PROGRAMS += $(fuzz_targets)
EXTRA_LIBRARIES = \
	tests/fuzz/libhost.a \
	tests/fuzz/libkit.a \
	tests/fuzz/libnf.a

fuzz_cflags = $(AM_CFLAGS) -g -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
# What is tested guides libFuzzer, and tells race.h of its loads; what tests it
# does not.
fuzz_tested = -fsanitize=fuzzer-no-link -fsanitize-coverage=trace-loads
fuzz_ldflags = -fsanitize=fuzzer,address,undefined
fuzz_cppflags = $(vhc_test_cppflags) -I$(top_srcdir)/vhost-chain/tests \
	-DALLOW_EXPERIMENTAL_API

fuzz_nf_cppflags = $(nf_test_cppflags) -I$(top_srcdir)/nf-shim/nfs \
	-I$(top_srcdir)/nf-shim/tests -I$(top_srcdir)/vhost-chain/tests

# The switch's side, on the kernel of kernel.h.  It compares little that is
# not found by trying, and much in loops.
tests_fuzz_libhost_a_SOURCES = $(libvhost_chain_la_SOURCES)
tests_fuzz_libhost_a_CPPFLAGS = $(libvhost_chain_la_CPPFLAGS) \
	-Dclock_gettime=fuzz_clock_gettime -Dgetrandom=fuzz_getrandom \
	-Dmmap=fuzz_mmap -Dmunmap=fuzz_munmap -Dfallocate=fuzz_fallocate
tests_fuzz_libhost_a_CFLAGS = $(fuzz_cflags) $(fuzz_tested) \
	-fno-sanitize-coverage=trace-cmp $(DPDK_CFLAGS) $(NUMA_CFLAGS)

# The NF's side.
tests_fuzz_libnf_a_SOURCES = $(nf_shim_sources) $(nf_rules_sources) \
	nf-shim/nfs/counts.c \
	nf-shim/nfs/counts.h \
	nf-shim/nfs/talkers.c \
	nf-shim/nfs/talkers.h
tests_fuzz_libnf_a_CPPFLAGS = $(nf_cppflags)
tests_fuzz_libnf_a_CFLAGS = $(fuzz_cflags) $(fuzz_tested)

# What the targets share.
tests_fuzz_libkit_a_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_libkit_a_CFLAGS = $(fuzz_cflags) $(DPDK_CFLAGS) $(CMOCKA_CFLAGS)
tests_fuzz_libkit_a_SOURCES = $(vhc_test_eal) \
	vhost-chain/tests/fake-nf.c \
	vhost-chain/tests/fake-nf.h \
	tests/fuzz/honest.c \
	tests/fuzz/honest.h \
	tests/fuzz/host-burst.c \
	tests/fuzz/host-model.c \
	tests/fuzz/host-model.h \
	tests/fuzz/host-view.c \
	tests/fuzz/host-view.h \
	tests/fuzz/host.c \
	tests/fuzz/host.h \
	tests/fuzz/hostile.c \
	tests/fuzz/hostile.h \
	tests/fuzz/world.c \
	tests/fuzz/world.h

fuzz_libs = tests/fuzz/libkit.a tests/fuzz/libhost.a

fuzz_main = \
	tests/fuzz/fuzz.c \
	tests/fuzz/fuzz.h \
	tests/fuzz/kernel.c \
	tests/fuzz/kernel.h \
	tests/fuzz/race.c \
	tests/fuzz/race.h
fuzz_ops = $(fuzz_main) \
	tests/fuzz/codes.c \
	tests/fuzz/codes.h \
	tests/fuzz/ops.c \
	tests/fuzz/ops.h

tests_fuzz_fuzz_attach_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_attach_CFLAGS = $(fuzz_cflags) $(CMOCKA_CFLAGS)
tests_fuzz_fuzz_attach_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_attach_LDADD = $(fuzz_libs) \
	$(CMOCKA_LIBS)
tests_fuzz_fuzz_attach_SOURCES = $(fuzz_ops) tests/fuzz/fuzz-attach.c

tests_fuzz_fuzz_layout_CPPFLAGS = $(fuzz_nf_cppflags)
tests_fuzz_fuzz_layout_CFLAGS = $(fuzz_cflags) $(CMOCKA_CFLAGS)
tests_fuzz_fuzz_layout_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_layout_LDADD = tests/fuzz/libnf.a $(CMOCKA_LIBS)
tests_fuzz_fuzz_layout_SOURCES = $(fuzz_ops) \
	tests/fuzz/devices.c \
	tests/fuzz/devices.h \
	tests/fuzz/fuzz-layout.c \
	vhost-chain/tests/scratch.c \
	vhost-chain/tests/scratch.h

tests_fuzz_fuzz_nf_CPPFLAGS = $(fuzz_nf_cppflags)
tests_fuzz_fuzz_nf_CFLAGS = $(fuzz_cflags) $(CMOCKA_CFLAGS)
tests_fuzz_fuzz_nf_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_nf_LDADD = tests/fuzz/libnf.a $(CMOCKA_LIBS)
tests_fuzz_fuzz_nf_SOURCES = $(fuzz_main) \
	nf-shim/tests/frames.c \
	nf-shim/tests/frames.h \
	tests/fuzz/fuzz-nf.c

tests_fuzz_fuzz_ledger_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_ledger_CFLAGS = $(fuzz_cflags) $(CMOCKA_CFLAGS)
tests_fuzz_fuzz_ledger_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_ledger_LDADD = $(fuzz_libs) \
	$(CMOCKA_LIBS) $(DPDK_LIBS) $(NUMA_LIBS)
tests_fuzz_fuzz_ledger_SOURCES = $(fuzz_ops) \
	tests/fuzz/fuzz-ledger.c \
	tests/fuzz/leftovers.c \
	tests/fuzz/leftovers.h

tests_fuzz_fuzz_resume_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_resume_CFLAGS = $(fuzz_cflags) $(DPDK_CFLAGS) \
	$(CMOCKA_CFLAGS)
tests_fuzz_fuzz_resume_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_resume_LDADD = $(fuzz_libs) \
	$(CMOCKA_LIBS) $(DPDK_LIBS) $(NUMA_LIBS)
tests_fuzz_fuzz_resume_SOURCES = $(fuzz_ops) \
	tests/fuzz/fuzz-resume.c \
	tests/fuzz/leftovers.c \
	tests/fuzz/leftovers.h

tests_fuzz_fuzz_rx_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_rx_CFLAGS = $(fuzz_cflags) $(DPDK_CFLAGS) $(CMOCKA_CFLAGS)
tests_fuzz_fuzz_rx_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_rx_LDADD = $(fuzz_libs) \
	$(CMOCKA_LIBS) $(DPDK_LIBS) $(NUMA_LIBS)
tests_fuzz_fuzz_rx_SOURCES = $(fuzz_ops) tests/fuzz/fuzz-rx.c

endif

EXTRA_DIST += \
	tests/fuzz/corpus \
	tests/fuzz/merge \
	tests/fuzz/run \
	tests/fuzz/seeds.py

fuzz-build:
	@test -n "$(FUZZ_CC)" && test -n "$(fuzz_targets)" || \
	    { echo "fuzzing needs clang and cmocka: configure anew"; exit 1; }
	+$(MAKE) $(AM_MAKEFLAGS) CC='$(FUZZ_CC)' CFLAGS= $(fuzz_targets)

# "make fuzz FUZZ_SECONDS=60 FUZZ_JOBS=1 FUZZ_PATTERN=rx"
fuzz: fuzz-build
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) \
	    $(srcdir)/tests/fuzz/run tests/fuzz \
	    $(srcdir)/tests/fuzz/corpus tests/fuzz/found $(FUZZ_PATTERN)

# Takes what was found into the corpus that is kept.
fuzz-merge: fuzz-build
	$(srcdir)/tests/fuzz/merge tests/fuzz $(srcdir)/tests/fuzz/corpus \
	    tests/fuzz/found

.PHONY: fuzz fuzz-build fuzz-merge
