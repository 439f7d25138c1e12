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

# Several secrets with one request.
ephemeral "pouncet_secret_values" "whole" {
  names       = [pouncet_secret.db.name, pouncet_secret.queue.name]
  environment = pouncet_environment.staging.name
}

# Fields of several secrets, under keys that you choose.
ephemeral "pouncet_secret_values" "fields" {
  environment = pouncet_environment.staging.name
  secrets = {
    db_password    = { name = pouncet_secret.db.name, field = "password" }
    queue_password = { name = pouncet_secret.queue.name, field = "password" }
  }
}

resource "pouncet_secret" "copy" {
  name        = "db_password"
  environment = pouncet_environment.staging.name
  value_wo    = ephemeral.pouncet_secret_values.fields.values["db_password"]
}
