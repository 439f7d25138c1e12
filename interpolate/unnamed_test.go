// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestMentionInUnknownFormat checks that a file of an unknown format may mention a reference without braces, but not
// hold one.
func TestMentionInUnknownFormat(t *testing.T) {
	for _, c := range []struct {
		name, text string
		holds      bool
	}{
		{"nginx.conf", "# see pouncet://\n", false}, {"Dockerfile", "# see: pouncet://-/-/a\nFROM x\n", false},
		{"README.md", "Write pouncet://-/-/a.\n\n| `x` | pouncet://-/-/a |\n", false},
		{"README.md", "A URI: pouncet://PROJECT/ENVIRONMENT\n", false}, {"a.go", "\t// pouncet://docs\n", false},
		{"a.go", "const scheme = \"pouncet://\"\n", false}, {"x.sql", "-- pouncet://-/-/a\n", false},
		{"main.tf.json", "{\"a\": \"see pouncet://\"}", false}, {"notes", "pouncet:// is a scheme\n", false},
		{".npmrc", "//registry/:_authToken=pouncet://-/-/a\n", true}, {"app.conf", "a = pouncet://-/-/a\n", true},
		{"x.sh", "A=\"pouncet://-/-/a\"\n", true}, {"x.sh", "run --password=pouncet://-/-/a\n", true},
		{"id", "pouncet://-/-/a", true}, {"nginx.conf", "# see pouncet://\na: pouncet://-/-/a;\n", true},
	} {
		doc, err := interpolate.Scan(interpolate.File{Name: c.name, Data: []byte(c.text)})
		if (err != nil) != c.holds || err != nil && !strings.Contains(err.Error(), "belongs to no format") {
			t.Errorf("%s: %q: %v, %v", c.name, c.text, doc, err)
		}
	}
}

// TestEvaluatedJSON checks that JSON which Terraform evaluates belongs to no format: ${…} in a value would be
// evaluated.
func TestEvaluatedJSON(t *testing.T) {
	for name, refused := range map[string]bool{
		"main.tf.json": true, "a/Main.TF.JSON": true, "x.tofu.json": true, "x.pkr.json": true, "terragrunt.hcl.json": true,
		"x.tftest.json": true, "x.tfvars.json": false, "x.pkrvars.json": false, "tf.json": false, "hcl.json": false,
		"x.tfvars": false, "x.hcl": false, "x.tf": true, "x.tofu": true,
	} {
		text := "{\"a\": \"CALL\"}"
		if !strings.HasSuffix(strings.ToLower(name), ".json") {
			text = "a = \"CALL\"\n"
		}
		f := interpolate.File{Name: name, Data: []byte(withCalls(text))}
		got, err := renderDialect(t, f, everySecret("${1+1}"), interpolate.MissingError)
		if errors.Is(err, backend.ErrInvalid) != refused {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if isJSON := strings.HasSuffix(strings.ToLower(name), ".json"); interpolate.IsConfigurationFile(name) != (isJSON ||
			!refused) {
			t.Errorf("%s: a folder with it is read otherwise", name)
		}
		if refused && !strings.Contains(err.Error(), "Terraform evaluates the strings") {
			t.Errorf("%s: %v", name, err)
		}
		nested := interpolate.File{Name: "f.yaml", Data: []byte(withCalls(name[strings.LastIndex(name, "/")+1:] +
			": |\n  " + strings.TrimSuffix(text, "\n") + "\n"))}
		doc, err := interpolate.Scan(nested)
		if err != nil || refused && len(doc.Unclear()) != 1 {
			t.Errorf("%s in YAML: %v, %v", name, doc.Unclear(), err)
		}
	}
}

// TestFormatIsProposed checks that the hint for an unknown name has the formats that can be right.
func TestFormatIsProposed(t *testing.T) {
	for name, want := range map[string]string{
		"setup.cfg": "ini", ".npmrc": "ini", "web.config": "xml", "a.csproj": "xml", "values.yaml.j2": "template",
		"app.yaml.example": "yaml", "app.toml.sample": "toml", "x.sql": "text", "Dockerfile": "text", "x.example": "text",
	} {
		_, err := interpolate.Scan(interpolate.File{Name: name, Data: []byte(withCalls("a = \"CALL\"\n"))})
		text := "with --file-format " + want
		if err == nil || !strings.Contains(err.Error(), text+",") || !strings.Contains(err.Error(), "text") ||
			strings.Contains(err.Error(), "hcl") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
