terraform {
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

variable "stage" {}

variable "scope" {
  default = "app/b"
}

variable "order" {}

resource "pouncet_secret" "s" {
  name        = "inner"
  environment = var.stage
  scope       = var.scope
  labels      = var.order
  value_wo    = "CANARY"
}
