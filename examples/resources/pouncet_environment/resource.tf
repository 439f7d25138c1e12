resource "pouncet_environment" "staging" {
  name        = "staging"
  description = "Last test before production"
  labels      = { tier = "2" }
}

# Set protected to true to prevent a deletion by mistake.
resource "pouncet_environment" "live" {
  name      = "live"
  protected = false
}
