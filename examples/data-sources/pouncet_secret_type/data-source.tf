data "pouncet_secret_type" "smtp" {
  key = "smtp"
}

output "smtp_needs" {
  value = jsondecode(data.pouncet_secret_type.smtp.schema).required
}
