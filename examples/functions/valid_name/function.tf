variable "secret_name" {
  type    = string
  default = "db_password"
  validation {
    condition     = provider::pouncet::valid_name(var.secret_name)
    error_message = provider::pouncet::name_error(var.secret_name)
  }
}
