# Six secrets in three environments. The values come from an ephemeral variable
# and go to a write-only argument, so Terraform stores them neither in the plan
# nor in the state.

terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = {
      source = "pouncet/pouncet"
    }
  }
}

# Without an endpoint, the provider uses the embedded backend in the nearest
# .pouncet folder, which "pouncet init" creates.
provider "pouncet" {
  project       = "default"
  configuration = "quickstart" # recorded with every object, so that they never block each other
}

variable "values" {
  description = "Secret values, by environment and name."
  type        = map(map(string))
  ephemeral   = true
  sensitive   = true
}

locals {
  environments = ["dev", "prod", "random"]

  # The secrets of each environment. Nothing is rendered for "random".
  secrets = {
    "dev/secret1"    = { environment = "dev", name = "secret1" }
    "dev/secret2"    = { environment = "dev", name = "secret2" }
    "dev/secret3"    = { environment = "dev", name = "secret3" }
    "prod/secret1"   = { environment = "prod", name = "secret1" }
    "prod/secret2"   = { environment = "prod", name = "secret2" }
    "random/secret1" = { environment = "random", name = "secret1" }
  }
}

resource "pouncet_environment" "this" {
  for_each    = toset(local.environments)
  name        = each.key
  description = "The ${each.key} environment of the quickstart"
}

resource "pouncet_secret_type" "passphrase" {
  key          = "passphrase"
  display_name = "Passphrase"
  description  = "Printable text of 8 to 128 characters."
  schema       = jsonencode({ type = "string", minLength = 8, maxLength = 128, pattern = "^[ -~]+$" })
}

resource "pouncet_secret" "this" {
  for_each    = local.secrets
  name        = each.value.name
  environment = pouncet_environment.this[each.value.environment].name
  type        = pouncet_secret_type.passphrase.key
  value_wo    = var.values[each.value.environment][each.value.name]
}

# One entry for all environments. In each environment it links to the secret of
# that environment.
resource "pouncet_scoped_value" "warehouse_password" {
  name        = "warehouse_password"
  environment = "*"
  from_secret = { name = pouncet_secret.this["dev/secret2"].name }
}

output "versions" {
  description = "The version of each secret. Terraform does not know the values."
  value       = { for key, s in pouncet_secret.this : key => s.version }
}
