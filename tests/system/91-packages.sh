#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Debian packages: what is in them and what they need; installed on a host
# with Debian's Open vSwitch running, used, removed and purged.
# slow
#
#   root (root.sh)       /debs                   what './bootstrap deb' made
#                        /usr/sbin/ovs-vswitchd  Debian's or, while it is
#                                                selected, the packages'

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=root.sh
. "$(dirname "$0")/root.sh"

debs=${OVS_CHAIN_DEBS:-}
[ -e "$debs/made" ] || skip "no packages: './bootstrap deb' makes them"
packages=(libnf-shim-dev libnf-shim0 openvswitch-switch-chain ovs-chain)
ours=/usr/lib/openvswitch-switch-chain/ovs-vswitchd-chain
dpdk=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
plain=/usr/lib/openvswitch-switch/ovs-vswitchd
arch=$(dpkg --print-architecture)

# The field of a package's control file.
field() {
    dpkg-deb -f "$debs/$1"_*_"$arch".deb "$2"
}

names() {
    (cd "$debs" && printf '%s\n' *.deb) | sed '/-dbgsym_/d; s/_.*//' |
        LC_ALL=C sort | paste -sd ' '
}

# The paths in packages, without folders and what only packages have.
paths() {
    local one
    for one; do
        dpkg-deb --fsys-tarfile "$debs/$one"_*_"$arch".deb | tar -t
    done | sed 's|^\./||; s|\.gz$||; \|^$|d; \|/$|d' |
        grep -v '^usr/share/\(doc\|lintian\|python3\)/' | LC_ALL=C sort
}

is "the packages are there, and no others" "${packages[*]}" names

# They hold what 'make install' installs, each file once, but for the switch's
# own library; the build here is one without the switch.
make -s -C "$tree" install DESTDIR="$scratch/made" > "$scratch/install" 2>&1 ||
    fail "make install: $(tail -n 3 "$scratch/install")"
libdir=lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)
(cd "$scratch/made$prefix" && find . ! -type d) |
    sed "s|^\./|usr/|; s|^usr/lib/|usr/$libdir/|; /\.la$/d; /libvhost-chain/d
        /usr\/include\/vhc\/\(drops\|pool\|port\|ring\)\.h/d" |
    LC_ALL=C sort > "$scratch/expected"
paths "${packages[@]}" > "$scratch/paths"
is "no file is in two packages" '' uniq -d "$scratch/paths"
grep -v 'ovs-vswitchd' "$scratch/paths" > "$scratch/ours"
ok "they hold what 'make install' installs" \
    diff "$scratch/expected" "$scratch/ours"
paths openvswitch-switch-chain > "$scratch/switch"
ok "and the switch" grep -qx "${ours#/}" "$scratch/switch"
ok "with its manual page" grep -qx \
    usr/share/man/man5/ovs-vswitchd-chain.conf.db.5 "$scratch/switch"

# What Debian's own is must not depend on what is installed beside it.
root_begin --bind "$debs:/debs"
# shellcheck disable=SC2016
version=$(in_root dpkg-query -W -f '${Version}' openvswitch-switch)
field openvswitch-switch-chain Depends | sed 's/, */\n/g' > "$scratch/needs"

# Whether the switch can be installed beside that version.
goes_with() {
    local relation bound n=0
    while read -r relation bound; do
        dpkg --compare-versions "$1" "$relation" "$bound" || return 1
        n=$((n + 1))
    done < <(sed -n 's/^openvswitch-switch (\(.*\))$/\1/p' "$scratch/needs")
    [ "$n" -gt 0 ]
}

ok "the switch belongs to this openvswitch-switch" goes_with "$version"
source=${version%+b[0-9]*}
ok "also if that is built again" goes_with "$source+b7"
for other in "$source~" "$source+deb99u1" "${source}1" "$source.1"; do
    ok "but not to $other" not goes_with "$other"
done

# Files of the root, links with their targets, that stay with it.
files() {
    in_root find / -xdev \( -path /debs -o -path /dev -o -path /tmp -o \
        -path /var/lib/dpkg -o -path /var/log -o -path /var/cache/ldconfig \
        \) -prune -o -printf '%p %l\n' | LC_ALL=C sort
}

