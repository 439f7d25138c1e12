resource "pouncet_scoped_value" "region" {
  name        = "region"
  environment = "*"
  value_json  = jsonencode("eu-west-1")
}

data "pouncet_scoped_values" "shared" {
  environment = "*"
  depends_on  = [pouncet_scoped_value.region]
}

output "shared" {
  value = { for v in data.pouncet_scoped_values.shared.scoped_values : v.name => jsondecode(v.value_json) }
}
