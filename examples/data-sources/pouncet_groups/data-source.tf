data "pouncet_groups" "all" {}

output "groups" {
  value = { for g in data.pouncet_groups.all.groups : g.name => g.members }
}