alternatives() {
    in_root update-alternatives --query ovs-vswitchd
}

# A field of what update-alternatives knows: of the link, not the candidates.
alternative() {
    alternatives | sed -n "1,/^$/s/^$1: //p"
}

# Whether the program is registered, and with which priority.
priority() {
    alternatives | sed -n "\|^Alternative: $1\$|,/^$/s/^Priority: //p"
}

switch_pid() {
    in_root cat /run/openvswitch/ovs-vswitchd.pid
}

# The process that is the switch, and its program.
running() {
    local pid
    pid=$(switch_pid)
    say "$pid $(in_root readlink "/proc/$pid/exe")"
}

# Whatever is selected, as Debian's scripts start it; no kernel module.
switch_start() {
    in_root ovs-vswitchd --pidfile --detach --no-chdir --log-file > /dev/null
}

in_root mkdir -p /run/openvswitch
in_root ovsdb-tool create /var/lib/openvswitch/conf.db \
    /usr/share/openvswitch/vswitch.ovsschema
in_root ovsdb-server /var/lib/openvswitch/conf.db --pidfile --log-file \
    --remote=punix:/run/openvswitch/db.sock --detach --no-chdir
in_root ovs-vsctl --no-wait init
switch_start
pid=$(switch_pid)
is "Debian's switch runs" "$pid $plain" running
alternatives > "$scratch/alternatives"
files > "$scratch/files"

install_all() {
    in_root sh -c "dpkg -i \$(ls /debs/*.deb | grep -v -- -dbgsym_)" \
        > "$scratch/dpkg" 2>&1 ||
        fail "dpkg -i: $(tail -n 5 "$scratch/dpkg")"
}

install_all
is "they install, and depend on nothing that is missing" '' \
    in_root dpkg --audit
is "the same switch runs" "$pid $plain" running
is "and stays selected" "$plain" alternative Value
is "by itself" auto alternative Status
is "ours can be selected" 10 priority "$ours"
ok "others would be selected before" \
    [ "$(priority "$ours")" -lt "$(priority "$dpdk")" ]

# Used.
in_root "$ours" --version > "$scratch/version"
contains "our switch is that Open vSwitch" \
    "^ovs-vswitchd.* ${version%%-*}$" "$scratch/version"
in_root ldd "$ours" > "$scratch/ldd"
is "and finds its libraries, libvhost-chain inside" '' \
    sed -n '/not found\|vhost-chain/p' "$scratch/ldd"
in_root zcat /usr/share/man/man5/ovs-vswitchd-chain.conf.db.5.gz \
    > "$scratch/manual"
contains "its manual has the keys" 'chain.*pool' "$scratch/manual"
ok "NFs run" in_root nf-forward --help
ok "the command runs" in_root ovs-chain help
echo 'wan <-> fw <-> lan' > "$(root_path /tmp/chain)"
in_root ovs-chain apply --dry-run --ports wan,fw,lan /tmp/chain > "$scratch/fl"
contains "and makes flows" in_port=fw "$scratch/fl"

# A program of a user's, with the library.
flags=$(PKG_CONFIG_LIBDIR=$(root_path "/usr/$libdir/pkgconfig") \
    pkg-config --libs-only-l libnf-shim)
cp "$here/../../nf-shim/nfs/nf-forward.c" "$scratch/mine.c"
# shellcheck disable=SC2086
gcc -o "$(root_path /tmp/mine)" "$scratch/mine.c" \
    -I"$(root_path /usr/include)" -L"$(root_path "/usr/$libdir")" $flags
in_root ldd /tmp/mine > "$scratch/ldd"
contains "it is linked with the shared one" 'libnf-shim.so.0 => /' \
    "$scratch/ldd"
ok "and runs" in_root /tmp/mine --help

# A private instance, of the installed switch.  The hugepages that it adds are
# the machine's, and go back whatever happens.
instance_ends() {
    local status=$?
    set +e
    in_root ovs-chain stop --name p > /dev/null 2>&1
    (exit "$status")
    clean_up
}

trap instance_ends EXIT
in_root ovs-chain start --name p --memory 64 --pools 8 > "$scratch/start" ||
    fail "ovs-chain start: $(tail -n 3 "$scratch/start")"
