# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/pouncet/pouncet" {
  version     = "0.1.0"
  constraints = ">= 0.1.0"
  hashes = [
    "h1:nts27+uxvr6jWc1mtE15RorbyNPeS+NGHBiC70BF27U=",
  ]
}
