// SPDX-License-Identifier: MPL-2.0

package projectfiles

import "embed"

//go:embed project.schema.json environment.schema.json
var schemas embed.FS

// SchemaNames are the names of the JSON Schemas of the files.
var SchemaNames = []string{"project", "environment"}

// SchemaURL returns the address of a schema. docs has the same files.
func SchemaURL(name string) string {
	return "https://raw.githubusercontent.com/pouncet/terraform-provider-pouncet/main/docs/" + name + ".schema.json"
}

// Schema returns the JSON Schema (draft 2020-12) of a file, and whether there is one of this name.
func Schema(name string) ([]byte, bool) {
	text, err := schemas.ReadFile(name + ".schema.json")
	return text, err == nil
}
