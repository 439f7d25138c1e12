#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs every fuzz target of the module for FUZZTIME (60s unless set), one after the other: go test fuzzes one target at
# a time. An input that fails is written to testdata/fuzz of its package. Commit it with the correction, because
# `go test` runs the inputs in that folder.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
while IFS=: read -r file declaration; do
  target=${declaration#func }
  target=${target%%(*}
  printf '\n== %s in %s\n' "$target" "$(dirname "$file")"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-60s}" "./$(dirname "$file")" || failed=1
done < <(git grep -o -E '^func Fuzz[A-Za-z0-9_]*\(' -- '*_test.go')
exit $failed
