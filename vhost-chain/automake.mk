# SPDX-License-Identifier: Apache-2.0
#
# libvhost-chain, the switch side.  vhc/abi.h and vhc/ring.h belong to both
# sides and are installed once, from here.

vhcincludedir = $(includedir)/vhc
dist_vhcinclude_HEADERS = \
	vhost-chain/include/vhc/abi.h \
	vhost-chain/include/vhc/drops.h \
	vhost-chain/include/vhc/pool.h \
	vhost-chain/include/vhc/port.h \
	vhost-chain/include/vhc/ring.h

lib_LTLIBRARIES += libvhost-chain.la
libvhost_chain_la_SOURCES = \
	vhost-chain/lib/attach.c \
	vhost-chain/lib/attach.h \
	vhost-chain/lib/burst.c \
	vhost-chain/lib/check.h \
	vhost-chain/lib/drops.c \
	vhost-chain/lib/error.c \
	vhost-chain/lib/error.h \
	vhost-chain/lib/geometry.c \
	vhost-chain/lib/geometry.h \
	vhost-chain/lib/guard.c \
	vhost-chain/lib/guard.h \
	vhost-chain/lib/header.c \
	vhost-chain/lib/header.h \
	vhost-chain/lib/hugepages.c \
	vhost-chain/lib/hugepages.h \
	vhost-chain/lib/ledger.c \
	vhost-chain/lib/ledger.h \
	vhost-chain/lib/mappers.c \
	vhost-chain/lib/mappers.h \
	vhost-chain/lib/mempool.c \
	vhost-chain/lib/watch.c \
	vhost-chain/lib/watch.h \
	vhost-chain/lib/pool-private.h \
	vhost-chain/lib/pool.c \
	vhost-chain/lib/port-private.h \
	vhost-chain/lib/port.c \
	vhost-chain/lib/record.c \
	vhost-chain/lib/record.h \
	vhost-chain/lib/resume.c \
	vhost-chain/lib/resume.h \
	vhost-chain/lib/session.c \
	vhost-chain/lib/shmfile.c \
	vhost-chain/lib/shmfile.h \
	vhost-chain/lib/slots.c \
	vhost-chain/lib/slots.h \
	vhost-chain/lib/stall.c \
	vhost-chain/lib/stats.c \
	vhost-chain/lib/wake.c
# rte_pktmbuf_pool_create_extbuf() and rte_dev_dma_map() are experimental in
# DPDK 22.11.
libvhost_chain_la_CPPFLAGS = $(AM_CPPFLAGS) -DALLOW_EXPERIMENTAL_API
libvhost_chain_la_CFLAGS = $(AM_CFLAGS) $(DPDK_CFLAGS) $(NUMA_CFLAGS)
libvhost_chain_la_LIBADD = $(DPDK_LIBS) $(NUMA_LIBS)
libvhost_chain_la_LDFLAGS = -no-undefined -version-info 0:0:0 \
	-export-symbols-regex '^vhc_(pool|port|drop|reason|state)_'

pkgconfig_DATA += vhost-chain/libvhost-chain.pc

# The protocols as models, for spin.
if !SANITIZER
TESTS += vhost-chain/models/models-test.sh
endif
EXTRA_DIST += \
	vhost-chain/models/README.md \
	vhost-chain/models/models-test.sh \
	vhost-chain/models/owner.pml \
	vhost-chain/models/records.pml \
	vhost-chain/models/restart.pml \
	vhost-chain/models/ring.pml \
	vhost-chain/models/wake.pml

# Unit tests: no root, no hugepages, no switch.  They contain the library,
# because they look at what it does not export.
if HAVE_CMOCKA
vhc_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/vhost-chain/lib
vhc_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
vhc_test_ldadd = libvhost-chain.la $(CMOCKA_LIBS)
if THREAD_SANITIZER
vhc_test_sizes = -DN_ENTRIES=1000000 -DN_SLEEPS=20000 -DN_ROUNDS=40
endif

check_PROGRAMS += vhost-chain/tests/test-abi
vhost_chain_tests_test_abi_CFLAGS = $(vhc_test_cflags)
vhost_chain_tests_test_abi_LDADD = $(CMOCKA_LIBS)
vhost_chain_tests_test_abi_SOURCES = vhost-chain/tests/test-abi.c

