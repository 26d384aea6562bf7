#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The guest image, without booting it: that two builds are the same, byte for
# byte, what is in it, that it is built anew when something changed and only
# then, and what is said of bad input.  Downloads nothing.

set -u

cd "${srcdir:-$(dirname "$0")/..}" || exit 99
scripts=ovs-ctl-scripts
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n=0 failed=0

skip() {
    echo "skipped: $*"
    exit 77
}

# check WHAT EXPECTED GOT
check() {
    n=$((n + 1))
    [ "$2" = "$3" ] && return
    failed=$((failed + 1))
    printf 'case %d: %s\n--- expected\n%s\n--- got\n%s\n' "$n" "$1" "$2" "$3"
}

# Prints a folder with boot/ and lib/modules/: what "bootstrap image" has
# downloaded, or the installed one.
find_kernel() {
    local tree
    for tree in build/image/kernel/*/ /; do
        if compgen -G "$tree/boot/vmlinuz-*-cloud-amd64" > /dev/null; then
            printf '%s\n' "$tree"
            return
        fi
    done
    return 1
}

[ "$(uname -m)" = x86_64 ] || skip "the image is for x86_64"
for tool in cpio lz4 readelf strip python3 busybox; do
    command -v "$tool" > /dev/null || skip "not installed: $tool"
done
! readelf -lW /bin/busybox | grep -q INTERP ||
    skip "not installed: busybox-static"
kernel=$(find_kernel) ||
    skip "no cloud kernel is there; './bootstrap image' downloads one"

# Any static program will do for the network functions.
mkdir "$scratch/nfs"
for nf in nf-forward nf-firewall nf-monitor; do
    cp /bin/busybox "$scratch/nfs/$nf"
done

# image OUT: builds into a folder of the scratch directory.
image() {
    $scripts/image --kernel "$kernel" "$scratch/$1" "$scratch/nfs" 2>&1
}

# 1 to 4: two builds, in surroundings that differ.
(umask 022; TZ=UTC image a > "$scratch/a.log")
check 'first build' 0 $?
find "$scratch/nfs" -exec touch -d 2001-01-01 {} +
(umask 077; LC_ALL=C.UTF-8 TZ=Asia/Tokyo image b > "$scratch/b.log")
check 'second build' 0 $?
for file in vmlinux initrd.img; do
    check "the same $file twice" '' \
        "$(cmp "$scratch/a/$file" "$scratch/b/$file" 2>&1)"
done

# 5 to 9: what is in it.
list=$(cpio -itvn --quiet < "$scratch/a/initrd.img")
files=$(awk '{ print $9 }' <<< "$list")
check 'all owned by root' '0 0' "$(awk '{ print $3, $4 }' <<< "$list" |
    sort -u)"
check 'no device nodes' '' "$(grep '^[bc]' <<< "$list")"
for file in init bin/busybox bin/sh bin/nf-run bin/nf-forward bin/nf-firewall \
            bin/nf-monitor dev proc sys etc/nf/files; do
    grep -qx "$file" <<< "$files" || echo "$file"
done > "$scratch/missing"
check 'files that must be there' '' "$(cat "$scratch/missing")"
mkdir "$scratch/x"
(cd "$scratch/x" && cpio -id --quiet --no-preserve-owner \
    < "$scratch/a/initrd.img")
check 'the script that starts it' "$(cat $scripts/guest-init)" \
    "$(cat "$scratch/x/init")"
check 'an ELF with a PVH entry' 1 "$(readelf -nW "$scratch/a/vmlinux" \
    2> /dev/null | grep -c '(0x00000012)')"

# 10: guest-init loads the modules that the image has.  What a kernel has
# built in is in neither.
for module in "$scratch"/x/lib/modules/*.ko; do
    grep -qw "$(basename "$module" .ko)" $scripts/guest-init ||
        echo "$module"
done > "$scratch/unused"
check 'modules that nobody loads' '' "$(cat "$scratch/unused")"

# 11 to 13: built anew only when something changed.
before=$(stat -c '%i %z' "$scratch/a/initrd.img")
image a > /dev/null
check 'nothing changed' "$before" "$(stat -c '%i %z' "$scratch/a/initrd.img")"
LC_ALL=C sed -i s/BusyBox/busybox/ "$scratch/nfs/nf-forward"
image a > /dev/null
check 'rebuilt for another program' yes "$(cmp -s "$scratch/a/initrd.img" \
    "$scratch/b/initrd.img" || echo yes)"
check 'nothing left behind' '' "$(find "$scratch/a" -name '.new*')"

# 14 to 16: bad input.
cp /bin/bash "$scratch/nfs/nf-monitor"
check 'a dynamic program' "image: $scratch/nfs/nf-monitor is not statically\
 linked: a guest has no libraries; build it with -all-static" "$(image a)"
rm "$scratch/nfs/nf-monitor"
check 'no program' \
    "image: $scratch/nfs/nf-monitor is missing: build it first" "$(image a)"
cp /bin/busybox "$scratch/nfs/nf-monitor"
kernel=$scratch/x
check 'no kernel' "image: no boot/vmlinuz-*-cloud-amd64 with its modules in\
 $scratch/x" "$(image a)"

# 17 on: kernels in any compression, and damaged ones.  bz FILE NAME
bz() {
    python3 - "$1" "$2" << 'END'
import bz2, gzip, lzma, struct, subprocess, sys

def lz4(data):
    return subprocess.run(["lz4", "-lc"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout

path, name = sys.argv[1:]
elf = b"\x7fELF" + bytes(range(256)) * 64
size = struct.pack("<I", len(elf))
payload = {
    "lz4": lambda: lz4(elf) + size, "gzip": lambda: gzip.compress(elf),
    "xz": lambda: lzma.compress(elf) + size,
    "bzip2": lambda: bz2.compress(elf) + size,
    "lzma": lambda: lzma.compress(elf, lzma.FORMAT_ALONE) + size,
    "short": lambda: lz4(elf[:-1]) + size, "none": lambda: elf + size,
    "broken": lambda: gzip.compress(elf)[:-9] + size,
    "old": lambda: elf, "cut": lambda: elf, "text": lambda: elf}[name]()
image = bytearray(1024)
image[0x1f1] = 1
image[0x202:0x206] = b"HdrS" if name != "text" else b"text"
struct.pack_into("<H", image, 0x206, 0x207 if name == "old" else 0x20f)
struct.pack_into("<II", image, 0x248, 16,
                 len(payload) + (name == "cut"))
with open(path, "wb") as file:
    file.write(image + bytes(16) + payload)
with open(path + ".elf", "wb") as file:
    file.write(elf)
END
}

for name in lz4 gzip xz bzip2 lzma; do
    bz "$scratch/bz" $name
    check "$name" '' "$(python3 $scripts/vmlinux.py "$scratch/bz" \
        "$scratch/elf" 2>&1; cmp "$scratch/elf" "$scratch/bz.elf" 2>&1)"
done
# broken NAME MESSAGE
broken() {
    bz "$scratch/bz" "$1"
    check "$1" "vmlinux.py: $scratch/bz $2, exit 1" \
        "$(python3 $scripts/vmlinux.py "$scratch/bz" "$scratch/elf" 2>&1), \
exit $?"
}

broken short 'is damaged: no ELF of 16388 bytes in it'
broken broken "is damaged: gzip: Compressed file ended before the\
 end-of-stream marker was reached"
broken none "is compressed in a way that is not one of lz4, gzip, zstd, xz,\
 bzip2, lzma"
broken old 'speaks boot protocol 2.07; 2.08 is needed'
broken cut 'is cut off'
broken text 'is no bzImage'

echo "$n cases, $failed failed"
[ "$n" -eq 27 ] && [ "$failed" -eq 0 ]
