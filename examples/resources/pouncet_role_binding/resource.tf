resource "pouncet_environment" "staging" {
  name = "staging"
}

resource "pouncet_group" "pipelines" {
  name    = "pipelines"
  members = []
}

# The pipelines may use the values of one environment.
resource "pouncet_role_binding" "staging" {
  name        = "pipelines-staging"
  role        = "runtime"
  to          = "group:${pouncet_group.pipelines.name}"
  project     = pouncet_environment.staging.project
  environment = pouncet_environment.staging.name
}

# A role of your own, for some names.
resource "pouncet_role" "rotator" {
  name   = "rotator"
  rights = ["see", "write"]
}

resource "pouncet_role_binding" "rotation" {
  name        = "rotate-database-passwords"
  role        = pouncet_role.rotator.name
  to          = "group:${pouncet_group.pipelines.name}"
  project     = pouncet_environment.staging.project
  environment = pouncet_environment.staging.name
  names       = "db_*"

  lifecycle {
    create_before_destroy = true
  }
}
