variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_environment" "all" {
  for_each = toset(["dev", "prod"])
  name     = each.key
}

resource "pouncet_secret" "db" {
  for_each    = pouncet_environment.all
  name        = "db_password"
  environment = each.value.name
  value_wo    = var.db_password
}

# A local value, so that Terraform reads the files while it plans.
locals {
  declared = [for s in pouncet_secret.db : { name = s.name, environment = s.environment }]
}

data "pouncet_config_references" "pipelines" {
  paths        = ["${path.module}/io_config.yaml"]
  environments = ["dev", "prod"]
  declared     = local.declared
}

# The precondition fails the plan. In a check block, the same condition warns.
resource "terraform_data" "pipelines" {
  lifecycle {
    precondition {
      condition     = data.pouncet_config_references.pipelines.ok
      error_message = data.pouncet_config_references.pipelines.summary
    }
  }
}
