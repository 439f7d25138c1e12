#!/usr/bin/env bash
# Creates the plans of the tests with a real Terraform: plan.json applies before.tf to an embedded backend and then
# plans after.tf, and ../literal/plan.json applies ../literal and plans it with another variable.
# Run it after `make build`. Set TERRAFORM if terraform is not on PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${POUNCET_BIN:-$(cd "$here/../../../bin" && pwd)}
terraform=${TERRAFORM:-terraform}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TF_CLI_CONFIG_FILE=$work/terraformrc CHECKPOINT_DISABLE=1
unset POUNCET_ENDPOINT POUNCET_TOKEN POUNCET_PROJECT POUNCET_ENV POUNCET_KMS_KEY
cat > "$TF_CLI_CONFIG_FILE" <<RC
provider_installation {
  dev_overrides { "pouncet/pouncet" = "$bin" }
  direct {}
}
RC
start() { # NAME
  mkdir "$work/$1"
  cd "$work/$1"
  export POUNCET_HOME=$PWD/.pouncet
  "$bin/pouncet" init
}

start plan
cp "$here/before.tf" main.tf
"$terraform" apply -auto-approve -input=false -no-color -var rotated=CANARY-before
cp "$here/after.tf" main.tf
"$terraform" plan -input=false -no-color -var rotated=CANARY-after -replace=pouncet_secret.replaced -out=plan
"$terraform" show -json plan > "$here/plan.json"

start literal
cp -r "$here/../literal/main.tf" "$here/../literal/module" .
"$terraform" init -input=false -no-color || [ -d .terraform/modules ] # it installs the module; the provider is local
"$terraform" apply -auto-approve -input=false -no-color -target=pouncet_environment.stage -target=pouncet_secret.db \
  -target=pouncet_secret_type.kafka # a literal name needs its object while Terraform plans
"$terraform" apply -auto-approve -input=false -no-color
# The plan can fail, because Terraform does not know the order of its literal names. Then the next one may succeed.
until "$terraform" plan -input=false -no-color -var stage=staging -var kafka=kafka2 \
  -replace='pouncet_secret.db["prod"]' -replace='pouncet_environment.all["dev"]' -out=plan; do :; done
"$terraform" show -json plan > "$here/../literal/plan.json"
