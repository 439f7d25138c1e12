# Writes values, and reads none.
resource "pouncet_role" "rotator" {
  name        = "rotator"
  description = "Writes new values"
  rights      = ["see", "write"]
}
