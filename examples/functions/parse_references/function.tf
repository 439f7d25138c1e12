locals {
  pipeline = <<-YAML
    source:
      password: "{{ get_secret_value('db').password }}"
      region: "{{ env_var('REGION', 'eu-west-1') }}"
  YAML
}

# The names of the secrets that the pipeline uses.
output "secrets" {
  value = distinct([
    for r in provider::pouncet::parse_references(local.pipeline) : r.name if r.kind == "secret"
  ])
}
