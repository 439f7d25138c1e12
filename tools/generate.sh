#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Writes docs/ from the provider's schema, examples/ and templates/.
# `make generate` builds the provider and tfplugindocs, and then calls this script.
set -euo pipefail
cd "$(dirname "$0")/.."
terraform=${TERRAFORM:?path of terraform; "make generate" sets it}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/rc" <<RC
provider_installation {
  dev_overrides { "hashicorp/pouncet" = "$PWD/bin" }
}
RC
cat > "$work/main.tf" <<'TF'
terraform {
  required_providers {
    pouncet = { source = "hashicorp/pouncet" } # the address at which tfplugindocs expects a schema
  }
}
TF
TF_CLI_CONFIG_FILE=$work/rc CHECKPOINT_DISABLE=1 "$terraform" -chdir="$work" providers schema -json \
  > "$work/schema.json"
bin/tfplugindocs generate --provider-name pouncet --rendered-provider-name Pouncet \
  --providers-schema "$work/schema.json" > "$work/log" || { cat "$work/log" >&2; exit 1; }
# The pages of list resources and actions, which older versions of Terraform do not describe to tfplugindocs.
go run ./provider/pages -examples examples -docs docs
