variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_environment" "staging" {
  name = "staging"
}

resource "pouncet_secret" "db" {
  name        = "db_password"
  environment = pouncet_environment.staging.name
  description = "Password of the loader"
  labels      = { team = "data" }
  value_wo    = var.db_password
}

# A JSON value that must satisfy a built-in type. No person can see it.
resource "pouncet_secret" "warehouse" {
  name        = "warehouse"
  environment = pouncet_environment.staging.name
  type        = "database_connection"
  visibility  = "restricted"
  value_wo = jsonencode({
    host     = "warehouse.internal"
    port     = 5432
    username = "loader"
    password = var.db_password
  })
}

# Shared by all environments, visible to one pipeline.
resource "pouncet_secret" "webhook" {
  name        = "webhook_key"
  environment = "*"
  scope       = "pipeline/orders"
  value_wo    = var.db_password
}
