variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_environment" "staging" {
  name = "staging"
}

resource "pouncet_secret" "db" {
  name        = "db"
  environment = pouncet_environment.staging.name
  value_wo    = jsonencode({ password = var.db_password })
}

resource "pouncet_secret" "queue" {
  name        = "queue"
  environment = pouncet_environment.staging.name
  value_wo    = jsonencode({ password = var.db_password })
}

# One request, whatever their number.
ephemeral "pouncet_secret_values" "these" {
  names       = [pouncet_secret.db.name, pouncet_secret.queue.name]
  environment = pouncet_environment.staging.name
}

# Fields, other environments and other versions, under keys of your own.
ephemeral "pouncet_secret_values" "those" {
  environment = pouncet_environment.staging.name
  secrets = {
    db_password    = { name = pouncet_secret.db.name, field = "password" }
    queue_password = { name = pouncet_secret.queue.name, field = "password" }
  }
}

resource "pouncet_secret" "copy" {
  name        = "db_password"
  environment = pouncet_environment.staging.name
  value_wo    = ephemeral.pouncet_secret_values.those.values["db_password"]
}
