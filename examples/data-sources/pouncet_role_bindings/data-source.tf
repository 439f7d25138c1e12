data "pouncet_role_bindings" "all" {}

output "admins" {
  value = [for b in data.pouncet_role_bindings.all.role_bindings : b.to if b.role == "admin"]
}
