# By name, or by id.
terraform import pouncet_role.rotator rotator
