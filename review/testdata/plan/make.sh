#!/usr/bin/env bash
# Creates plan.json with a real Terraform: it applies before.tf to an embedded backend and then plans after.tf.
# Run it after `make build`. Set TERRAFORM if terraform is not on PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$here/../../../bin" && pwd)
terraform=${TERRAFORM:-terraform}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export POUNCET_HOME=$work/.pouncet TF_CLI_CONFIG_FILE=$work/terraformrc CHECKPOINT_DISABLE=1
unset POUNCET_ENDPOINT POUNCET_TOKEN POUNCET_PROJECT POUNCET_ENV POUNCET_KMS_KEY
cat > terraformrc <<RC
provider_installation {
  dev_overrides { "pouncet/pouncet" = "$bin" }
  direct {}
}
RC
"$bin/pouncet" init
cp "$here/before.tf" main.tf
"$terraform" apply -auto-approve -input=false -no-color -var rotated=CANARY-before
cp "$here/after.tf" main.tf
"$terraform" plan -input=false -no-color -var rotated=CANARY-after -replace=pouncet_secret.replaced -out=plan
"$terraform" show -json plan > "$here/plan.json"
