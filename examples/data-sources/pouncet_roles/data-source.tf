data "pouncet_roles" "all" {}

output "roles_that_read_values" {
  value = [for r in data.pouncet_roles.all.roles : r.name if contains(r.rights, "resolve")]
}
