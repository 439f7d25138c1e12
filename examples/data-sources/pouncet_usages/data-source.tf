# The files that use this secret.
data "pouncet_usages" "db" {
  name = "db_password"
}

output "used_by" {
  value = [for u in data.pouncet_usages.db.usages : "${u.source}: ${u.file}:${u.line} (${u.environment})"]
}
