#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What "ovs-chain vm run" makes of its words, without a switch and without a
# VM: the settings of a guest, QEMU's arguments for ports, and what is said of
# bad input.  Stand-ins for Open vSwitch's tools print what those would.

set -u

cd "${srcdir:-$(dirname "$0")/..}" || exit 99
command -v cpio > /dev/null || {
    echo "skipped: not installed: cpio"
    exit 77
}
share=$PWD/ovs-ctl-scripts
scratch=$(mktemp -d)
scratch=$(readlink -f "$scratch")
trap 'rm -rf "$scratch"' EXIT
n=0 failed=0

# shellcheck source=../ovs-ctl-scripts/vm-run.sh
. "$share/vm-run.sh"

# check WHAT EXPECTED GOT
check() {
    n=$((n + 1))
    [ "$2" = "$3" ] && return
    failed=$((failed + 1))
    printf 'case %d: %s\n--- expected\n%s\n--- got\n%s\n' "$n" "$1" "$2" "$3"
}

# An image with two network functions.
mkdir -p "$scratch/base/bin" "$scratch/my" "$scratch/other"
touch "$scratch"/base/bin/{nf-forward,nf-firewall,nf-run,busybox}
(cd "$scratch/base" && find bin | LC_ALL=C sort |
    cpio -o -H newc --quiet) > "$scratch/base.img"
echo 'default allow' > "$scratch/my/my.rules"
echo 'default deny' > "$scratch/other/my.rules"
printf '#!/bin/sh\n' > "$scratch/my/nf-own"
chmod +x "$scratch/my/nf-own"

initrd() {
    (guest_initrd "$scratch/out" "$scratch/base.img" "$@") 2>&1
}

# Unpacks the settings, which follow the image.
settings() {
    rm -rf "$scratch/x"
    mkdir "$scratch/x"
    tail -c "+$(($(stat -c %s "$scratch/base.img") + 1))" "$scratch/out" |
        (cd "$scratch/x" && cpio -id --quiet)
}

# 1 to 9: settings of a guest.
check 'much of everything' '' "$(initrd --address 192.0.2.1/24 --address - \
    --address 2001:db8::1/64 --copy "$scratch/my/my.rules" \
    nf-firewall --rules my.rules --address 'a b' '*')"
settings
check 'the image comes first' '' "$(head -c "$(stat -c %s \
    "$scratch/base.img")" "$scratch/out" | cmp - "$scratch/base.img" 2>&1)"
check 'the command' $'nf-firewall\n--rules\nmy.rules\n--address\na b\n*' \
    "$(cat "$scratch/x/etc/nf/command")"
check 'the addresses' $'192.0.2.1/24\n-\n2001:db8::1/64' \
    "$(cat "$scratch/x/etc/nf/addresses")"
check 'the file' 'default allow' "$(cat "$scratch/x/etc/nf/files/my.rules")"
cp "$scratch/out" "$scratch/first"
(umask 077; initrd --address 192.0.2.1/24 --address - --address \
    2001:db8::1/64 --copy "$scratch/my/my.rules" nf-firewall --rules my.rules \
    --address 'a b' '*')
check 'the same twice' '' "$(cmp "$scratch/first" "$scratch/out" 2>&1)"
check 'a program of the host' '' "$(initrd "$scratch/my/nf-own" -x)"
settings
check 'its command' $'./nf-own\n-x' "$(cat "$scratch/x/etc/nf/command")"
check 'can be run' yes \
    "$([ -x "$scratch/x/etc/nf/files/nf-own" ] && echo yes)"

# 10 to 19: bad settings.  (The name before the colon is this script's.)
check 'no such function' "guest-test.sh: the image has no 'nf-nix' but\
 nf-firewall nf-forward; a program of your own is named by its path, with a\
 '/'" "$(initrd nf-nix)"
check 'no program' "guest-test.sh: '$scratch/my/my.rules' is no program" \
    "$(initrd "$scratch/my/my.rules")"
check 'no file' "guest-test.sh: there is no file '/nonexistent'" \
    "$(initrd --copy /nonexistent nf-forward)"
