resource "pouncet_secret" "db" {
  name        = "db_password"
  environment = "prod"
  generate    = { length = 32 }
}

# Who wrote the password, and when.
data "pouncet_secret_versions" "db" {
  environment = pouncet_secret.db.environment
  name        = pouncet_secret.db.name
  limit       = 10
}

output "last_written" {
  value = [for v in data.pouncet_secret_versions.db.versions : "${v.version}: ${v.created_at} by ${v.created_by}"]
}
