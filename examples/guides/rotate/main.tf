terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

resource "pouncet_environment" "prod" {
  name = "prod-eu"
}

variable "rotated" {
  description = "Change this to give session_key a new value."
  default     = "2026-11"
}

# The backend generates this value. It generates another one when a keeper changes.
resource "pouncet_secret" "session_key" {
  name        = "session_key"
  environment = pouncet_environment.prod.name
  generate = {
    length  = 48
    keepers = { rotated = var.rotated }
  }
  rotation_days = 90 # after this time, `pouncet secret list --due` lists the secret
}

# You supply this value. When it changes, the plan shows a new version.
variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_secret" "db_password" {
  name          = "db_password"
  environment   = pouncet_environment.prod.name
  value_wo      = var.db_password
  rotation_days = 30
}
