# A plan that fails when a pipeline refers to a secret that the plan does not
# provide, or is about to remove. As it stands it does fail: api_key is declared
# for dev, and pipelines/load.yaml needs it in prod as well.
#
#   terraform plan
#   terraform plan -var 'api_key_environments=["dev","prod"]'
terraform {
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
  description = "Stands for all values here."
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

# By way of locals: Terraform reads a data source only after everything is
# applied if its arguments name resources that the plan changes.
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

# The condition is here for the same reason: in the data block, it would wait.
resource "terraform_data" "pipelines" {
  lifecycle {
    precondition {
      condition     = data.pouncet_config_references.pipelines.ok
      error_message = "The pipelines refer to what is not there:\n${data.pouncet_config_references.pipelines.summary}"
    }
  }
}
