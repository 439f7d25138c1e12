terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = {
      source = "pouncet/pouncet"
    }
  }
}

# Without an endpoint, the provider uses the embedded backend in the nearest
# .pouncet folder. To use a server, set POUNCET_ENDPOINT and POUNCET_TOKEN.
provider "pouncet" {
  create        = true # the first apply creates the embedded backend, unless it exists
  project       = "default"
  configuration = "shop" # a name of this configuration: its objects then never block each other
}