check 'two of a name' "guest-test.sh: two files called 'my.rules' for one VM" \
    "$(initrd --copy "$scratch/my/my.rules" --copy "$scratch/other/my.rules" \
        nf-forward)"
for address in 192.0.2.1 192.0.2.1/ nix/24 ''; do
    check "address '$address'" "guest-test.sh: '$address' is no ADDRESS/LENGTH\
 such as 192.0.2.1/24" "$(initrd --address "$address" nf-forward)"
done
check 'newline' 'guest-test.sh: a newline in an argument of nf-forward' \
    "$(initrd nf-forward $'a\nb')"
check 'nothing left behind' '' "$(find "$scratch" -name 'out.*')"

# A switch with ports of two pools; "plain" has none and "shut" no socket.
mkdir -p "$scratch/bin" "$scratch/run" "$scratch/shm"
for size in 65536:blue.fw 65536:blue.ids 131072:red.x,y 4194304:blue \
            8388608:red; do
    truncate -s "${size%%:*}" "$scratch/shm/${size#*:}"
done

port() {
    printf '%s{"name":"%s","pool":"%s","access":"%s","ring":"%s/shm/%s"}' \
        "$@"
}

{
    echo '{"ports":['
    port '' fw blue rw "$scratch" blue.fw
    port , ids blue ro "$scratch" blue.ids
    port , x red ro "$scratch" red.x,y
    port , shut blue rw "$scratch" blue.fw
    port , lost blue rw "$scratch" blue.fw
    echo '],"pools":['
    echo '{"name":"blue","node":-1,"file":"'"$scratch"'/shm/blue"},'
    echo '{"name":"red","node":-1,"file":"'"$scratch"'/shm/red"}]}'
} > "$scratch/show-json"

row() {
    printf '%s["%s",["map",[%s]],["map",[%s]]]' "$@"
}

{
    echo '{"headings":["name","options","external_ids"],"data":['
    row '' plain '' ''
    row , shut '["chain-pool","blue"]' ''
    row , lost '["vhost-server-path","/nonexistent/l.sock"]' ''
    for name in fw ids x; do
        row , $name '["vhost-server-path","'"$scratch/run/$name.sock"'"]' \
            "$([ $name != x ] || echo '["attached-mac","52:54:00:00:00:07"]')"
    done
    echo ']}'
} > "$scratch/interfaces"
echo '{"headings":["other_config"],"data":[[["map",[]]]]}' \
    > "$scratch/config"

cat > "$scratch/bin/ovs-appctl" << END
#!/bin/sh
case "\$*" in
*chain/show-json*) cat "$scratch/show-json" ;;
esac
END
cat > "$scratch/bin/ovs-vsctl" << END
#!/bin/sh
case "\$*" in
*Interface*) cat "$scratch/interfaces" ;;
*) cat "$scratch/config" ;;
esac
END
chmod +x "$scratch"/bin/*
PATH=$scratch/bin:$PATH

# qemu_args KVM PORT...: QEMU's arguments, an option and its value a line.
qemu_args() {
    (guest_qemu_args "$@" && printf '%s %s\n' "${guest_args[@]}") 2>&1
}

nic() {
    local vectors=$4
    printf -- '-chardev socket,id=vhost-net%s,path=%s,server=on,wait=off\n' \
        "$1" "$scratch/run/$2.sock"
    printf -- '-netdev vhost-user,id=net%s,chardev=vhost-net%s\n' "$1" "$1"
    printf -- '-device virtio-net-pci,netdev=net%s,mac=%s%s\n' "$1" "$3" \
        "$vectors"
}

shmem() {
    printf -- '-object memory-backend-file,id=%s,mem-path=%s,size=%s,%s\n' \
        "$1" "$scratch/shm/$2" "$3" "share=on$4"
    printf -- '-device ivshmem-plain,memdev=%s\n' "$1"
}

# Locally administered, and always the same: of SHA-256 of the name.
mac() {
    printf 52:54
    printf %s "$1" | sha256sum | sed -E 's/^(..)(..)(..)(..).*/:\1:\2:\3:\4/'
}

