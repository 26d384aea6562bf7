# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Open vSwitch as the distribution has it, from its package openvswitch-source:
# a tarball in Debian 12, a tree in Debian 13.  Debian's own patches are in it.

source_tree=/usr/src/openvswitch

# Prints what is there, the tarball or the tree.
source_path() {
    if [ -f "$source_tree/openvswitch.tar.gz" ]; then
        echo "$source_tree/openvswitch.tar.gz"
    elif [ -f "$source_tree/configure.ac" ]; then
        echo "$source_tree"
    else
        echo "there is no Open vSwitch in $source_tree;" \
            "apt-get install openvswitch-source" >&2
        return 1
    fi
}

# Prints configure.ac.
source_configure() {
    if [ -f "$1" ]; then
        tar -xzOf "$1" --wildcards '*/configure.ac'
    else
        cat "$1/configure.ac"
    fi
}

# Prints its release, as in 3.5.
source_release() {
    local path
    path=$(source_path) || return 1
    source_configure "$path" |
        sed -n 's/^AC_INIT(openvswitch, \([0-9]*\.[0-9]*\)\..*/\1/p'
}

# Prints a hash of it; of a tree, one of what a change of a file changes.
source_hash() {
    local path
    path=$(source_path) || return 1
    if [ -f "$path" ]; then
        sha256sum < "$path"
    else
        find "$path" -type f -printf '%P %s %T@\n' | LC_ALL=C sort | sha256sum
    fi
}

# source_unpack DIR: makes DIR a copy of it.
source_unpack() {
    local path
    path=$(source_path) || return 1
    mkdir -p "$1"
    if [ -f "$path" ]; then
        tar -xzf "$path" -C "$1" --strip-components=1
    else
        cp -a "$path/." "$1"
    fi
}

# make_daemon OBJ JOBS [TARGET]...: builds ovs-vswitchd alone, and TARGETs.
# Make makes the sources that all others need only for targets of its own.
make_daemon() {
    make -C "$1" -j"$2" -f - built << 'END' || return 1
include Makefile
built: $(BUILT_SOURCES)
END
    make -C "$1" -j"$2" vswitchd/ovs-vswitchd "${@:3}"
}
