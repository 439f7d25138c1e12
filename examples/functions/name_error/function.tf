# A sentence that says why the name is not valid.
output "why" {
  value = provider::pouncet::name_error("db.password")
}
