# SPDX-License-Identifier: Apache-2.0
#
# The patched Open vSwitch is built by ovs-patches/build, not by make, and
# checked by ovs-patches/check.  Here, with --with-switch, only the one daemon
# is, for hosts that have the distribution's Open vSwitch.

EXTRA_DIST += \
	ovs-patches/3.1 \
	ovs-patches/3.5 \
	ovs-patches/README.md \
	ovs-patches/build \
	ovs-patches/check \
	ovs-patches/glue \
	ovs-patches/isolated \
	ovs-patches/lsan.supp \
	ovs-patches/results.py \
	ovs-patches/source.sh \
	ovs-patches/verify

if SWITCH
switch_jobs = $${SWITCH_JOBS:-$$(nproc)}
switch_built = ovs-patches/beside/ovs-vswitchd-chain
switchdir = $(prefix)/lib/openvswitch-switch-chain
switch_SCRIPTS = $(switch_built)
man_MANS += $(switch_built).conf.db.5

# The script sees what has changed.  What is set on the command line of this
# make is not for the other one.
.PHONY: switch
switch: libvhost-chain.la
	$(AM_V_GEN)CFLAGS='$(CFLAGS)' CPPFLAGS='$(CPPFLAGS)' \
	LDFLAGS='$(LDFLAGS)' MAKEFLAGS= $(srcdir)/ovs-patches/build \
	    --beside .libs/libvhost-chain.a $(SWITCH_OPTIONS) \
	    --jobs $(switch_jobs) ovs-patches/beside

$(switch_built) $(switch_built).conf.db.5: switch

# Where a process is known by the name of its program, it is this one's.
install-data-hook:
	cd $(DESTDIR)$(switchdir) && ln -sf ovs-vswitchd-chain ovs-vswitchd

uninstall-hook:
	rm -f $(DESTDIR)$(switchdir)/ovs-vswitchd

clean-local:
	rm -rf ovs-patches/beside
endif
