terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

variable "ephemeral_values" {
  type        = string
  default     = "resolve"
  description = "Set to \"unknown\" by the pipeline that plans pull requests."
}

provider "pouncet" {
  configuration    = "shop"
  ephemeral_values = var.ephemeral_values
}

resource "pouncet_environment" "dev" {
  name = "dev"
}

resource "pouncet_secret" "source" {
  name        = "db_password"
  environment = pouncet_environment.dev.name
  generate    = { length = 40 }
}

ephemeral "pouncet_secret_value" "db" {
  name        = pouncet_secret.source.name
  environment = pouncet_environment.dev.name
  at_version  = pouncet_secret.source.version
}

# Any write-only argument of any provider accepts the value. In this example the receiver is another secret.
resource "pouncet_secret" "copy" {
  name        = "db_password_copy"
  environment = pouncet_environment.dev.name
  value_wo    = ephemeral.pouncet_secret_value.db.value
}
