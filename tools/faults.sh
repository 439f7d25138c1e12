#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Removes one correction after the other, in a copy of the working tree, and expects the test that guards it to fail.
# Each patch in resources/testdata/faults removes one. A line of its header names the test: the package, the test and,
# for a random one, its seed. With arguments, only the named patches are tried. A patch that does not apply is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -co --exclude-standard | tar cf - -T - | tar xf - -C "$copy"
failed=0
for patch in "$root"/resources/testdata/faults/*.patch; do
  name=$(basename "$patch" .patch)
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  read -r package test seed < <(sed -n 's/^Test: //p' "$patch")
  if ! patch -d "$copy" -p1 -s --fuzz=0 < "$patch"; then
    echo "$name: the patch does not apply"
    exit 1
  fi
  if ! (cd "$copy" && go build ./... && go test -vet=off -run '^$' "$package" > log); then
    echo "$name: the copy cannot be built"
    exit 1
  fi
  if (cd "$copy" && POUNCET_TEST_PROGRAMS='' POUNCET_TEST_PARTS=1 POUNCET_SEED=${seed:-1} \
    go test -vet=off -count 1 -timeout 60m -run "^$test\$" "$package" > log 2>&1); then
    echo "$name: $test of $package does not find it"
    failed=1
  else
    echo "$name: found by $test of $package ($(grep -c 'seed .*, step' "$copy/log" || true) steps)"
  fi
  patch -d "$copy" -p1 -s -R < "$patch"
done
exit $failed
