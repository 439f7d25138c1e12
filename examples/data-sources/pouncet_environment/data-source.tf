resource "pouncet_environment" "staging" {
  name = "staging"
}

data "pouncet_environment" "staging" {
  name = pouncet_environment.staging.name
}

output "environment_id" {
  value = data.pouncet_environment.staging.id
}
