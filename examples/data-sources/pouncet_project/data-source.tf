data "pouncet_project" "default" {
  name = "default"
}

output "remaining_secrets" {
  value = data.pouncet_project.default.max_secrets - data.pouncet_project.default.secrets
}
