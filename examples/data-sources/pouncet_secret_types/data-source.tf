data "pouncet_secret_types" "all" {}

output "built_in" {
  value = [for t in data.pouncet_secret_types.all.secret_types : t.key if t.built_in]
}
