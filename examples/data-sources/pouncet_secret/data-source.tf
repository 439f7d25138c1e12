variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_secret" "db" {
  name        = "db_password"
  environment = "*"
  value_wo    = var.db_password
}

data "pouncet_secret" "db" {
  name        = pouncet_secret.db.name
  environment = "*"
  depends_on  = [pouncet_secret.db]
}

# A new version of the secret replaces this resource, which never sees the value.
resource "terraform_data" "restart" {
  triggers_replace = data.pouncet_secret.db.version
}
