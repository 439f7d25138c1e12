# By name, or by id.
terraform import pouncet_oidc_trust.github github
