#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Creates the fixture in this folder again with the programs of one version:
#
#   testdata/v1/make.sh POUNCET PROVIDER COMMIT
#
# POUNCET and PROVIDER are the two binaries, built from COMMIT. It needs Terraform
# 1.11 and Python 3. Ids, times, keys and tokens differ in each run; everything
# else is the same.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
pouncet=$(realpath "$1")
provider=$(realpath "$2")
commit=$3
terraform=${TERRAFORM:-terraform}
provider_version=0.1.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The programs see nothing of this machine.
export HOME=$work USER=maker TZ=UTC LC_ALL=C CHECKPOINT_DISABLE=1
unset "${!POUNCET_@}" "${!TF_@}" 2> /dev/null || true
export POUNCET_HOME=$here/backend
cd "$work"

rm -rf "$here"/backend "$here"/*.json "$here"/terraform/{terraform.tfstate,.terraform.lock.hcl}
"$pouncet" init
rm "$here/backend/.gitignore" # it hides the folder from git

# expect KIND PROJECT ENVIRONMENT SCOPE NAME VERSION FIELD IS_JSON writes down what a
# reference stands for: the bytes on standard input. With DELETED=1 it does so once
# the entry is restored.
expect() {
  python3 -c '
import base64, json, os, sys
kind, project, environment, scope, name, version, field, is_json = sys.argv[1:]
ref = dict(kind=kind, project=project, environment=environment, scope=scope, name=name, version=version, field=field)
value = base64.b64encode(sys.stdin.buffer.read()).decode()
out = dict(ref={k: v for k, v in ref.items() if v}, value=value, json=is_json == "true")
if os.environ.get("DELETED"):
    out["deleted"] = True
print(json.dumps(out))
' "$@" >> "$work/values"
}

# put PROJECT ENVIRONMENT SCOPE NAME IS_JSON VALUE [FLAG...] writes a version of a
# secret. What all environments share is expected in "eu", which has little else.
declare -A versions
put() {
  local project=$1 environment=$2 scope=$3 name=$4 is_json=$5 value=$6
  shift 6
  local place="$project/$environment/$scope/$name" seen=$environment
  versions[$place]=$((${versions[$place]:-0} + 1))
  [ "$seen" != '*' ] || seen=eu
  printf "$value" | "$pouncet" secret set "$name" --project "$project" --env "$environment" --scope "$scope" \
    --stdin "$@" 2> /dev/null
  printf "$value" | expect secret "$project" "$seen" "$scope" "$name" "${versions[$place]}" "" "$is_json"
}

# plain PROJECT ENVIRONMENT SCOPE NAME JSON writes a scoped value. JSON has no blanks.
plain() {
  local seen=$2 is_json=true value=$5
  [ "$seen" != '*' ] || seen=eu
  "$pouncet" value set "$4" --project "$1" --env "$2" --scope "$3" --json-value "$5"
  if [[ $value == '"'* ]]; then value=${value//'"'/} is_json=false; fi
  printf '%s' "$value" | expect scoped_value "$1" "$seen" "$3" "$4" "" "" $is_json
}

link() { # PROJECT ENVIRONMENT SCOPE NAME SECRET [FIELD]
  "$pouncet" value set "$4" --project "$1" --env "$2" --scope "$3" --from-secret "$5" ${6:+--field "$6"}
}

# --- Projects, environments (one has its own key file) and types.
"$pouncet" project set default --description "Every kind of object" --label team=platform
"$pouncet" project set payments --max-secrets 50 --name-pattern '[a-z][a-z0-9_]*' --default-visibility restricted \
  --recovery-days 90 --max-name-length 64 --max-value-bytes 4096
"$pouncet" project set legacy --recovery-days 0 --immutable-names --forbid-fingerprints
POUNCET_HOME=$work/other "$pouncet" init > /dev/null
cp "$work/other/kms.key" "$here/backend/eu.key"
"$pouncet" env set dev --description "Development"
"$pouncet" env set prod --protected --label tier=1
"$pouncet" env set eu --kms-key file:eu.key
"$pouncet" env set live --project payments
"$pouncet" env set live --project legacy
printf '{"type": "string", "minLength": 8, "pattern": "^[ -~]+$"}' > passphrase.json
cat > login.json << 'EOF'
{
  "type": "object",
  "required": ["user", "password"],
  "properties": {
    "user": {"type": "string"},
    "password": {"type": "string", "minLength": 4},
    "ports": {"type": "array", "items": {"type": "integer"}}
  }
}
EOF
"$pouncet" type set passphrase --schema-file passphrase.json --display-name "Passphrase" --description "Printable"
"$pouncet" type set login --schema-file login.json
"$pouncet" type set login --project payments --schema-file login.json

# --- Secrets: scopes, visibilities, types, versions, labels, expiry, rotation.
put default dev project db_password false 'first-dev-password'
put default dev project db_password false 'second-dev-password' --description "Login of the loader" \
  --label team=data --label tier=2
put default dev project db_password false 'third-dev-password' --rotation-days 30
put default prod project db_password false 'prod-password' --visibility restricted --protected
put default eu project db_password false 'eu-password-under-its-own-key'
put default '*' project layered false 'all of the project'
put default dev project layered false 'dev of the project'
put default '*' app/web layered false 'all of the app'
put default dev app/web layered false 'dev of the app'
put default '*' pipeline/orders webhook false 'seen by one pipeline'
put default dev project passphrase false 'correct horse battery' --type passphrase --expires 2099-12-31
put default dev project service_login true '{"user": "loader", "password": "p&ss<w>rd", "ports": [5432, 6432]}' \
  --type login
put default '*' project warehouse true \
  '{"host": "warehouse.internal", "port": 5432, "username": "loader", "password": "wh-all", "database": "dwh"}' \
  --type database_connection --visibility restricted
put default prod project warehouse true \
  '{"host": "warehouse.prod", "port": 5432, "username": "loader", "password": "wh-prod", "database": "dwh"}' \
  --type database_connection
put default dev project binary false '\000\377\200binary'
put default dev project lines false 'line one\r\nline two\n\tünïcödé {{ not_a_reference }} # no comment\n'
put default dev project new_name false 'written under the old name'
"$pouncet" secret rename new_name old_name --env dev
"$pouncet" secret rename old_name renamed --env dev
sed -i 's/"name": "new_name"/"name": "renamed"/' "$work/values"
versions[default/dev/project/renamed]=1
put default dev project renamed false 'written under the new name'
put default dev project expired false 'nobody resolves this'
sed -i '/"name": "expired"/d' "$work/values"
"$pouncet" secret set expired --env dev --expires 2020-01-01
"$pouncet" secret set generated --env dev --type password --generate --length 24
"$pouncet" secret set generated --env dev --generate --length 40 --alphabet 0123456789abcdef
for v in 1 2; do
  "$pouncet" resolve generated --env dev --version $v | expect secret default dev project generated $v "" false
done
put payments live project card_key false 'restricted by default'
put payments live pipeline/settle card_key false 'of one pipeline'
put legacy live project token false 'no fingerprint'

# --- What references mean that are not the entry's own place, and fields.
printf 'dev of the app' | expect secret default dev app/web layered "" "" false
printf 'all of the app' | expect secret default prod app/web layered "" "" false
printf 'dev of the project' | expect secret default dev app/other layered "" "" false
printf 'dev of the project' | expect secret default dev project layered "" "" false
printf 'all of the project' | expect secret default prod project layered "" "" false
printf 'second-dev-password' | expect secret default dev project db_password previous "" false
printf 'third-dev-password' | expect secret default dev project db_password "" "" false
printf 'wh-all' | expect secret default dev project warehouse "" password false
printf 'wh-prod' | expect secret default prod project warehouse "" password false
printf '6432' | expect secret default dev project service_login "" 'ports[1]' true

# --- Scoped values: plain ones of every JSON type, and links.
plain default '*' project limits '{"batch":500,"rate":1.50,"big":12345678901234567890,"on":true,"none":null}'
plain default dev app/web limits '[1,"two",{"three":3}]'
plain default '*' project region '"eu-central-1"'
plain default prod project workers '8'
link default '*' project db_host warehouse host
link default '*' project db_login db_password
printf 'warehouse.internal' | expect scoped_value default dev project db_host "" "" false
printf 'warehouse.prod' | expect scoped_value default prod project db_host "" "" false
printf 'third-dev-password' | expect scoped_value default dev project db_login "" "" false
printf 'eu-password-under-its-own-key' | expect scoped_value default eu project db_login "" "" false

# --- Deleted: in the recovery window, and one whose name was given to another.
printf 'retired-1' | "$pouncet" secret set retired --project payments --env live --stdin --type ''
printf 'retired-2' | "$pouncet" secret set retired --project payments --env live --stdin --label old=yes
"$pouncet" secret delete retired --project payments --env live
for v in 1 2; do printf "retired-$v" | DELETED=1 expect secret payments live project retired $v "" false; done
"$pouncet" value set retired_value --project payments --env live --json-value '{"kept":[1,2]}'
"$pouncet" value delete retired_value --project payments --env live
printf '{"kept":[1,2]}' | DELETED=1 expect scoped_value payments live project retired_value "" "" true
put default dev project reused false 'of the first object'
"$pouncet" secret delete reused --env dev
sed -i '/"name": "reused"/d' "$work/values"
versions[default/dev/project/reused]=0
put default dev project reused false 'of the second object'

# --- Usages, a manifest and a baseline, of the files in config/.
(cd "$here" && "$pouncet" check config --env dev --register --source github.com/acme/pipelines)
"$pouncet" check --write-manifest "$here/manifest.json" "$here/config"
(cd "$here" && "$pouncet" check config/missing.yaml --env prod --write-baseline baseline.json)

# --- Tokens of each role; one that expires in 100 years, and one that was revoked.
token() { "$pouncet" token create --name "$1" --role "$2" "${@:3}" 2> /dev/null; }
admin=$(cat "$here/backend/first-token")
runtime=$(token job runtime --expires 876000h)
viewer=$(token reader viewer --description 'Reads metadata')
revoked=$(token gone admin)
"$pouncet" token delete gone
printf '{\n "admin": "%s",\n "runtime": "%s",\n "viewer": "%s",\n "revoked": "%s"\n}\n' \
  "$admin" "$runtime" "$viewer" "$revoked" > "$here/tokens.json"

# --- Terraform: all resources, and a second apply that changes some.
platform=$("$terraform" version -json | python3 -c 'import json, sys; print(json.load(sys.stdin)["platform"])')
mirror=$work/mirror/registry.terraform.io/pouncet/pouncet/$provider_version/$platform
mkdir -p "$mirror" "$work/tf"
cp "$provider" "$mirror/terraform-provider-pouncet_v$provider_version"
printf 'provider_installation {\n  filesystem_mirror { path = "%s" }\n}\n' "$work/mirror" > "$work/rc"
export TF_CLI_CONFIG_FILE=$work/rc
cp "$here"/terraform/*.tf "$here"/terraform/*.tfvars "$work/tf"
"$terraform" -chdir="$work/tf" init -input=false
"$terraform" -chdir="$work/tf" apply -input=false -auto-approve -var generation=first
"$terraform" -chdir="$work/tf" apply -input=false -auto-approve
"$terraform" -chdir="$work/tf" plan -input=false -detailed-exitcode
cp "$work/tf/terraform.tfstate" "$work/tf/.terraform.lock.hcl" "$here/terraform/"
printf 'secret-of-terraform' | expect secret infra stage project tf_password "" "" false
printf '{"a": {"b": "deep"}}' | expect secret infra stage project tf_shared "" "" true
printf 'deep' | expect scoped_value infra stage project tf_link "" "" false

printf '{"commit": "%s", "at": "%s"}\n' "$commit" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" > "$here/made.json"

# --- What the server and the command line answer.
(echo '[' && sed '$!s/$/,/' "$work/values" && echo ']') > "$here/values.json"
python3 "$here/record.py" "$pouncet" "$here"

# The last process to close the database moves its log into it.
test ! -e "$here/backend/pouncet.db-wal"
du -sk "$here"
