resource "pouncet_secret" "session_key" {
  name        = "session_key"
  environment = "*"
  generate    = { length = 48 }
}

# Invoke it: terraform apply -invoke=action.pouncet_rotate_secret.session_key
action "pouncet_rotate_secret" "session_key" {
  config {
    id     = pouncet_secret.session_key.id
    length = 48
  }
}
