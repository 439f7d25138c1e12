# By [project/]name, or by id.
terraform import pouncet_environment.staging staging