# shellcheck disable=SC2016
in_root bash -ec 'eval "$(ovs-chain env p)"
    readlink /proc/$(cat $OVS_RUNDIR/ovs-vswitchd.pid)/exe
    ovs-vsctl set Open_vSwitch . \
        other_config:chain-pool-blue="size=8M,dir=$OVS_CHAIN_HUGE"
    ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev
    ovs-vsctl add-port br0 fw -- set Interface fw \
        type=dpdkvhostuserclient options:chain-pool=blue
    nf-forward $OVS_CHAIN_DIR/ovs-chain.blue.fw > /tmp/nf.log 2>&1 &
    ovs-vsctl --timeout=60 wait-until Interface fw link_state=up
    ovs-chain show --name p
    kill $!' > "$scratch/instance" || {
    tail -n 20 "$(root_path /run/ovs-chain/p/ovs-vswitchd.log)" /dev/null
    fail "instance: $(< "$scratch/instance")"
}
cat "$scratch/instance"
# Where this root is in another, the path is the one from outside.
contains "the instance runs our switch" "$ours\$" "$scratch/instance"
contains "and an NF attaches" 'attached' "$scratch/instance"
# The command that could end it is about to go.
in_root dpkg -r openvswitch-switch-chain ovs-chain > "$scratch/dpkg" 2>&1 ||
    fail "dpkg -r: $(tail -n 5 "$scratch/dpkg")"
ok "the instance ends with the package" not in_root test -e /run/ovs-chain/p
trap clean_up EXIT
is "the host's switch noticed nothing" "$pid $plain" running

# Removed while it is selected and runs: back to what was selected before.
# Nothing that runs is ended.
install_all
in_root kill "$pid"
wait_for "$patience" not in_root test -e /proc/"$pid"
in_root update-alternatives --set ovs-vswitchd "$ours" > /dev/null
switch_start
is "our switch runs in place of Debian's" "$(switch_pid) $ours" running
install_all
is "installed once more, ours stays selected" "$ours" alternative Value
contains "and it is said that the one before runs" 'is of the package before' \
    "$scratch/dpkg"
in_root dpkg -r openvswitch-switch-chain > "$scratch/dpkg" 2>&1 ||
    fail "dpkg -r: $(tail -n 5 "$scratch/dpkg")"
is "removed, Debian's is selected" "$plain" alternative Value
is "by itself, as before" auto alternative Status
is "and ours is unknown" '' priority "$ours"
ok "a switch still answers" in_root ovs-appctl --timeout=10 version

# The operator's command alone.
! in_root ovs-chain start --name p > "$scratch/start" 2>&1 ||
    fail "ovs-chain starts an instance of Debian's switch"
contains "without our switch, ovs-chain says what to install" \
    'ovs-vswitchd knows no chains: install openvswitch-switch-chain$' \
    "$scratch/start"

# The same when another had been selected by hand and "enable" has noted it.
install_all
in_root sh -ec "mkdir -p /var/lib/ovs-chain/host
    echo 'manual $dpdk' > /var/lib/ovs-chain/host/selected
    update-alternatives --set ovs-vswitchd $ours
    kill \$(cat /run/openvswitch/ovs-vswitchd.pid)" > /dev/null
in_root dpkg -r openvswitch-switch-chain > "$scratch/dpkg" 2>&1
is "removed, the one that was selected is" "$dpdk" alternative Value
is "by hand, as before" manual alternative Status

# Nothing is left.
in_root update-alternatives --auto ovs-vswitchd > /dev/null
in_root dpkg --purge "${packages[@]}" > "$scratch/dpkg" 2>&1 ||
    fail "dpkg --purge: $(tail -n 5 "$scratch/dpkg")"
is "purge finds nothing foreign in its folders" '' \
    sed -n '/not empty/p' "$scratch/dpkg"
ok "the alternatives are what they were" \
    diff "$scratch/alternatives" <(alternatives)
ok "no file is left" diff "$scratch/files" <(files)
ok "Debian's packages are whole" in_root dpkg --verify openvswitch-switch \
    openvswitch-switch-dpdk openvswitch-common
