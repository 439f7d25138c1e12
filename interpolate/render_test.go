// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// resolver resolves from maps, by "environment/name". It picks fields of JSON as the engine does, and counts its
// calls.
type resolver struct {
	secrets map[string]string
	json    map[string]string
	errs    map[string]*backend.Error
	calls   int
	asked   []backend.Ref
}

func (r *resolver) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	r.calls++
	r.asked = append(r.asked, refs...)
	out := make([]backend.Resolution, len(refs))
	for i, ref := range refs {
		out[i] = r.resolveOne(ref)
	}
	return out, nil
}

func (r *resolver) resolveOne(ref backend.Ref) backend.Resolution {
	key := ref.Environment + "/" + ref.Name
	if err := r.errs[key]; err != nil {
		return backend.Resolution{Err: err}
	}
	if v, ok := r.secrets[key]; ok && ref.Field == "" {
		return backend.Resolution{Value: backend.PlaintextString(v)}
	}
	v, ok := r.json[key]
	if !ok {
		err := backend.Errorf(backend.CodeNotFound, "%s %q does not exist in environment %q", ref.Kind, ref.Name,
			ref.Environment).
			WithHint("create the secret, or correct the name")
		for other := range r.secrets {
			if env, name, _ := strings.Cut(other, "/"); name == ref.Name {
				err.Environments = append(err.Environments, env)
			}
		}
		slices.Sort(err.Environments)
		return backend.Resolution{Err: err}
	}
	part, err := backend.Pick([]byte(v), ref.Field)
	if err != nil {
		return backend.Resolution{Err: err}
	}
	return backend.Resolution{Value: backend.NewPlaintext(part), JSON: true}
}

const pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"

// testResolver returns the secrets and scoped values for the golden files.
func testResolver() *resolver {
	return &resolver{
		secrets: map[string]string{
			"dev/plain":     "s3cr3t",
			"dev/digits":    "0123",
			"dev/hash":      "a #b: c",
			"dev/quotes":    `it's "quoted" \ here`,
			"dev/newline":   "one\ntwo: three\n",
			"dev/pem":       pem,
			"dev/url":       "p@ss/w:rd?#",
			"dev/port":      "5432",
			"dev/template":  `}} get_secret_value("plain") {`,
			"dev/reference": "pouncet://-/-/plain",
			"dev/empty":     "",
			"dev/yes":       "yes",
			"dev/blank":     " padded ",
			"dev/b64":       "c2VjcmV0",
			"prod/plain":    "prod-s3cr3t",
			"prod/only":     "prod only",
		},
		json: map[string]string{
			"dev/db":     `{"user":"loader","password":"p\"w","port":5432,"hosts":["a","b"],"odd.name":{"x]":"deep"}}`,
			"dev/config": `{"snowflake_password":"sn0w","a":{"b":[true,2.50]}}`,
			"dev/limit":  `25`,
		},
	}
}

func devOptions() interpolate.Options {
	env := map[string]string{"HOME_REGION": "eu-central-1", "EMPTY": ""}
	return interpolate.Options{
		Project: "shop", Environment: "dev",
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}
}

// render renders one YAML text.
func render(t testing.TB, in string, o interpolate.Options) (string, error) {
	t.Helper()
	out, err := interpolate.Render(t.Context(), testResolver(), []interpolate.File{{Name: "in.yaml", Data: []byte(in)}},
		o)
	if err != nil {
		return "", err
	}
	return string(out[0].Data), nil
}

func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range inputs {
		name := strings.TrimSuffix(filepath.Base(path), ".in.yaml")
		t.Run(name, func(t *testing.T) {
			in, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			o := devOptions()
			switch {
			case strings.HasSuffix(name, "_null"):
				o.Missing = interpolate.MissingNull
			case strings.HasSuffix(name, "_keep"):
				o.Missing = interpolate.MissingKeep
			}
			var got string
			if got, err = render(t, string(in), o); err != nil {
				got = err.Error() + "\n"
			}
			golden := strings.TrimSuffix(path, ".in.yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// value parses a YAML text, and returns the node of the key v.
func value(t testing.TB, text string) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	m := doc.Content[0]
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == "v" {
			return m.Content[i+1]
		}
	}
	t.Fatalf("no key v in:\n%s", text)
	return nil
}

func problems(t testing.TB, err error) interpolate.Problems {
	t.Helper()
	var ps interpolate.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("got %v, want Problems", err)
	}
	return ps
}
