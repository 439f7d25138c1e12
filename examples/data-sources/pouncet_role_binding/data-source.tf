resource "pouncet_group" "readers" {
  name    = "readers"
  members = []
}

resource "pouncet_role_binding" "readers" {
  name = "readers"
  role = "viewer"
  to   = "group:${pouncet_group.readers.name}"
}

data "pouncet_role_binding" "readers" {
  name = pouncet_role_binding.readers.name
}

output "role" {
  value = data.pouncet_role_binding.readers.role
}
