# Workflows of one repository on GitHub, for its main branch.
resource "pouncet_oidc_trust" "github" {
  name     = "github"
  issuer   = "https://token.actions.githubusercontent.com"
  audience = "https://pouncet.example.com"
  claims = {
    repository = "acme/shop"
    ref        = "refs/heads/main"
  }
  session_minutes = 15
}

# What they may do.
resource "pouncet_role_binding" "github" {
  name    = "github"
  role    = "runtime"
  to      = "trust:${pouncet_oidc_trust.github.name}"
  project = "default"
}

# Services of a mesh, with client certificates that an authority of --client-ca has signed.
resource "pouncet_oidc_trust" "mesh" {
  name        = "mesh"
  certificate = true
  claims      = { san_uri = "spiffe://acme.example/ns/shop/*" }
}
