data "pouncet_projects" "all" {}

# How much of each quota is used.
output "quotas" {
  value = { for p in data.pouncet_projects.all.projects : p.name => "${p.secrets} of ${p.max_secrets}" }
}
