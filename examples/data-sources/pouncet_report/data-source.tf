# The secrets of production that will expire within two weeks, or that nobody has resolved for half a year.
data "pouncet_report" "prod" {
  environment         = "prod"
  kinds               = ["expired", "expiring", "unused"]
  expires_within_days = 14
  unused_for_days     = 180
}

output "attention" {
  value = [for f in data.pouncet_report.prod.findings : "${f.name}: ${f.kind}"]
}

# A plan warns about each finding, and goes on.
check "secrets" {
  assert {
    condition     = length(data.pouncet_report.prod.findings) == 0
    error_message = "Some secrets of production need attention: see the output attention."
  }
}
