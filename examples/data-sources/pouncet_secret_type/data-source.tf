data "pouncet_secret_type" "smtp" {
  key = "smtp"
}

output "required_fields" {
  value = jsondecode(data.pouncet_secret_type.smtp.schema).required
}
