data "pouncet_projects" "all" {}

# The used part of each quota.
output "quotas" {
  value = { for p in data.pouncet_projects.all.projects : p.name => "${p.secrets} of ${p.max_secrets}" }
}
