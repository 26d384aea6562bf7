#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# House rules: licence lines, lengths, shellcheck, mandoc.  Says what to do.

set -u

cd "${srcdir:-$(dirname "$0")/..}" || exit 99
failed=0 missing=

complain() {
    printf '%s\n' "$*"
    failed=$((failed + 1))
}

# Our files: by the ends of their names, and scripts without one.  (Libtool
# writes scripts, too, with a blank after "#!".)
mapfile -t files < <({
    ls bootstrap .ci/run configure.ac Makefile.am
    find vhost-chain nf-shim ovs-patches ovs-ctl-scripts perf tests man \
        -type f -regextype posix-extended \
        -regex '.*\.([ch]|sh|py|mk|in|md|[1-9]|chain|rules|pml)' 2> /dev/null
    find ovs-patches ovs-ctl-scripts perf tests debian -type f \
        \( ! -name '*.*' -o -name '*.p*inst' -o -name '*.p*rm' \) \
        -exec grep -l '^#!/bin/\(ba\)\?sh$' {} + 2> /dev/null
} | LC_ALL=C sort)
scripts=()
manuals=()

for file in "${files[@]}"; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
        complain "$file: add 'SPDX-License-Identifier: Apache-2.0' at its top"
    if head -n 1 "$file" | grep -q '^#!.*sh$' || [[ $file == *.sh ]]; then
        scripts+=("$file")
    fi
    case $file in
    *.[1-9]) manuals+=("$file"); continue ;;
    *.md) continue ;;
    esac
    [ "$(wc -l < "$file")" -le 500 ] ||
        complain "$file: more than 500 lines: split it by its nouns"
    while read -r line; do
        complain "$file:$line: more than 79 columns: break the line"
    done < <(LC_ALL=C.UTF-8 awk 'length > 79 { print FNR }' "$file")
    grep -nE '[[:blank:]]$' "$file" &&
        complain "$file: blanks at the ends of those lines: remove them"
    [[ $file != *.[ch] ]] || ! grep -nP '\t' "$file" ||
        complain "$file: tabs: write spaces"
done

if command -v shellcheck > /dev/null; then
    shellcheck "${scripts[@]}" || complain "shellcheck: see above"
else
    missing+=' shellcheck'
fi
if command -v mandoc > /dev/null; then
    mandoc -Tlint -Wwarning "${manuals[@]}" || complain "mandoc: see above"
else
    missing+=' mandoc'
fi

echo "${#files[@]} files, ${#scripts[@]} scripts, ${#manuals[@]} manuals," \
    "$failed complaints"
[ "$failed" -eq 0 ] || exit 1
if [ -n "$missing" ]; then
    echo "skipped: not installed:$missing"
    exit 77
fi