# 20 to 23: QEMU's arguments.
check 'one port, emulated' \
    "$(nic 0 fw "$(mac fw)" ,vectors=0; shmem ring0 blue.fw 65536 ''
       shmem pool0 blue 4194304 '')" "$(qemu_args '' fw)"
check 'one read-only port, KVM' \
    "$(nic 0 ids "$(mac ids)" ''; shmem ring0 blue.ids 65536 ''
       shmem pool0 blue 4194304 ,readonly=on)" "$(qemu_args yes ids)"
check 'two ports of a pool, one of which writes' \
    "$(nic 0 ids "$(mac ids)" ''; shmem ring0 blue.ids 65536 ''
       nic 1 fw "$(mac fw)" ''; shmem ring1 blue.fw 65536 ''
       shmem pool0 blue 4194304 '')" "$(qemu_args yes ids fw)"
check 'a comma in a path, a MAC that is told' \
    "$(nic 0 x 52:54:00:00:00:07 ''; shmem ring0 red.x,,y 131072 ''
       shmem pool0 red 8388608 ,readonly=on)" "$(qemu_args yes x)"

# 24 to 32: ports that are not fit for a VM.
bad_port() {
    check "$1" "guest-test.sh: $3" "$(qemu_args '' "$2")"
}

bad_port 'no such port' nix \
    "no port 'nix'; chain ports are: fw ids lost shut x"
check 'a port twice' 'guest-test.sh: a port is named twice: fw fw' \
    "$(qemu_args '' fw fw)"
bad_port 'no directory' lost "port 'lost': its socket's directory is not\
 there; make it: mkdir -p /nonexistent"
bad_port 'no pool' plain "port 'plain' has no options:chain-pool, or its pool\
 is not usable: ovs-vsctl get Interface plain status"
bad_port 'no socket' shut "port 'shut' has no socket for a VM: ovs-vsctl set\
 Interface shut options:vhost-server-path=/run/vm/shut.sock"
truncate -s 65537 "$scratch/shm/blue.fw"
bad_port 'a size that QEMU refuses' fw "port 'fw': $scratch/shm/blue.fw has\
 65537 bytes; QEMU takes a power of two only"
rm "$scratch/shm/blue.fw"
bad_port 'a file that is gone' fw "$scratch/shm/blue.fw: No such file or\
 directory; is it this host's switch that runs?"
truncate -s 65536 "$scratch/shm/blue.fw"
python3 - "$scratch/run/fw.sock" "$scratch/listens" << 'END' &
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
open(sys.argv[2], "w").close()
time.sleep(600)
END
listener=$!
wait_for 30 test -e "$scratch/listens"
bad_port 'a socket in use' fw "port 'fw': a VM that runs has its socket\
 $scratch/run/fw.sock; end that one first"
kill $listener
wait $listener 2> /dev/null
check 'a socket that was left' "$(qemu_args '' ids | wc -l)" \
    "$(qemu_args '' fw | wc -l)"

# 33 on: the command line.
run() {
    (vm_run "$@") 2>&1 | head -n 1
}

check 'no function' 'guest-test.sh: vm run: something is missing' "$(run fw)"
check 'no such option' 'guest-test.sh: vm run takes no --nix' \
    "$(run --nix fw nf-forward)"
check 'no value' 'guest-test.sh: vm run: --address needs a value' \
    "$(run --address)"
for memory in x 64; do
    check "memory '$memory'" "guest-test.sh: vm run: --memory takes a number\
 of MiB from 96 on, not '$memory'" "$(run --memory=$memory fw nf-forward)"
done
rest=() more=() settings=() memory='' opt_name=''
vm_run_parse --name i --memory 64 --qemu '-a b' --qemu=-c --copy f \
    --address a/1 fw,ids nf-forward --name j -- --qemu x
check 'everything after the function is its own' \
    "i 64 | -a b -c | --copy f --address a/1 | fw,ids nf-forward --name j --\
 --qemu x" "$opt_name $memory | ${more[*]} | ${settings[*]} | ${rest[*]}"

echo "$n cases, $failed failed"
[ "$n" -eq 38 ] && [ "$failed" -eq 0 ]
