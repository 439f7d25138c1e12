# In a file that ends in .tfquery.hcl:
#   terraform query -generate-config-out=found.tf
list "pouncet_scoped_value" "found" {
  provider         = pouncet
  include_resource = true

  config {
    environment = "*"
  }
}
