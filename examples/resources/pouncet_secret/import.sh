# By [project/]environment/[app/<name>/|pipeline/<name>/]name, or by id.
terraform import pouncet_secret.db staging/db_password
terraform import pouncet_secret.webhook "*/pipeline/orders/webhook_key"
