terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

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

# One name with a different value in each environment.
resource "pouncet_secret" "db_password" {
  for_each    = local.environments
  name        = "db_password"
  environment = pouncet_environment.each[each.key].name
  value_wo    = var.db_passwords[each.key]
  # Nobody can reveal the password of production. Pipelines can use it.
  visibility          = each.value.protected ? "restricted" : "masked"
  deletion_protection = each.value.protected
}

# A value that is not secret. The same lookup order applies to it.
resource "pouncet_scoped_value" "db_host" {
  for_each    = local.environments
  name        = "db_host"
  environment = pouncet_environment.each[each.key].name
  value_json  = jsonencode(each.value.host)
}

# All environments share this secret. An environment's own secret of this name has priority.
resource "pouncet_secret" "sentry_dsn" {
  name        = "sentry_dsn"
  environment = "*"
  generate    = {}
}

# Only one pipeline sees this secret.
resource "pouncet_secret" "loader_key" {
  name        = "api_key"
  environment = "*"
  scope       = "pipeline/loader"
  generate    = {}
}
