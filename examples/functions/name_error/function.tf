# The error that the name breaks a rule, with a hint.
output "why" {
  value = provider::pouncet::name_error("db.password")
}
