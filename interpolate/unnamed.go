// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"path"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// holdsBareValue reports whether a reference without braces stands where a value can: not in a sentence, such as
// "# see pouncet://".
func (d *Document) holdsBareValue() bool {
	return d.hasBareValue(func(string, string) bool { return true })
}

// holdsBareReference reports the same for a file in an unknown format. A line that is probably a comment does not count
// there, and neither does text that is no reference.
func (d *Document) holdsBareReference() bool {
	return d.hasBareValue(func(line, value string) bool {
		line = strings.TrimLeft(line, " \t")
		for _, sign := range []string{"#", "// ", "/*", "* ", ";", "-- ", "<!--", "> ", "|"} {
			if strings.HasPrefix(line, sign) {
				return false
			}
		}
		if end := strings.IndexAny(value, " \t\r\n\"'<>`,;)]}"); end >= 0 {
			value = value[:end]
		}
		_, err := parseUnbraced(value)
		return err == nil
	})
}

// hasBareValue reports whether a reference without braces stands where a value can, and counts. The arguments of counts
// are the line before it, and the text from its beginning.
func (d *Document) hasBareValue(counts func(line, value string) bool) bool {
	data := d.file.Data
	for _, prefix := range d.file.Dialect.prefixes() {
		for at := 0; ; {
			next := bytes.Index(data[at:], []byte(prefix))
			if next < 0 {
				break
			}
			at += next
			line := data[max(0, at-format.LineContext):at]
			if isWhereValueIs(line) {
				line = line[bytes.LastIndexAny(line, "\r\n")+1:]
				if counts(string(line), string(data[at:min(len(data), at+format.LineContext)])) {
					return true
				}
			}
			at += len(prefix)
		}
	}
	return false
}

// isWhereValueIs reports whether a value can follow a text.
func isWhereValueIs(before []byte) bool {
	before = bytes.TrimRight(before, " \t")
	if len(before) == 0 || strings.IndexByte("\r\n:-[,{=\"'|>?", before[len(before)-1]) >= 0 {
		return true
	}
	// An anchor or a tag can stand before a value.
	word := before[bytes.LastIndexAny(before, " \t\r\n")+1:]
	return strings.IndexByte("&!", word[0]) >= 0
}

// formatsByExtension are the formats of files whose name does not say all of it: the readers of such files know more
// than the format. So the format is a proposal only.
var formatsByExtension = map[string]Format{
	".cfg": FormatINI, ".cnf": FormatINI, ".npmrc": FormatINI, ".service": FormatINI, ".desktop": FormatINI,
	".config": FormatXML, ".csproj": FormatXML, ".fsproj": FormatXML, ".vbproj": FormatXML, ".props": FormatXML,
	".targets": FormatXML, ".plist": FormatXML, ".svg": FormatXML, ".resx": FormatXML, ".nuspec": FormatXML,
	".xsd": FormatXML, ".wsdl": FormatXML, ".xhtml": FormatXML,
	".geojson": FormatJSON, ".webmanifest": FormatJSON, ".avsc": FormatJSON, ".code-workspace": FormatJSONC,
	".tpl": FormatTemplate, ".tmpl": FormatTemplate, ".gotmpl": FormatTemplate, ".j2": FormatTemplate,
	".jinja": FormatTemplate, ".jinja2": FormatTemplate, ".erb": FormatTemplate, ".ejs": FormatTemplate,
	".mustache": FormatTemplate, ".hbs": FormatTemplate,
}

// hintFormat returns what to do with a file whose name belongs to no format.
func (d *Document) hintFormat() string {
	if isEvaluated(d.file.Name) {
		return "Terraform evaluates the strings of the file, so no value is safe there; use a variable, or a data source " +
			"of Pouncet; --file-format text writes a value as it is"
	}
	extension := strings.ToLower(path.Ext(d.file.Name))
	proposed := formatsByExtension[extension]
	if strings.Contains("|.example|.sample|.dist|.default|.bak|", "|"+extension+"|") {
		if r := rowOf(strings.TrimSuffix(d.file.Name, path.Ext(d.file.Name))); r != nil {
			proposed = r.name
		}
	}
	if proposed == FormatByName {
		return "run a separate command for this file with --file-format text, which writes a value as it is, without quotes"
	}
	return "run a separate command for this file with --file-format " + string(proposed) +
		", or with text, which writes a value as it is, without quotes"
}
