# Members are tokens with the role none, such as "token:nightly":
#   pouncet token create --role none --for workload --name nightly
resource "pouncet_group" "pipelines" {
  name    = "pipelines"
  members = []
}
