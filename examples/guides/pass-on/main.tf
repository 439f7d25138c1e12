resource "pouncet_environment" "here" {
  name = "here"
}

resource "pouncet_secret" "source" {
  name        = "db_password"
  environment = pouncet_environment.here.name
  generate    = { length = 40 }
}

# Read when it is needed, and kept nowhere.
ephemeral "pouncet_secret_value" "db" {
  name        = pouncet_secret.source.name
  environment = pouncet_environment.here.name
}

# Any write-only argument of any provider takes it. With AWS it would be
#
#   resource "aws_db_instance" "main" {
#     password_wo         = ephemeral.pouncet_secret_value.db.value
#     password_wo_version = pouncet_secret.source.version
#     …
#   }
#
# Here the receiver is a secret of another project, which notices a change by itself.
resource "pouncet_project" "there" {
  name = "receiver"
}

resource "pouncet_secret" "copy" {
  project     = pouncet_project.there.name
  environment = "*"
  name        = "db_password"
  value_wo    = ephemeral.pouncet_secret_value.db.value
}
