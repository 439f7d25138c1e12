resource "pouncet_group" "pipelines" {
  name    = "pipelines"
  members = []
}

data "pouncet_group" "pipelines" {
  name = pouncet_group.pipelines.name
}

output "members" {
  value = data.pouncet_group.pipelines.members
}
