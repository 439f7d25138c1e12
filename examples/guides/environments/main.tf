locals {
  environments = {
    staging    = { host = "db.staging.internal", protected = false }
    production = { host = "db.internal", protected = true }
  }
}

variable "db_passwords" {
  type      = map(string)
  ephemeral = true
  sensitive = true
}

resource "pouncet_environment" "each" {
  for_each    = local.environments
  name        = each.key
  description = "The ${each.key} pipelines"
}

# One name, another value in each environment.
resource "pouncet_secret" "db_password" {
  for_each    = local.environments
  name        = "db_password"
  environment = pouncet_environment.each[each.key].name
  value_wo    = var.db_passwords[each.key]
  # A password of production is used, and shown to nobody.
  visibility          = each.value.protected ? "restricted" : "masked"
  deletion_protection = each.value.protected
}

# What is not secret stands beside it, under the same rules.
resource "pouncet_scoped_value" "db_host" {
  for_each    = local.environments
  name        = "db_host"
  environment = pouncet_environment.each[each.key].name
  value_json  = jsonencode(each.value.host)
}

# Shared by all environments; an environment's own entry of this name would win.
resource "pouncet_secret" "sentry_dsn" {
  name        = "sentry_dsn"
  environment = "*"
  generate    = {}
}

# Seen by one pipeline only.
resource "pouncet_secret" "loader_key" {
  name        = "api_key"
  environment = "*"
  scope       = "pipeline/loader"
  generate    = {}
}
