terraform {
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

provider "pouncet" {}

variable "rotated" {
  type      = string
  ephemeral = true
}

resource "pouncet_environment" "this" {
  for_each = toset(["dev", "prod", "old"])
  name     = each.key
}

resource "pouncet_environment" "renamed" {
  name = "stage"
}

resource "pouncet_secret" "kept" {
  name        = "kept"
  environment = "*"
  value_wo    = "v"
}

resource "pouncet_secret" "removed" {
  name        = "removed"
  environment = pouncet_environment.this["dev"].name
  value_wo    = "v"
}

resource "pouncet_secret" "renamed" {
  name        = "before"
  environment = pouncet_environment.this["dev"].name
  value_wo    = "v"
}

resource "pouncet_secret" "rotated" {
  name        = "rotated"
  environment = pouncet_environment.this["prod"].name
  value_wo    = var.rotated
}

resource "pouncet_secret" "exposed" {
  name        = "exposed"
  environment = pouncet_environment.this["prod"].name
  visibility  = "restricted"
  value_wo    = "v"
}

resource "pouncet_secret" "staged" {
  name        = "staged"
  environment = pouncet_environment.renamed.name
  value_wo    = "v"
}

resource "pouncet_secret" "replaced" {
  name        = "replaced"
  environment = pouncet_environment.this["prod"].name
  value_wo    = "v"
}

resource "pouncet_scoped_value" "link" {
  name        = "link"
  environment = "*"
  from_secret = { name = pouncet_secret.rotated.name }
}
