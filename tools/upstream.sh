#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0

# Copies files from the source of other projects, in the versions that this
# script names. `make generate` calls it. For another version, change it here and
# in the go.mod that the comment names.
set -euo pipefail
cd "$(dirname "$0")/.."

# module prints the folder of a module's source. It runs outside of our modules,
# so that nothing is added to a go.mod.
module() {
  (cd / && GOFLAGS=-mod=mod go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

# The rules of Gitleaks; review/leak/parity/go.mod names the same release.
gitleaks=$(module github.com/zricethezav/gitleaks/v8@v8.30.1)
install -m 644 "$gitleaks/config/gitleaks.toml" review/leak/gitleaks.toml
install -m 644 "$gitleaks/LICENSE" review/leak/LICENSE.gitleaks

# The JSON Schema validator, changed so that the metaschemas of its five drafts
# are compiled when one is used. third_party/jsonschema/README.md says why.
jsonschema=$(module github.com/santhosh-tekuri/jsonschema/v6@v6.0.3)
into=third_party/jsonschema
find "$into" -name "*.go" ! -name "*_test.go" -delete
rm -rf "$into/metaschemas"
(cd "$jsonschema" && find . -name '*.go' ! -name '*_test.go' -o -path './metaschemas/*' -type f) |
  grep -v '^./testdata/' | while read -r file; do
  install -D -m 644 "$jsonschema/$file" "$into/$file"
done
install -m 644 "$jsonschema/LICENSE" "$into/LICENSE"
patch --quiet --no-backup-if-mismatch -d "$into" -p1 < "$into/lazy.patch"
ours=github.com/pouncet/terraform-provider-pouncet/third_party/jsonschema
sed -i "s|\"github.com/santhosh-tekuri/jsonschema/v6/|\"$ours/|" "$into"/*.go "$into"/kind/*.go
gofmt -w "$into"
