resource "pouncet_project" "shop" {
  name        = "shop"
  description = "Secrets of the web shop"

  max_secrets        = 500
  name_pattern       = "[a-z][a-z0-9_]*"
  default_visibility = "restricted"
}
