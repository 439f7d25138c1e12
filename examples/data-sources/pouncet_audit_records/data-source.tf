# Who has looked at a value in the last week.
data "pouncet_audit_records" "reveals" {
  verb  = "reveal"
  since = "168h"
}

output "reveals" {
  value = [for r in data.pouncet_audit_records.reveals.records : "${r.at} ${r.principal}: ${r.objects}"]
}
