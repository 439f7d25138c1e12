# SPDX-License-Identifier: MPL-2.0
# All resources of the provider, in forms that need every attribute once.
terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = {
      source  = "pouncet/pouncet"
      version = ">= 0.1.0"
    }
  }
}

provider "pouncet" {
  project = "infra"
}

variable "values" {
  type      = map(string)
  ephemeral = true
  sensitive = true
}

# The first apply has another value here, so that objects have a history.
variable "generation" {
  type    = string
  default = "second"
}

resource "pouncet_project" "infra" {
  name               = "infra"
  description        = "Made by Terraform"
  labels             = { owner = "terraform" }
  max_secrets        = 20
  default_visibility = "restricted"
  recovery_days      = 30
}

resource "pouncet_environment" "stage" {
  project     = pouncet_project.infra.name
  name        = "stage"
  description = var.generation
}

resource "pouncet_secret_type" "document" {
  project      = pouncet_project.infra.name
  key          = "document"
  display_name = "Document"
  schema       = jsonencode({ type = "object", required = ["a"] })
}

resource "pouncet_secret" "password" {
  project       = pouncet_project.infra.name
  environment   = pouncet_environment.stage.name
  name          = "tf_password"
  description   = "Of the ${var.generation} apply"
  labels        = { generation = var.generation }
  visibility    = "masked"
  rotation_days = 365
  expires_at    = "2099-12-31T00:00:00Z"
  value_wo      = var.generation == "second" ? var.values["password"] : "an older value"
}

resource "pouncet_secret" "shared" {
  project     = pouncet_project.infra.name
  environment = "*"
  name        = "tf_shared"
  type        = pouncet_secret_type.document.key
  value_wo    = var.values["shared"]
}

resource "pouncet_secret" "by_version" {
  project          = pouncet_project.infra.name
  environment      = "*"
  scope            = "pipeline/orders"
  name             = "tf_by_version"
  value_wo         = var.values["by_version"]
  value_wo_version = var.generation == "second" ? 2 : 1
}

resource "pouncet_secret" "generated" {
  project             = pouncet_project.infra.name
  environment         = pouncet_environment.stage.name
  scope               = "app/web"
  name                = "tf_generated"
  deletion_protection = true
  generate = {
    length  = 20
    keepers = { generation = var.generation }
  }
}

resource "pouncet_scoped_value" "plain" {
  project     = pouncet_project.infra.name
  environment = pouncet_environment.stage.name
  name        = "tf_plain"
  value_json  = jsonencode({ generation = var.generation, numbers = [1, 2.5] })
}

resource "pouncet_scoped_value" "link" {
  project     = pouncet_project.infra.name
  environment = "*"
  name        = "tf_link"
  from_secret = {
    name  = pouncet_secret.shared.name
    field = "a.b"
  }
}

data "pouncet_secret" "password" {
  project     = pouncet_project.infra.name
  environment = pouncet_environment.stage.name
  name        = pouncet_secret.password.name
}

output "version" {
  value = data.pouncet_secret.password.version
}

output "ids" {
  value = {
    project     = pouncet_project.infra.id
    environment = pouncet_environment.stage.id
    type        = pouncet_secret_type.document.id
    secret      = pouncet_secret.password.id
    value       = pouncet_scoped_value.plain.id
  }
}
