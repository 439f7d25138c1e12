# Write this to a file that ends in .tfquery.hcl, and run:
#   terraform query -generate-config-out=generated.tf
list "pouncet_oidc_trust" "all" {
  provider         = pouncet
  include_resource = true

  config {
    name_prefix = "github"
  }
}
