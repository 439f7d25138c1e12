# This plan fails when a pipeline refers to a secret that the plan does not declare, or that the plan removes. By default
# it does fail: the configuration declares api_key for dev only, and pipelines/load.yaml needs it in prod as well.
terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

provider "pouncet" {}

variable "api_key_environments" {
  type    = set(string)
  default = ["dev"]
}

variable "value" {
  description = "The value of every secret in this example."
  type        = string
  default     = "correct horse battery staple"
  ephemeral   = true
  sensitive   = true
}

resource "pouncet_environment" "all" {
  for_each = toset(["dev", "prod"])
  name     = each.key
}

resource "pouncet_secret" "db" {
  for_each    = pouncet_environment.all
  name        = "db_password"
  environment = each.value.name
  value_wo    = var.value
}

resource "pouncet_secret" "api_key" {
  for_each    = var.api_key_environments
  name        = "api_key"
  environment = pouncet_environment.all[each.key].name
  value_wo    = var.value
}

# The local values are necessary. If the arguments of a data source name resources with pending changes, Terraform reads
# the data source only after the apply.
locals {
  environments = keys(pouncet_environment.all)
  secrets      = concat(values(pouncet_secret.db), values(pouncet_secret.api_key))
  declared     = [for s in local.secrets : { name = s.name, environment = s.environment }]
}

data "pouncet_config_references" "pipelines" {
  path          = "${path.module}/pipelines"
  environments  = local.environments
  declared      = local.declared
  declared_only = true
}

# The condition is in a resource for the same reason: a condition in the data block would delay the read.
resource "terraform_data" "pipelines" {
  lifecycle {
    precondition {
      condition     = data.pouncet_config_references.pipelines.ok
      error_message = "The pipelines refer to missing secrets:\n${data.pouncet_config_references.pipelines.summary}"
    }
  }
}
