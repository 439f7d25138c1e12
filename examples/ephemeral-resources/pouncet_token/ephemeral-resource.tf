ephemeral "pouncet_token" "deploy" {
  role        = "runtime"
  lifetime    = "30m"
  name_prefix = "deploy-"
  description = "Reads secrets while the deployment runs"
}

# Pass the token to a command that runs during the apply, or to the configuration
# of another provider.
resource "terraform_data" "deploy" {
  triggers_replace = ["v1"]

  provisioner "local-exec" {
    command     = "test -n \"$POUNCET_TOKEN\" && echo deploying"
    environment = { POUNCET_TOKEN = ephemeral.pouncet_token.deploy.token }
  }
}
