data "pouncet_project" "default" {
  name = "default"
}

output "room_left" {
  value = data.pouncet_project.default.max_secrets - data.pouncet_project.default.secrets
}
