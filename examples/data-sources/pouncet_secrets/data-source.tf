variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_secret" "db" {
  name        = "db_password"
  environment = "*"
  type        = "password"
  labels      = { team = "data" }
  value_wo    = var.db_password
}

data "pouncet_secrets" "passwords" {
  type        = "password"
  name_prefix = "db_"
  labels      = { team = "data" }
  depends_on  = [pouncet_secret.db]
}

# The time at which each value was written.
output "written_at" {
  value = { for s in data.pouncet_secrets.passwords.secrets : s.name => s.value_at }
}
