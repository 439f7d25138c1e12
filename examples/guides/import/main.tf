# The value stays where it is: an import reads metadata only.
import {
  to = pouncet_secret.db_password
  id = "dev/db_password"
}

resource "pouncet_secret" "db_password" {
  name        = "db_password"
  environment = "dev"
  description = "Made by hand, long ago"
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
