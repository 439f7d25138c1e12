// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/magiconair/properties"
	"github.com/pelletier/go-toml/v2"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// checkFormat checks what FuzzSplice checks for YAML. A file whose expressions are all kept does not change. If a
// file is valid with a placeholder for every reference, read returns the same tree for the result, except for the
// values. Every error is about the file, and not about an edit.
func checkFormat(t *testing.T, format interpolate.Format, text, v string, read func(string) (any, error)) {
	file := []interpolate.File{{Name: "f", Data: []byte(text), Format: format}}
	o := interpolate.Options{Project: "p", Environment: "dev", Missing: interpolate.MissingKeep,
		LookupEnv: func(string) (string, bool) { return "", false }}
	kept, err := interpolate.Render(t.Context(), &resolver{}, file, o)
	if err == nil && string(kept[0].Data) != text && !strings.Contains(text, "default") &&
		!strings.Contains(text, "'") {
		t.Fatalf("a kept file has changed:\n%q\n%q", text, kept[0].Data)
	}
	o.Missing = interpolate.MissingError
	out, err := interpolate.Render(t.Context(), &resolver{secrets: map[string]string{"dev/s": v}}, file, o)
	if err != nil {
		var own *backend.Error
		if !errors.As(err, &own) || errors.Is(err, backend.ErrInternal) ||
			strings.Contains(err.Error(), "cannot be located") {
			t.Fatalf("%v in %q with %q", err, text, v)
		}
		return
	}
	plain := strings.ReplaceAll(text, secretCall, placeholder)
	if strings.Contains(text, placeholder) || strings.Contains(plain, "{{") || strings.Contains(plain, "{%") ||
		strings.Contains(text, "pouncet://") || strings.Contains(v, placeholder) {
		return // read cannot distinguish this text from a reference
	}
	want, err := read(plain)
	if err != nil {
		return
	}
	got, err := read(string(out[0].Data))
	if want = fillPlaceholders(want, v); err != nil || !reflect.DeepEqual(want, got) {
		t.Fatalf("%v: the trees differ:\n%q\n%q\nwant %q\nis   %q", err, text, out[0].Data, want, got)
	}
}

// fillPlaceholders replaces the placeholders in the values of a tree.
func fillPlaceholders(tree any, v string) any {
	switch tree := tree.(type) {
	case string:
		return strings.ReplaceAll(tree, placeholder, v)
	case float64:
		if tree != tree {
			return "NaN, which is not equal to itself"
		}
	case []any:
		for i := range tree {
			tree[i] = fillPlaceholders(tree[i], v)
		}
	case map[string]any:
		for k := range tree {
			tree[k] = fillPlaceholders(tree[k], v)
		}
	}
	return tree
}

func addSeeds(f *testing.F, texts ...string) {
	for i, text := range texts {
		f.Add(strings.ReplaceAll(text, "CALL", secretCall), trickyValues[(i*7+10)%len(trickyValues)])
	}
	for _, value := range trickyValues {
		f.Add(strings.ReplaceAll(texts[0], "CALL", secretCall), value[:min(len(value), 99)])
	}
}

func FuzzTOML(f *testing.F) {
	addSeeds(f, "a = 'CALL'\nb = \"x CALL\" # CALL\nc = '''\nCALL'''\nd.\"e\" = [\"\"\"\n CALL \\\n  CALL\"\"\"\"]\n",
		"a = CALL\r\nb = {c = CALL, d = 1}\n",
		"[[a]]\nb = 1979-05-27 07:32:00\n[a.b]\nc = [CALL,\n # CALL\n CALL,]\n",
		"\ufeffa = \"pouncet://-/-/s\"\nb = \"\\u0041\\\"CALL\\\\\"\n", "[\"CALL\"]\n'CALL' = 1",
		"a = '''x: CALL\n'''\nb = CALL\n")
	f.Fuzz(func(t *testing.T, text, v string) {
		checkFormat(t, interpolate.FormatTOML, text, v, func(text string) (any, error) {
			var tree map[string]any
			err := toml.Unmarshal([]byte(text), &tree)
			return fillPlaceholders(tree, placeholder), err
		})
	})
}

func FuzzProperties(f *testing.F) {
	addSeeds(f, "a=CALL\nb : xCALL\nc CALL d\n# CALL\n e\\=\\ f = \\\n   CALL\\\n  CALL\n",
		"a=\\CALL\\u0041\\ud83d\\ude00 CALL\r\n! CALL\\\r\nb=\\\r\n CALL", "CALL=1", "a\\\nb=CALL",
		"a pouncet://-/-/s\nb==CALL\n:=CALL\n= CALL")
	f.Fuzz(func(t *testing.T, text, v string) {
		// The library differs from Java in lines that continue after CR, and in characters of two escapes.
		known := !strings.Contains(text, "\r") && !strings.Contains(text, `\u`) &&
			!strings.ContainsFunc(v, func(r rune) bool { return r > 0xffff })
		checkFormat(t, interpolate.FormatProperties, text, v, func(text string) (any, error) {
			if !known {
				return nil, errors.New("the library reads this differently from Java")
			}
			loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
			read, err := loader.LoadBytes([]byte(text))
			if err != nil {
				return nil, err
			}
			tree := map[string]any{}
			for k, v := range read.Map() {
				tree[k] = v
			}
			return tree, nil
		})
	})
}

func FuzzDotenv(f *testing.F) {
	addSeeds(f, "A=CALL\nexport B='CALL' # CALL\r\nC=\"x CALL\nCALL\"\n# CALL\nD = aCALL-$HOME\n",
		"A='a\\nCALL'\nA=CALL\nB=\"${A:-b}CALL\\\"\"\nC\n", "CALL=1\nA=pouncet://-/-/s\nB=~/CALL;x",
		"A=(\nB=`x\nC='\\'\nD='CALL'",
		"A=\"$HOME\\CALL\"\nB=\u00a0'CALL'\u0085", "A= #CALL\nB=a\t#CALL\nC=$$CALL")
	f.Fuzz(func(t *testing.T, text, v string) {
		for _, format := range []interpolate.Format{interpolate.FormatDotenv, interpolate.FormatVariables} {
			checkFormat(t, format, text, v, func(text string) (any, error) {
				read, err := dotenv.ParseWithLookup(strings.NewReader(text),
					func(name string) (string, bool) { return "<" + name + ">", true })
				tree := map[string]any{}
				for k, v := range read {
					tree[k] = v
				}
				return tree, err
			})
		}
	})
}
