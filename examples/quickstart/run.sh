#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Declares secrets with Terraform, stores them in the embedded backend, and
# renders a YAML file that refers to them, for two environments.
# Run it with `make quickstart`, as often as you like.
set -euo pipefail
cd "$(dirname "$0")"

bin=$(cd ../../bin && pwd)
pouncet=$bin/pouncet
terraform=${TERRAFORM:?path of terraform or tofu; "make quickstart" sets it}
out=out
umask 077
mkdir -p "$out"

# Use the backend in this folder, even if the shell is configured for another one.
unset POUNCET_ENDPOINT POUNCET_TOKEN POUNCET_PROJECT POUNCET_ENV POUNCET_KMS_KEY
export POUNCET_HOME=$PWD/.pouncet

bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# Terraform installs the provider from a filesystem mirror, as it would from a
# registry.
mirror=$PWD/.terraform-mirror
cat > "$out/terraformrc" <<RC
provider_installation {
  filesystem_mirror { path = "$mirror" }
}
RC
export TF_CLI_CONFIG_FILE=$PWD/$out/terraformrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
mkdir -p "$mirror"
platform=$("$terraform" version -json | sed -n 's/.*"platform": *"\([a-z0-9]*_[a-z0-9]*\)".*/\1/p')
for host in registry.terraform.io registry.opentofu.org; do
  mkdir -p "$mirror/$host/pouncet/pouncet/0.0.1/$platform"
  cp "$bin/terraform-provider-pouncet" "$mirror/$host/pouncet/pouncet/0.0.1/$platform/terraform-provider-pouncet_v0.0.1"
done
rm -f .terraform.lock.hcl # the provider may have been rebuilt

step "1. An embedded backend: one folder, no server, no account"
"$pouncet" init

step "2. Terraform declares six secrets in three environments"
"$terraform" init -input=false -no-color > "$out/init.log" || { cat "$out/init.log"; exit 1; }
"$terraform" plan -input=false -no-color -var-file=values.tfvars.json -out="$out/plan" > "$out/plan.log" || { cat "$out/plan.log"; exit 1; }
grep -E '^(Plan:|No changes)' "$out/plan.log"
"$terraform" show -json "$out/plan" > "$out/plan.json"
"$terraform" apply -input=false -no-color -var-file=values.tfvars.json "$out/plan" > "$out/apply.log" || { cat "$out/apply.log"; exit 1; }
grep -E '^Apply complete' "$out/apply.log"
"$pouncet" secret list

step "3. io_config.yaml, rendered for dev and for prod"
"$pouncet" render --env dev io_config.yaml > "$out/io_config.dev.yaml"
echo "dev:  ok"
code=0
"$pouncet" render --env prod io_config.yaml > "$out/io_config.prod.yaml" 2> "$out/prod.err" || code=$?
[ "$code" -eq 3 ] || { cat "$out/prod.err"; exit 1; }
echo "prod: exit code 3, because secret3 does not exist in prod:"
sed 's/^/      /' "$out/prod.err"
"$pouncet" render --env prod --missing null io_config.yaml > "$out/io_config.prod.yaml"
echo "prod: ok with --missing null"

step "4. Side by side: only the lines with a reference have changed"
paste -d '\t' io_config.yaml "$out/io_config.dev.yaml" "$out/io_config.prod.yaml" | awk -F '\t' '
  function cut(s, n) { sub(/^ +/, "", s); return length(s) > n ? substr(s, 1, n - 1) "…" : s }
  BEGIN { printf "%-4s  %-58s  %s\n", "line", "dev", "prod" }
  $1 != $2 || $1 != $3 { printf "%4d  %-58s  %s\n", NR, cut($2, 58), cut($3, 58); changed++ }
  $1 == $2 && $1 == $3 { unchanged++ }
  END { printf "%d lines with a reference, %d lines without any change\n", changed, unchanged }'

step "5. No secret value in the plan, the state, the logs, or in plain text in the database"
leaks=0
while IFS= read -r value; do
  for file in "$out/plan.json" "$out"/*.log terraform.tfstate .pouncet/pouncet*.db*; do
    if grep -qaF -- "$value" "$file"; then
      echo "a secret value is in $file" >&2
      leaks=1
    fi
  done
done < <(sed -n 's/.*"secret[0-9]": *"\(.*\)".*/\1/p' values.tfvars.json)
[ "$leaks" -eq 0 ] || exit 1
echo "searched plan.json, terraform.tfstate, $(cd "$out" && echo *.log | tr ' ' ',' | sed 's/,/, /g') and the databases in .pouncet: no secret value"

cat <<'NEXT'

Next, in the folder of the clone:
  change a value without Terraform     (cd examples/quickstart && printf %s 'another value' | ../../bin/pouncet secret set secret1 --env dev --stdin)
  let Terraform change it back         make quickstart
  clean up                             make quickstart-clean
NEXT
