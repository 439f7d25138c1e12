from pouncet import get_secret_value, get_secret_values

password = get_secret_value("db_password", env="prod")
host = get_secret_value("warehouse", env="prod", field="host")
both = get_secret_values(["db_password", "pin"], env="prod")
port = get_secret_value("db_port", env="prod", default="5432")
print(len(password), host, sorted(both), port)
