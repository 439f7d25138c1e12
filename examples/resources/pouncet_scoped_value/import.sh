# By [project/]environment/[app/<name>/|pipeline/<name>/]name, or by id.
terraform import pouncet_scoped_value.limits "*/limits"
