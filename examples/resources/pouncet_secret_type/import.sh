# By [project/]key, or by id.
terraform import pouncet_secret_type.kafka kafka_login
