# As [project/]environment/[app/x/|pipeline/x/]name, or by id.
terraform import pouncet_scoped_value.limits "*/limits"
