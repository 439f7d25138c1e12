# Six secrets in three environments, declared once. The values come in through
# an ephemeral variable and a write-only argument: Terraform keeps them neither
# in the plan nor in the state.

terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = {
      source = "pouncet/pouncet"
    }
  }
}

# No endpoint: the embedded backend, in the nearest .pouncet folder.
provider "pouncet" {
  project = "default"
}

variable "values" {
  description = "Secret values, by environment and name."
  type        = map(map(string))
  ephemeral   = true
  sensitive   = true
}

locals {
  environments = ["dev", "prod", "random"]

  # Which secret is declared where. Nobody renders for "random".
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

# One value for all environments that follows each environment's own secret.
resource "pouncet_scoped_value" "warehouse_password" {
  name        = "warehouse_password"
  environment = "*"
  from_secret = { name = pouncet_secret.this["dev/secret2"].name }
}

output "versions" {
  description = "What Terraform knows of each secret: its version, not its value."
  value       = { for place, s in pouncet_secret.this : place => s.version }
}
