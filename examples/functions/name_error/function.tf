# Secret name "db.password" is not allowed; use 1 to 256 letters, …
output "why" {
  value = provider::pouncet::name_error("db.password")
}
