# By name, or by id.
terraform import pouncet_project.shop shop
