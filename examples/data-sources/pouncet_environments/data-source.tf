resource "pouncet_environment" "staging" {
  name   = "staging"
  labels = { team = "data" }
}

data "pouncet_environments" "of_team" {
  labels     = { team = "data" }
  depends_on = [pouncet_environment.staging]
}

output "environments" {
  value = [for e in data.pouncet_environments.of_team.environments : e.name]
}
