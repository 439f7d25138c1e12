# make.sh applies this configuration and then plans it with other names for stage and kafka, and two replacements.
terraform {
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

provider "pouncet" {
  configuration = "literal"
}

variable "stage" {
  default = "stage"
}

variable "kafka" {
  default = "kafka"
}

# The plan renames this environment.
resource "pouncet_environment" "stage" {
  name = var.stage
}

# The plan replaces dev, and changes nothing of prod but its description.
resource "pouncet_environment" "all" {
  for_each    = toset(["dev", "prod"])
  name        = each.key
  description = var.stage
}

# The plan renames this type.
resource "pouncet_secret_type" "kafka" {
  key    = var.kafka
  schema = jsonencode({ type = "string" })
}

# The plan replaces the secret in prod.
resource "pouncet_secret" "db" {
  for_each    = pouncet_environment.all
  name        = "db"
  environment = each.value.name
  type        = "password"
  value_wo    = "CANARY"
}

# Each of these names something that the plan changes, without a reference to it.
resource "pouncet_secret" "literal" {
  name        = "literal"
  environment = "dev"
  type        = var.kafka
  value_wo    = "CANARY"
}

resource "pouncet_secret" "each" {
  for_each    = toset(["dev", "prod"])
  name        = "each"
  environment = each.key
  value_wo    = "CANARY"
}

resource "pouncet_scoped_value" "link" {
  name        = "link"
  environment = "*"
  from_secret = { name = "db" }
}

data "pouncet_secret" "db" {
  name        = "db"
  environment = "prod"
}

module "inner" {
  source = "./module"
  stage  = var.stage
  order  = { order = "none" }
}

# These do not: a reference, an order from elsewhere, names that do not change, and another place.
resource "pouncet_secret" "reference" {
  name        = "reference"
  environment = pouncet_environment.stage.name
  type        = pouncet_secret_type.kafka.key
  value_wo    = "CANARY"
}

resource "pouncet_secret" "ordered" {
  name        = "ordered"
  environment = var.stage
  value_wo    = "CANARY"
  depends_on  = [pouncet_environment.stage]
}

module "ordered" {
  source = "./module"
  stage  = var.stage
  scope  = "app/c"
  order  = pouncet_environment.stage.labels
}

resource "pouncet_secret" "unchanged" {
  name        = "unchanged"
  environment = "prod"
  type        = "password"
  value_wo    = "CANARY"
}

resource "pouncet_secret" "any" {
  name        = "any"
  environment = "*"
  value_wo    = "CANARY"
}

resource "pouncet_scoped_value" "elsewhere" {
  name        = "elsewhere"
  environment = pouncet_environment.all["dev"].name
  from_secret = { name = "db" }
}
