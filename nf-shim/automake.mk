# SPDX-License-Identifier: Apache-2.0
#
# libnf-shim, the NF side, and the NFs.  Needs nothing but libc.

nf_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/nf-shim/include

nfincludedir = $(includedir)/nf
dist_nfinclude_HEADERS = \
	nf-shim/include/nf/error.h \
	nf-shim/include/nf/main.h \
	nf-shim/include/nf/packet.h \
	nf-shim/include/nf/port.h \
	nf-shim/include/nf/run.h \
	nf-shim/include/nf/shim.h
pkgconfig_DATA += nf-shim/libnf-shim.pc

nf_shim_sources = \
	nf-shim/lib/attach.c \
	nf-shim/lib/burst.c \
	nf-shim/lib/error.c \
	nf-shim/lib/error.h \
	nf-shim/lib/fault.c \
	nf-shim/lib/fault.h \
	nf-shim/lib/guest.c \
	nf-shim/lib/ivshmem-find.c \
	nf-shim/lib/ivshmem.c \
	nf-shim/lib/ivshmem.h \
	nf-shim/lib/lanes.c \
	nf-shim/lib/layout.c \
	nf-shim/lib/layout.h \
	nf-shim/lib/local.c \
	nf-shim/lib/local.h \
	nf-shim/lib/loop.h \
	nf-shim/lib/main.c \
	nf-shim/lib/mapping-device.c \
	nf-shim/lib/mapping.c \
	nf-shim/lib/mapping.h \
	nf-shim/lib/memtype.c \
	nf-shim/lib/memtype.h \
	nf-shim/lib/nap.c \
	nf-shim/lib/nap.h \
	nf-shim/lib/port-private.h \
	nf-shim/lib/port.c \
	nf-shim/lib/run.c \
	nf-shim/lib/stats.c \
	nf-shim/lib/stats.h \
	nf-shim/lib/wait.c \
	nf-shim/lib/wake.c \
	nf-shim/lib/wake.h

lib_LTLIBRARIES += nf-shim/libnf-shim.la
nf_shim_libnf_shim_la_CPPFLAGS = $(nf_cppflags)
nf_shim_libnf_shim_la_LDFLAGS = -version-info 0:0:0 \
	-export-symbols-regex '^nf_'
nf_shim_libnf_shim_la_SOURCES = $(nf_shim_sources)

# The NFs contain the library and libc: they run in any guest, also in one that
# has nothing else.
bin_PROGRAMS += nf-shim/nf-forward
nf_shim_nf_forward_CPPFLAGS = $(nf_cppflags)
nf_shim_nf_forward_LDFLAGS = $(NF_LDFLAGS)
nf_shim_nf_forward_LDADD = nf-shim/libnf-shim.la
nf_shim_nf_forward_SOURCES = nf-shim/nfs/nf-forward.c

nf_rules_sources = \
	nf-shim/nfs/flow.c \
	nf-shim/nfs/flow.h \
	nf-shim/nfs/rules-parse.c \
	nf-shim/nfs/rules.c \
	nf-shim/nfs/rules.h \
	nf-shim/nfs/words.c \
	nf-shim/nfs/words.h

bin_PROGRAMS += nf-shim/nf-firewall
nf_shim_nf_firewall_CPPFLAGS = $(nf_cppflags)
nf_shim_nf_firewall_LDFLAGS = $(NF_LDFLAGS)
nf_shim_nf_firewall_LDADD = nf-shim/libnf-shim.la
nf_shim_nf_firewall_SOURCES = $(nf_rules_sources) nf-shim/nfs/nf-firewall.c

nf_counts_sources = \
	nf-shim/nfs/counts.c \
	nf-shim/nfs/counts.h \
	nf-shim/nfs/flow.c \
	nf-shim/nfs/flow.h \
	nf-shim/nfs/talkers.c \
	nf-shim/nfs/talkers.h

bin_PROGRAMS += nf-shim/nf-monitor
nf_shim_nf_monitor_CPPFLAGS = $(nf_cppflags)
nf_shim_nf_monitor_LDFLAGS = $(NF_LDFLAGS)
nf_shim_nf_monitor_LDADD = nf-shim/libnf-shim.la
nf_shim_nf_monitor_SOURCES = $(nf_counts_sources) nf-shim/nfs/nf-monitor.c

# Unit tests: no root, no hugepages, no switch.
if HAVE_CMOCKA
nf_test_cppflags = $(nf_cppflags) -I$(top_srcdir)/nf-shim/lib
nf_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -pthread
nf_test_ldadd = nf-shim/libnf-shim.la $(CMOCKA_LIBS)
if THREAD_SANITIZER
nf_test_sizes = -DROUNDS=2000
endif
nf_test_host = \
	nf-shim/tests/fake-host.c \
	nf-shim/tests/fake-host.h

check_PROGRAMS += nf-shim/tests/test-port
nf_shim_tests_test_port_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_port_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_port_LDFLAGS = -static
nf_shim_tests_test_port_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_port_SOURCES = $(nf_test_host) nf-shim/tests/test-port.c