check_PROGRAMS += vhost-chain/tests/test-ring
vhost_chain_tests_test_ring_CFLAGS = $(vhc_test_cflags)
vhost_chain_tests_test_ring_LDADD = $(CMOCKA_LIBS)
vhost_chain_tests_test_ring_SOURCES = vhost-chain/tests/test-ring.c

check_PROGRAMS += vhost-chain/tests/test-threads
vhost_chain_tests_test_threads_CPPFLAGS = $(AM_CPPFLAGS) $(vhc_test_sizes)
vhost_chain_tests_test_threads_CFLAGS = $(vhc_test_cflags) -pthread
vhost_chain_tests_test_threads_LDADD = $(CMOCKA_LIBS)
vhost_chain_tests_test_threads_SOURCES = vhost-chain/tests/test-threads.c

check_PROGRAMS += vhost-chain/tests/test-check
vhost_chain_tests_test_check_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_check_CFLAGS = $(vhc_test_cflags)
vhost_chain_tests_test_check_LDADD = $(vhc_test_ldadd)
vhost_chain_tests_test_check_LDFLAGS = -static
vhost_chain_tests_test_check_SOURCES = vhost-chain/tests/test-check.c

check_PROGRAMS += vhost-chain/tests/test-geometry
vhost_chain_tests_test_geometry_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_geometry_CFLAGS = $(vhc_test_cflags)
vhost_chain_tests_test_geometry_LDADD = $(vhc_test_ldadd)
vhost_chain_tests_test_geometry_LDFLAGS = -static
vhost_chain_tests_test_geometry_SOURCES = vhost-chain/tests/test-geometry.c

check_PROGRAMS += vhost-chain/tests/test-attach
vhost_chain_tests_test_attach_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_attach_CFLAGS = $(vhc_test_cflags)
vhost_chain_tests_test_attach_LDADD = $(vhc_test_ldadd)
vhost_chain_tests_test_attach_LDFLAGS = -static
vhost_chain_tests_test_attach_SOURCES = vhost-chain/tests/test-attach.c

vhc_test_eal = \
	vhost-chain/tests/eal.c \
	vhost-chain/tests/eal.h \
	vhost-chain/tests/sandbox.c \
	vhost-chain/tests/sandbox.h \
	vhost-chain/tests/scratch.c \
	vhost-chain/tests/scratch.h

vhc_test_rig = \
	vhost-chain/tests/again.c \
	vhost-chain/tests/again.h \
	vhost-chain/tests/fake-nf.c \
	vhost-chain/tests/fake-nf.h \
	vhost-chain/tests/rig.c \
	vhost-chain/tests/rig.h

check_PROGRAMS += vhost-chain/tests/test-pool
vhost_chain_tests_test_pool_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_pool_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_pool_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_pool_LDFLAGS = -static
vhost_chain_tests_test_pool_SOURCES = $(vhc_test_eal) \
	vhost-chain/tests/test-pool.c

check_PROGRAMS += vhost-chain/tests/test-mempool
vhost_chain_tests_test_mempool_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_mempool_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_mempool_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_mempool_LDFLAGS = -static
vhost_chain_tests_test_mempool_SOURCES = $(vhc_test_eal) \
	vhost-chain/tests/test-mempool.c

check_PROGRAMS += vhost-chain/tests/test-port
vhost_chain_tests_test_port_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_port_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_port_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_port_LDFLAGS = -static
vhost_chain_tests_test_port_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-port.c

check_PROGRAMS += vhost-chain/tests/test-rx
vhost_chain_tests_test_rx_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_rx_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_rx_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_rx_LDFLAGS = -static
vhost_chain_tests_test_rx_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-rx.c

check_PROGRAMS += vhost-chain/tests/test-tx
vhost_chain_tests_test_tx_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_tx_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_tx_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_tx_LDFLAGS = -static
vhost_chain_tests_test_tx_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-tx.c

check_PROGRAMS += vhost-chain/tests/test-queues
vhost_chain_tests_test_queues_CPPFLAGS = $(vhc_test_cppflags) \
	$(vhc_test_sizes)
vhost_chain_tests_test_queues_CFLAGS = \
	$(vhc_test_cflags) $(DPDK_CFLAGS) -pthread
