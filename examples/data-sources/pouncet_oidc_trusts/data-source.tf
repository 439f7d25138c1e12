data "pouncet_oidc_trusts" "all" {}

output "issuers" {
  value = { for t in data.pouncet_oidc_trusts.all.oidc_trusts : t.name => t.issuer }
}
