# Who wrote the password, and when.
data "pouncet_secret_versions" "db" {
  environment = "prod"
  name        = "db_password"
  limit       = 10
}

output "last_written" {
  value = [for v in data.pouncet_secret_versions.db.versions : "${v.version}: ${v.created_at} by ${v.created_by}"]
}