vhost_chain_tests_test_queues_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_queues_LDFLAGS = -static
vhost_chain_tests_test_queues_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-queues.c

check_PROGRAMS += vhost-chain/tests/test-roles
vhost_chain_tests_test_roles_CPPFLAGS = $(vhc_test_cppflags) $(vhc_test_sizes)
vhost_chain_tests_test_roles_CFLAGS = \
	$(vhc_test_cflags) $(DPDK_CFLAGS) -pthread
vhost_chain_tests_test_roles_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_roles_LDFLAGS = -static
vhost_chain_tests_test_roles_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-roles.c

check_PROGRAMS += vhost-chain/tests/test-open
vhost_chain_tests_test_open_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_open_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_open_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_open_LDFLAGS = -static
vhost_chain_tests_test_open_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-open.c

check_PROGRAMS += vhost-chain/tests/test-peer
vhost_chain_tests_test_peer_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_peer_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_peer_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_peer_LDFLAGS = -static
vhost_chain_tests_test_peer_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-peer.c

check_PROGRAMS += vhost-chain/tests/test-guard
vhost_chain_tests_test_guard_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_guard_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_guard_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_guard_LDFLAGS = -static
vhost_chain_tests_test_guard_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-guard.c

check_PROGRAMS += vhost-chain/tests/test-guest
vhost_chain_tests_test_guest_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_guest_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_guest_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_guest_LDFLAGS = -static
vhost_chain_tests_test_guest_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-guest.c

check_PROGRAMS += vhost-chain/tests/test-header
vhost_chain_tests_test_header_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_header_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_header_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_header_LDFLAGS = -static
vhost_chain_tests_test_header_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-header.c

check_PROGRAMS += vhost-chain/tests/test-stall
vhost_chain_tests_test_stall_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_stall_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_stall_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_stall_LDFLAGS = -static
vhost_chain_tests_test_stall_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-stall.c

check_PROGRAMS += vhost-chain/tests/test-files
vhost_chain_tests_test_files_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_files_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_files_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_files_LDFLAGS = -static
vhost_chain_tests_test_files_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-files.c

check_PROGRAMS += vhost-chain/tests/test-ledger
vhost_chain_tests_test_ledger_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_ledger_CFLAGS = $(vhc_test_cflags)
vhost_chain_tests_test_ledger_LDADD = $(vhc_test_ldadd)
vhost_chain_tests_test_ledger_LDFLAGS = -static
vhost_chain_tests_test_ledger_SOURCES = vhost-chain/tests/test-ledger.c

check_PROGRAMS += vhost-chain/tests/test-restart
vhost_chain_tests_test_restart_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_restart_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_restart_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_restart_LDFLAGS = -static
vhost_chain_tests_test_restart_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-restart.c

check_PROGRAMS += vhost-chain/tests/test-restart-peer
vhost_chain_tests_test_restart_peer_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_restart_peer_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_restart_peer_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_restart_peer_LDFLAGS = -static
vhost_chain_tests_test_restart_peer_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-restart-peer.c

check_PROGRAMS += vhost-chain/tests/test-leftovers
vhost_chain_tests_test_leftovers_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_leftovers_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_leftovers_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_leftovers_LDFLAGS = -static
vhost_chain_tests_test_leftovers_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-leftovers.c

check_PROGRAMS += vhost-chain/tests/test-killed
vhost_chain_tests_test_killed_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_killed_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_killed_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_killed_LDFLAGS = -static
vhost_chain_tests_test_killed_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-killed.c

if ADDRESS_SANITIZER
check_PROGRAMS += vhost-chain/tests/test-watch
vhost_chain_tests_test_watch_CPPFLAGS = $(vhc_test_cppflags)
vhost_chain_tests_test_watch_CFLAGS = $(vhc_test_cflags) $(DPDK_CFLAGS)
vhost_chain_tests_test_watch_LDADD = $(vhc_test_ldadd) $(DPDK_LIBS)
vhost_chain_tests_test_watch_LDFLAGS = -static
vhost_chain_tests_test_watch_SOURCES = $(vhc_test_eal) $(vhc_test_rig) \
	vhost-chain/tests/test-watch.c
endif
endif
