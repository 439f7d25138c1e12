variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_secret" "db" {
  name        = "warehouse"
  environment = "*"
  value_wo    = jsonencode({ host = "warehouse.internal", password = var.db_password })
}

# A plain value. Plans show it, and the state stores it.
resource "pouncet_scoped_value" "limits" {
  name        = "limits"
  environment = "*"
  value_json  = jsonencode({ batch = 500, retries = 3 })
}

# A link. In each environment it resolves to the secret of that environment.
resource "pouncet_scoped_value" "db_host" {
  name        = "db_host"
  environment = "*"
  from_secret = {
    name  = pouncet_secret.db.name
    field = "host"
  }
}
