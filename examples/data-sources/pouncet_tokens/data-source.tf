data "pouncet_tokens" "all" {}

output "tokens_that_never_expire" {
  value = [for t in data.pouncet_tokens.all.tokens : t.name if t.expires_at == null]
}
