resource "pouncet_environment" "staging" {
  name        = "staging"
  description = "What runs before production"
  labels      = { tier = "2" }
}

# With protected, the environment cannot be deleted by mistake.
resource "pouncet_environment" "live" {
  name      = "live"
  protected = false
}
