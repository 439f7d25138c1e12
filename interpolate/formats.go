// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"path"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/dotenv"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/hcl"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/ini"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/json"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/jsonc"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/properties"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/text"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/toml"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/xml"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/yaml"
)

// Format is the format of a file. It decides where strings stand in the file, and how Render writes a value in them.
type Format string

// The formats.
const (
	// FormatByName means the format that FormatOf returns. A file that cannot be parsed in it, and that holds foreign
	// expressions, is read as FormatTemplate.
	FormatByName Format = ""

	FormatYAML       Format = "yaml"
	FormatJSON       Format = "json"  // one document or several
	FormatJSONC      Format = "jsonc" // with comments and trailing commas
	FormatTOML       Format = "toml"
	FormatDotenv     Format = "dotenv" // NAME=value lines, for any reader
	FormatProperties Format = "properties"
	FormatINI        Format = "ini"
	FormatXML        Format = "xml"
	FormatHCL        Format = "hcl" // version 2
	FormatText       Format = "text"

	// FormatTemplate is a file of any format that another tool still has to fill in, and that cannot be parsed
	// before.
	FormatTemplate Format = "template"

	// FormatVariables is a dotenv file that only ParseVariables will read. It can hold every value except a NUL byte.
	FormatVariables Format = "variables"
)

// formatRow is the row of one format in the table of formats.
type formatRow struct {
	name  Format
	title string               // in messages
	new   func() format.Format // returns the format for one file

	extensions []string // of file names, with the dot
	beginnings []string // of file names
	patterns   []string // of file names, or of a folder and a file name; they come before extensions

	prose         bool            // its files do not count as configuration files
	oneText       bool            // a file is one text, and each reference in it is a separate scalar
	internal      bool            // a user cannot choose it
	inert         bool            // its values never begin an expression of another tool
	quotesStrings bool            // every string has quotes
	forbids       func(rune) bool // reports characters that a file cannot hold; nil if it can hold all of them
}

// formatRows is the table of formats. The fuzz tests and the tests of values run over it.
var formatRows = [...]formatRow{
	{
		name: FormatYAML, title: "YAML", new: yaml.New, extensions: []string{".yaml", ".yml"},
		forbids: yaml.Forbids,
	},
	{
		name: FormatJSON, title: "JSON", new: json.New, extensions: []string{".json", ".ndjson", ".jsonl"},
		quotesStrings: true,
	},
	{
		name: FormatJSONC, title: "JSON with comments", new: jsonc.New, extensions: []string{".jsonc", ".json5"},
		patterns: []string{
			"tsconfig*.json", "jsconfig*.json", "devcontainer.json", ".vscode/*.json", ".devcontainer/*.json",
			"appsettings.json", "appsettings.*.json", "launchsettings.json", "bundleconfig.json", // of .NET
		},
		quotesStrings: true,
	},
	{name: FormatTOML, title: "TOML", new: toml.New, extensions: []string{".toml"}, quotesStrings: true},
	{
		name: FormatDotenv, title: "dotenv", new: dotenv.New, extensions: []string{".env"},
		beginnings: []string{".env."},
	},
	{name: FormatProperties, title: "properties", new: properties.New, extensions: []string{".properties"}},
	{name: FormatINI, title: "INI", new: ini.New, extensions: []string{".ini"}},
	{name: FormatXML, title: "XML", new: xml.New, extensions: []string{".xml"}, quotesStrings: true},
	// Files of Terraform itself (.tf, .tf.json) must not hold secrets, so their name selects no format.
	{name: FormatHCL, title: "HCL", new: hcl.New, extensions: []string{".tfvars", ".hcl"}, quotesStrings: true},
	{name: FormatText, title: "text", new: text.New, extensions: []string{".txt"}, prose: true, oneText: true},
	{name: FormatTemplate, title: "template", new: text.NewTemplate, inert: true},
	{name: FormatVariables, title: "dotenv", new: dotenv.NewVariables, internal: true, inert: true},
}

// Formats lists the formats that a user can choose.
var Formats = chooseFormats()

func chooseFormats() []Format {
	out := make([]Format, 0, len(formatRows))
	for i := range formatRows {
		if r := &formatRows[i]; !r.internal {
			out = append(out, r.name)
		}
	}
	return out
}

// row returns the row of a format, or nil if it is not supported.
func (f Format) row() *formatRow {
	for i := range formatRows {
		if r := &formatRows[i]; r.name == f {
			return r
		}
	}
	return nil
}

// rowOf returns the row for a file name, or nil if the name says nothing, or says that a program evaluates the strings
// of the file: no value is safe there.
func rowOf(name string) *formatRow {
	if !strings.Contains(name, ".") || isEvaluated(name) { // all names of rows have a dot, and few keys of YAML
		return nil
	}
	return rowByName(name)
}

// isEvaluated reports whether a file name belongs to a configuration in HCL or in its JSON, which reads ${…} in every
// string. Files of variables (.tfvars.json) have no expressions.
func isEvaluated(name string) bool {
	name = strings.ToLower(name)
	base, _ := strings.CutSuffix(name, ".json")
	switch ext := path.Ext(base); ext {
	case ".tf", ".tofu":
		return true
	case ".hcl", ".pkr", ".tftest", ".tofutest", ".tfmock", ".tfquery", ".tfstack", ".tfcomponent", ".tfdeploy":
		return base != name
	}
	return false
}

func rowByName(name string) *formatRow {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	base := path.Base(name)
	beginsName := func(beginning string) bool { return strings.HasPrefix(base, beginning) }
	for i := range formatRows {
		if r := &formatRows[i]; slices.ContainsFunc(r.beginnings, beginsName) {
			return r
		}
	}
	inFolder := path.Join(path.Base(path.Dir(name)), base)
	matches := func(pattern string) bool {
		of := base
		if strings.Contains(pattern, "/") {
			of = inFolder
		}
		ok, _ := path.Match(pattern, of)
		return ok
	}
	for i := range formatRows {
		if r := &formatRows[i]; slices.ContainsFunc(r.patterns, matches) {
			return r
		}
	}
	for i := range formatRows {
		if r := &formatRows[i]; slices.Contains(r.extensions, path.Ext(base)) {
			return r
		}
	}
	return nil
}

// StandardInput is the name of standard input. Like a text without a name, it is YAML, or plain text if all of it is
// one scalar.
const StandardInput = "-"

// FormatOf returns the format for a file name, or FormatByName if the name belongs to no format.
func FormatOf(name string) Format {
	switch r := rowOf(name); {
	case r != nil:
		return r.name
	case name == "" || name == StandardInput:
		return FormatYAML
	}
	return FormatByName
}

// IsConfigurationFile reports whether a file name has the extension of a configuration format. Names that end in .txt
// and names without an extension do not.
func IsConfigurationFile(name string) bool {
	r := rowByName(name)
	return r != nil && !r.prose
}

// format returns the format in which a file is read.
func (f File) format() Format {
	switch {
	case f.Format != FormatByName:
		return f.Format
	case f.isUnnamed():
		return FormatYAML
	}
	return FormatOf(f.Name)
}
