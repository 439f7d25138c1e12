terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

resource "pouncet_environment" "source" {
  name = "source"
}

resource "pouncet_secret" "source" {
  name        = "db_password"
  environment = pouncet_environment.source.name
  generate    = { length = 40 }
}

# Terraform reads this value when it needs it, and stores it nowhere. With at_version, it reads a new value after the
# change that sets it, so that one apply rotates the secret and its copies.
ephemeral "pouncet_secret_value" "db" {
  name        = pouncet_secret.source.name
  environment = pouncet_environment.source.name
  at_version  = pouncet_secret.source.version
}

# Any write-only argument of any provider accepts the value. With AWS:
#
#   resource "aws_db_instance" "main" {
#     password_wo         = ephemeral.pouncet_secret_value.db.value
#     password_wo_version = pouncet_secret.source.version
#     …
#   }
#
# In this example the receiver is a secret of another project. It detects a change without a version argument.
resource "pouncet_project" "receiver" {
  name = "receiver"
}

resource "pouncet_secret" "copy" {
  project     = pouncet_project.receiver.name
  environment = "*"
  name        = "db_password"
  value_wo    = ephemeral.pouncet_secret_value.db.value
}
