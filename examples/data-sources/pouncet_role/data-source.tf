data "pouncet_role" "editor" {
  name = "editor"
}

output "rights_of_an_editor" {
  value = data.pouncet_role.editor.rights
}
