// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"path"
	"strings"
)

// Format is the format of a file. It decides where strings stand in the file, and how Render writes a value in them.
type Format string

// The formats.
const (
	// FormatByName means the format that FormatOf returns. A file that cannot be parsed in it, and that holds foreign
	// expressions, is read as FormatTemplate.
	FormatByName Format = ""

	FormatYAML       Format = "yaml"
	FormatJSON       Format = "json" // one document or several
	FormatTOML       Format = "toml"
	FormatDotenv     Format = "dotenv" // NAME=value lines, for any reader
	FormatProperties Format = "properties"
	FormatText       Format = "text"

	// FormatTemplate is a file of any format that another tool still has to fill in, and that cannot be parsed
	// before.
	FormatTemplate Format = "template"

	// FormatVariables is a dotenv file that only ParseVariables will read. It can hold every value except a NUL byte.
	FormatVariables Format = "variables"
)

// Formats lists the formats that a user can choose.
var Formats = []Format{FormatYAML, FormatJSON, FormatTOML, FormatDotenv, FormatProperties, FormatText, FormatTemplate}

// FormatOf returns the format for a file name. It is FormatYAML if the name says nothing else.
func FormatOf(name string) Format {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	switch ext := path.Ext(base); {
	case base == ".env", ext == ".env", strings.HasPrefix(base, ".env."):
		return FormatDotenv
	case ext == ".json", ext == ".ndjson", ext == ".jsonl":
		return FormatJSON
	case ext == ".toml":
		return FormatTOML
	case ext == ".properties":
		return FormatProperties
	case ext == ".txt":
		return FormatText
	}
	return FormatYAML
}

// IsConfigurationFile reports whether a file name has the extension of a configuration format. Names that end in .txt
// and names without an extension do not.
func IsConfigurationFile(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml" || FormatOf(name) != FormatYAML && FormatOf(name) != FormatText
}

// format returns the format in which a file is read.
func (f File) format() Format {
	if f.Format != FormatByName {
		return f.Format
	}
	return FormatOf(f.Name)
}

// name returns the name of a format for messages.
func (f Format) name() string {
	switch f {
	case FormatYAML, FormatJSON, FormatTOML:
		return strings.ToUpper(string(f))
	case FormatVariables:
		return string(FormatDotenv)
	}
	return string(f)
}
