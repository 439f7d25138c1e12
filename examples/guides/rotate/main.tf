resource "pouncet_environment" "prod" {
  name = "prod-eu"
}

# Made in the backend, and made again when a keeper changes: nobody ever sees it.
resource "pouncet_secret" "session_key" {
  name        = "session_key"
  environment = pouncet_environment.prod.name
  generate = {
    length  = 48
    keepers = { rotated = "2026-11" } # change this to rotate
  }
  rotation_days = 90 # from then on `pouncet secret list --due` shows it
}

# A value of your own: when it changes, the plan shows a new version.
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

output "due" {
  value = {
    (pouncet_secret.session_key.name) = pouncet_secret.session_key.rotation_due_at
    (pouncet_secret.db_password.name) = pouncet_secret.db_password.rotation_due_at
  }
}
