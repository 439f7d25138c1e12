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
  value_wo    = jsonencode({ username = "loader", password = var.db_password })
}

# One field of a JSON secret. Pass it to the configuration of another provider,
# or to a write-only argument.
ephemeral "pouncet_secret_value" "db" {
  name        = pouncet_secret.db.name
  environment = pouncet_environment.staging.name
  field       = "password"
  at_version  = pouncet_secret.db.version # read the value after a change of it, in the same apply
}

resource "pouncet_secret" "copy" {
  name        = "db_password"
  environment = pouncet_environment.staging.name
  value_wo    = ephemeral.pouncet_secret_value.db.value
}

# All fields of a JSON secret.
ephemeral "pouncet_secret_value" "all" {
  name        = pouncet_secret.db.name
  environment = pouncet_environment.staging.name
  at_version  = pouncet_secret.db.version
}

resource "pouncet_secret" "dsn" {
  name        = "db_dsn"
  environment = pouncet_environment.staging.name
  value_wo    = "postgres://${ephemeral.pouncet_secret_value.all.json.username}:${urlencode(ephemeral.pouncet_secret_value.all.json.password)}@db/app"
}
