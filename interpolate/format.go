// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"path"
	"strings"
)

// Format is the form of a file: it says where strings stand in it, and how a
// value is written there so that it stays one.
type Format string

// The formats. FormatTemplate is any of them before others have filled it in,
// when it is none of them yet.
const (
	FormatByName     Format = "" // as FormatOf says; where that is not so, a template
	FormatYAML       Format = "yaml"
	FormatJSON       Format = "json"
	FormatTOML       Format = "toml"
	FormatDotenv     Format = "dotenv"
	FormatProperties Format = "properties"
	FormatText       Format = "text"
	FormatTemplate   Format = "template"

	// FormatVariables is FormatDotenv for ParseVariables to read, and for nobody
	// else: then any value can be written.
	FormatVariables Format = "variables"
)

// Formats are those that a user may name.
var Formats = []Format{FormatYAML, FormatJSON, FormatTOML, FormatDotenv, FormatProperties, FormatText, FormatTemplate}

func formatNames() string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// FormatOf is the format that a file's name says. It is YAML where it says nothing.
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

// IsConfigurationFile reports whether a file name has an extension of a configuration format. Names that end in .txt
// and names without an extension do not.
func IsConfigurationFile(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml" || FormatOf(name) != FormatYAML && FormatOf(name) != FormatText
}

// format is what a file is read as.
func (f File) format() Format {
	if f.Format != FormatByName {
		return f.Format
	}
	return FormatOf(f.Name)
}

// name is a format in words.
func (f Format) name() string {
	switch f {
	case FormatYAML, FormatJSON, FormatTOML:
		return strings.ToUpper(string(f))
	case FormatDotenv, FormatVariables:
		return "a file of variables"
	case FormatProperties:
		return "a properties file"
	}
	return string(f)
}
