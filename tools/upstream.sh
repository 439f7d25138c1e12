#!/usr/bin/env bash
# Copies what Pouncet takes from the source of other projects, from the releases
# named here. Called by `make generate`. To move to another release, change its
# version here, and in the go.mod that the comment names.
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
