# { project = null, environment = "prod", scope = "pipeline/load", name = "db", field = "password", version = null }
output "parts" {
  value = provider::pouncet::parse_uri("pouncet://-/prod/pipeline/load/db#password")
}
