terraform {
  required_version = ">= 1.11"
  required_providers {
    pouncet = {
      source = "pouncet/pouncet"
    }
  }
}

# Embedded: the nearest .pouncet folder, or the one that POUNCET_HOME names.
# For a server, set POUNCET_ENDPOINT and POUNCET_TOKEN, or endpoint and token.
provider "pouncet" {
  project = "default"
}
