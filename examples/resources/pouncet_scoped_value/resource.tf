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

# Plain: it is shown in plans and kept in the state.
resource "pouncet_scoped_value" "limits" {
  name        = "limits"
  environment = "*"
  value_json  = jsonencode({ batch = 500, retries = 3 })
}

# A link: it follows each environment's own secret of that name.
resource "pouncet_scoped_value" "db_host" {
  name        = "db_host"
  environment = "*"
  from_secret = {
    name  = pouncet_secret.db.name
    field = "host"
  }
}
