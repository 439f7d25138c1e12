resource "pouncet_secret_type" "kafka" {
  key          = "kafka_login"
  display_name = "Kafka login"
  description  = "SASL credentials of a Kafka cluster"

  schema = jsonencode({
    type     = "object"
    required = ["bootstrap", "username", "password"]
    properties = {
      bootstrap = { type = "array", items = { type = "string" }, minItems = 1 }
      username  = { type = "string", minLength = 1 }
      password  = { type = "string", minLength = 12 }
    }
    additionalProperties = false
  })
}
