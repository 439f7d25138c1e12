# By name, or by id.
terraform import pouncet_role_binding.staging pipelines-staging
