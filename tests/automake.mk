# SPDX-License-Identifier: Apache-2.0
#
# Tests of the operator's commands and of the whole.  Those in tests/system
# need root and the patched switch: "./bootstrap check" runs them.

if !SANITIZER
TESTS += \
	tests/apply-test.sh \
	tests/domain-test.py \
	tests/guest-test.sh \
	tests/image-test.sh \
	tests/ovs-results-test.py \
	tests/perf-test.py \
	tests/placement-test.py \
	tests/style-test.sh
endif
EXTRA_DIST += \
	.ci/run \
	.shellcheckrc \
	tests/apply-test.sh \
	tests/domain-test.py \
	tests/domain_facts.py \
	tests/guest-test.sh \
	tests/image-test.sh \
	tests/ovs-results-test.py \
	tests/perf-test.py \
	tests/placement-test.py \
	tests/style-test.sh \
	tests/system

# An NF for the system tests, which break the protocol with it.
noinst_PROGRAMS = tests/nf-probe
tests_nf_probe_LDFLAGS = $(NF_LDFLAGS)
tests_nf_probe_SOURCES = tests/nf-probe.c

# For guests, where there are no libraries.
noinst_PROGRAMS += tests/guest-probe
tests_guest_probe_LDFLAGS = $(NF_LDFLAGS)
tests_guest_probe_SOURCES = tests/guest-probe.c

noinst_PROGRAMS += tests/nf-writer
tests_nf_writer_CPPFLAGS = $(nf_cppflags)
tests_nf_writer_LDFLAGS = $(NF_LDFLAGS)
tests_nf_writer_LDADD = nf-shim/libnf-shim.la
tests_nf_writer_SOURCES = tests/nf-writer.c
