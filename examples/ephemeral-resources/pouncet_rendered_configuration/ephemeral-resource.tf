variable "db_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "pouncet_environment" "staging" {
  name = "staging"
}

resource "pouncet_secret" "db" {
  name        = "db_password"
  environment = pouncet_environment.staging.name
  value_wo    = var.db_password
}

ephemeral "pouncet_rendered_configuration" "io" {
  environment    = pouncet_environment.staging.name
  content        = <<-YAML
    default:
      POSTGRES_HOST: db.example.com
      POSTGRES_PASSWORD: "{{ get_secret_value('db_password') }}"
  YAML
  after_versions = [pouncet_secret.db.version] # render after a change of the secret, in the same apply
}

# Pass the result to a write-only argument, here of another secret.
resource "pouncet_secret" "file" {
  name        = "io_config"
  environment = pouncet_environment.staging.name
  value_wo    = ephemeral.pouncet_rendered_configuration.io.rendered
}
