resource "pouncet_scoped_value" "limits" {
  name        = "limits"
  environment = "*"
  value_json  = jsonencode({ batch = 500 })
}

data "pouncet_scoped_value" "limits" {
  name        = pouncet_scoped_value.limits.name
  environment = "*"
  depends_on  = [pouncet_scoped_value.limits]
}

output "batch" {
  value = jsondecode(data.pouncet_scoped_value.limits.value_json).batch
}
