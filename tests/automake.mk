# SPDX-License-Identifier: Apache-2.0
#
# Tests of the operator's commands and of the whole.  Those in tests/system
# need root and the patched switch: "./bootstrap check" runs them.

if !SANITIZER
TESTS += \
	tests/apply-test.sh \
	tests/completion-test.sh \
	tests/doctor-test.py \
	tests/domain-test.py \
	tests/guest-test.sh \
	tests/image-test.sh \
	tests/keys-test.py \
	tests/manual-test.py \
	tests/metrics-test.py \
	tests/ovs-results-test.py \
	tests/perf-test.py \
	tests/placement-test.py \
	tests/show-test.py \
	tests/snapshot-test.py \
	tests/soak-test.py \
	tests/style-test.sh
endif
EXTRA_DIST += \
	.ci/run \
	.shellcheckrc \
	tests/apply-test.sh \
	tests/check.sh \
	tests/completion-test.sh \
	tests/debian-root \
	tests/doctor-test.py \
	tests/domain-test.py \
	tests/domain_facts.py \
	tests/exposition.py \
	tests/guest-test.sh \
	tests/image-test.sh \
	tests/keys-test.py \
	tests/manual-test.py \
	tests/metrics-test.py \
	tests/ovs-results-test.py \
	tests/perf-test.py \
	tests/placement-test.py \
	tests/show-test.py \
	tests/show_bridge.py \
	tests/snapshot-test.py \
	tests/soak-test.py \
	tests/style-test.sh \
	tests/system

# NFs for the system tests: one that does what it is told to, and one that
# attacks the switch.
tests_probe_sources = \
	tests/probe.c \
	tests/probe.h \
	tests/source.c \
	tests/source.h

noinst_PROGRAMS = tests/nf-probe
tests_nf_probe_LDFLAGS = $(NF_LDFLAGS)
tests_nf_probe_SOURCES = tests/nf-probe.c $(tests_probe_sources)

noinst_PROGRAMS += tests/nf-hostile
tests_nf_hostile_CFLAGS = $(AM_CFLAGS) -pthread
tests_nf_hostile_LDFLAGS = $(NF_LDFLAGS)
tests_nf_hostile_SOURCES = \
	tests/hostile-file.c \
	tests/hostile-flip.c \
	tests/hostile-hoard.c \
	tests/hostile-link.c \
	tests/hostile-place.c \
	tests/hostile-reference.c \
	tests/hostile-ring.c \
	tests/hostile-state.c \
	tests/hostile-wake.c \
	tests/hostile.c \
	tests/hostile.h \
	tests/nf-hostile.c \
	$(tests_probe_sources)

# One by the manual page: no header of the project is where it is looked for.
noinst_PROGRAMS += tests/second-nf
tests_second_nf_CPPFLAGS = -D_GNU_SOURCE
tests_second_nf_LDFLAGS = $(NF_LDFLAGS)
tests_second_nf_SOURCES = tests/second-nf.c

# For guests, where there are no libraries.
noinst_PROGRAMS += tests/guest-probe
tests_guest_probe_LDFLAGS = $(NF_LDFLAGS)
tests_guest_probe_SOURCES = tests/guest-probe.c

noinst_PROGRAMS += tests/nf-writer
tests_nf_writer_CPPFLAGS = $(nf_cppflags)
tests_nf_writer_LDFLAGS = $(NF_LDFLAGS)
tests_nf_writer_LDADD = nf-shim/libnf-shim.la
tests_nf_writer_SOURCES = tests/nf-writer.c

# The two ends of the soak test's traffic.
noinst_PROGRAMS += tests/nf-traffic
tests_nf_traffic_CPPFLAGS = $(nf_cppflags)
tests_nf_traffic_LDFLAGS = $(NF_LDFLAGS)
tests_nf_traffic_LDADD = nf-shim/libnf-shim.la
tests_nf_traffic_SOURCES = tests/nf-traffic.c tests/traffic.c tests/traffic.h

if HAVE_CMOCKA
check_PROGRAMS += tests/test-traffic
tests_test_traffic_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_test_traffic_LDADD = $(CMOCKA_LIBS)
tests_test_traffic_SOURCES = \
	tests/test-traffic.c \
	tests/traffic.c \
	tests/traffic.h
endif
