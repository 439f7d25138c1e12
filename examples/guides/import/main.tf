terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}

# An import reads metadata only. The value stays in the backend.
import {
  to = pouncet_secret.db_password
  id = "dev/db_password"
}

resource "pouncet_secret" "db_password" {
  name        = "db_password"
  environment = "dev"
  description = "Password of the warehouse"
}

import {
  to = pouncet_scoped_value.db_host
  id = "dev/db_host"
}

resource "pouncet_scoped_value" "db_host" {
  name        = "db_host"
  environment = "dev"
  value_json  = jsonencode("db.internal")
}