nf_test_guest = $(nf_test_host) \
	nf-shim/tests/fake-guest.c \
	nf-shim/tests/fake-guest.h

check_PROGRAMS += nf-shim/tests/test-guest
nf_shim_tests_test_guest_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_guest_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_guest_LDFLAGS = -static
nf_shim_tests_test_guest_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_guest_SOURCES = $(nf_test_guest) nf-shim/tests/test-guest.c

check_PROGRAMS += nf-shim/tests/test-guest-run
nf_shim_tests_test_guest_run_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_guest_run_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_guest_run_LDFLAGS = -static
nf_shim_tests_test_guest_run_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_guest_run_SOURCES = $(nf_test_guest) \
	nf-shim/tests/test-guest-run.c

check_PROGRAMS += nf-shim/tests/test-wake
nf_shim_tests_test_wake_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_wake_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_wake_LDFLAGS = -static
nf_shim_tests_test_wake_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_wake_SOURCES = $(nf_test_guest) nf-shim/tests/test-wake.c

check_PROGRAMS += nf-shim/tests/test-wake-socket
nf_shim_tests_test_wake_socket_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_wake_socket_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_wake_socket_LDFLAGS = -static
nf_shim_tests_test_wake_socket_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_wake_socket_SOURCES = $(nf_test_guest) \
	nf-shim/tests/test-wake-socket.c

check_PROGRAMS += nf-shim/tests/test-local
nf_shim_tests_test_local_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_local_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_local_LDFLAGS = -static
nf_shim_tests_test_local_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_local_SOURCES = $(nf_test_guest) nf-shim/tests/test-local.c

check_PROGRAMS += nf-shim/tests/test-wait
nf_shim_tests_test_wait_CPPFLAGS = $(nf_test_cppflags) $(nf_test_sizes)
nf_shim_tests_test_wait_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_wait_LDFLAGS = -static
nf_shim_tests_test_wait_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_wait_SOURCES = $(nf_test_host) nf-shim/tests/test-wait.c

check_PROGRAMS += nf-shim/tests/test-layout
nf_shim_tests_test_layout_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_layout_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_layout_LDFLAGS = -static
nf_shim_tests_test_layout_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_layout_SOURCES = $(nf_test_host) nf-shim/tests/test-layout.c

check_PROGRAMS += nf-shim/tests/test-run
nf_shim_tests_test_run_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_run_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_run_LDFLAGS = -static
nf_shim_tests_test_run_LDADD = $(nf_test_ldadd)
nf_shim_tests_test_run_SOURCES = $(nf_test_host) nf-shim/tests/test-run.c

check_PROGRAMS += nf-shim/tests/test-packet
nf_shim_tests_test_packet_CPPFLAGS = $(nf_test_cppflags)
nf_shim_tests_test_packet_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_packet_LDADD = $(CMOCKA_LIBS)
nf_shim_tests_test_packet_SOURCES = \
	nf-shim/tests/test-packet.c

check_PROGRAMS += nf-shim/tests/test-flow
nf_shim_tests_test_flow_CPPFLAGS = $(nf_test_cppflags) \
	-I$(top_srcdir)/nf-shim/nfs
nf_shim_tests_test_flow_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_flow_LDADD = $(CMOCKA_LIBS)
nf_shim_tests_test_flow_SOURCES = \
	nf-shim/nfs/flow.c \
	nf-shim/nfs/flow.h \
	nf-shim/tests/frames.c \
	nf-shim/tests/frames.h \
	nf-shim/tests/test-flow.c

check_PROGRAMS += nf-shim/tests/test-rules
nf_shim_tests_test_rules_CPPFLAGS = $(nf_test_cppflags) \
	-I$(top_srcdir)/nf-shim/nfs
nf_shim_tests_test_rules_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_rules_LDADD = $(CMOCKA_LIBS)
nf_shim_tests_test_rules_SOURCES = \
	$(nf_rules_sources) \
	nf-shim/tests/frames.c \
	nf-shim/tests/frames.h \
	nf-shim/tests/test-rules.c

check_PROGRAMS += nf-shim/tests/test-counts
nf_shim_tests_test_counts_CPPFLAGS = $(nf_test_cppflags) \
	-I$(top_srcdir)/nf-shim/nfs
nf_shim_tests_test_counts_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_counts_LDADD = $(CMOCKA_LIBS)
nf_shim_tests_test_counts_SOURCES = \
	$(nf_counts_sources) \
	nf-shim/tests/frames.c \
	nf-shim/tests/frames.h \
	nf-shim/tests/test-counts.c

check_PROGRAMS += nf-shim/tests/test-nfs
nf_shim_tests_test_nfs_CPPFLAGS = $(nf_test_cppflags) \
	-DNF_BUILDDIR='"$(abs_top_builddir)/nf-shim"'
nf_shim_tests_test_nfs_CFLAGS = $(nf_test_cflags)
nf_shim_tests_test_nfs_LDADD = $(CMOCKA_LIBS)
nf_shim_tests_test_nfs_SOURCES = $(nf_test_host) \
	nf-shim/tests/frames.c \
	nf-shim/tests/frames.h \
	nf-shim/tests/test-nfs.c
endif
