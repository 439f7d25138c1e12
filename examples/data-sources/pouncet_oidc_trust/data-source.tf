resource "pouncet_oidc_trust" "gitlab" {
  name     = "gitlab"
  issuer   = "https://gitlab.com"
  audience = "https://pouncet.example.com"
  claims   = { project_path = "acme/shop" }
}

data "pouncet_oidc_trust" "gitlab" {
  name = pouncet_oidc_trust.gitlab.name
}

output "audience" {
  value = data.pouncet_oidc_trust.gitlab.audience
}
