values = {
  password   = "secret-of-terraform"
  shared     = "{\"a\": {\"b\": \"deep\"}}"
  by_version = "written when the version is raised"
}
