# SPDX-License-Identifier: Apache-2.0
#
# Tests of the operator's commands and of the whole.  Those in tests/system
# need root and the patched switch: "./bootstrap check" runs them.

TESTS += \
	tests/apply-test.sh \
	tests/style-test.sh
EXTRA_DIST += \
	.ci/run \
	.shellcheckrc \
	tests/apply-test.sh \
	tests/style-test.sh \
	tests/system

# An NF for the system tests, which break the protocol with it.
noinst_PROGRAMS = tests/nf-probe
tests_nf_probe_SOURCES = tests/nf-probe.c
