// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// The names of the files.
const (
	ProjectFile       = "project.yaml"
	LockFile          = "pouncet.lock"
	environmentFolder = "environments"
	sharedFile        = "@shared.yaml"
	extension         = ".yaml"
)

// Tree holds the objects that the files of a folder declare.
type Tree struct {
	Project string // its name; "" if the folder has no project.yaml
	Objects map[Key]Declared

	files        map[string]*file  // by their name within the folder
	nodes        map[Key]pair      // of the objects below a file
	environments map[string]string // the names of the files, by the environment
}

// NewTree returns the Tree of a folder without files.
func NewTree() *Tree {
	return &Tree{Objects: map[Key]Declared{}, files: map[string]*file{}, nodes: map[Key]pair{},
		environments: map[string]string{}}
}

// Exists reports whether the folder has the files of a project.
func (t *Tree) Exists() bool { return t.Project != "" }

// Position returns the file and line of an object, for messages.
func (t *Tree) Position(k Key) string {
	name, line := t.fileNameOf(k), 1
	if p, ok := t.nodes[k]; ok && p.key != nil {
		line = p.key.Line
	}
	return fmt.Sprintf("%s:%d", name, line)
}

// fileNameOf returns the name of the file of an object.
func (t *Tree) fileNameOf(k Key) string {
	environment := k.Environment
	if k.Kind == backend.KindEnvironment {
		environment = k.Name
	}
	if file, ok := t.environments[environment]; ok && environment != "" {
		return file
	}
	return ProjectFile
}

// Read parses the files of a folder. A folder without project.yaml gives an empty Tree.
func Read(folder *os.Root) (*Tree, error) {
	t := NewTree()
	text, err := readFile(folder, ProjectFile, MaxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if err := t.addProject(text); err != nil {
		return nil, err
	}
	names, err := environmentFiles(folder)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := readFile(folder, name, MaxFileBytes)
		if err != nil {
			return nil, err
		}
		if err := t.addEnvironment(name, text); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// The keys of the mappings in the files.
var (
	projectKeys     = []string{"project", "was", "description", "labels", "policy", "types"}
	typeKeys        = []string{"was", "display_name", "description", "labels", "schema"}
	environmentKeys = []string{"environment", "was", "description", "labels", "protected", "kms_key", "secrets", "values",
		"scopes"}
	scopeKeys  = []string{"secrets", "values"}
	secretKeys = []string{"was", "type", "visibility", "description", "labels", "protected", "rotation_days",
		"expires_at", "generate"}
	valueKeys    = []string{"was", "value", "json", "secret", "field", "description", "labels"}
	generateKeys = []string{"length", "alphabet"}
	policyKeys   = []string{"max_secrets", "max_value_bytes", "max_name_length", "name_pattern", "immutable_names",
		"default_visibility", "recovery_days", "max_versions", "version_days", "forbid_fingerprints",
		"duplicates"}
)

func (t *Tree) addProject(text []byte) error {
	f, err := parseFile(ProjectFile, text)
	if err != nil {
		return err
	}
	t.files[f.name] = f
	if err := f.known(f.root, "a project", projectKeys...); err != nil {
		return err
	}
	if err := decode(f, f.root, "project", &t.Project); err != nil {
		return err
	}
	if valueOf(f.root, "project") == nil {
		return f.at(f.root, "project is required: the name of the project")
	}
	if err := backend.CheckName(backend.KindProject, t.Project); err != nil {
		return f.at(valueOf(f.root, "project"), "%s", err.Message).WithHint("%s", err.Hint)
	}
	key := Key{Kind: backend.KindProject, Name: t.Project}
	if err := t.add(f, key, pair{nil, f.root}); err != nil {
		return err
	}
	types, err := f.section(f.root, "types")
	if err != nil || types == nil {
		return err
	}
	for _, p := range pairs(types) {
		key := Key{Kind: backend.KindSecretType, Name: p.key.Value}
		if err := t.addNamed(f, key, p, "a type", typeKeys); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) addEnvironment(name string, text []byte) error {
	f, err := parseFile(name, text)
	if err != nil {
		return err
	}
	if isEmptyDocument(text) {
		return f.at(nil, "the file is empty").WithHint("restore it, for example from version control; " +
			"for an environment without entries, write its name into the file: environment: NAME")
	}
	t.files[f.name] = f
	if err := f.known(f.root, "an environment", environmentKeys...); err != nil {
		return err
	}
	environment, err := f.environmentName()
	if err != nil {
		return err
	}
	if other := t.environments[environment]; other != "" {
		return f.at(valueOf(f.root, "environment"), "environment %s is in %s too", backend.Quote(environment), other).
			WithHint("keep one file for each environment")
	}
	t.environments[environment] = name
	if environment == backend.AnyEnvironment {
		for _, key := range []string{"was", "description", "labels", "protected", "kms_key"} {
			if n := valueOf(f.root, key); n != nil {
				return f.at(n, "the entries of all environments have no %s", key)
			}
		}
	} else if err := t.add(f, Key{Kind: backend.KindEnvironment, Name: environment}, pair{nil, f.root}); err != nil {
		return err
	}
	if err := t.addEntries(f, f.root, environment, backend.ProjectScope); err != nil {
		return err
	}
	scopes, err := f.section(f.root, "scopes")
	if err != nil || scopes == nil {
		return err
	}
	for _, p := range pairs(scopes) {
		if err := backend.CheckScope(p.key.Value); err != nil || p.key.Value == backend.ProjectScope {
			return f.at(p.key, "scope %s is not valid here", backend.Quote(p.key.Value)).
				WithHint("use app/<name> or pipeline/<name>; entries of the project scope are not below scopes")
		}
		m, err := f.section(scopes, p.key.Value)
		if err != nil || m == nil {
			if err != nil {
				return err
			}
			continue
		}
		if err := f.known(m, "a scope", scopeKeys...); err != nil {
			return err
		}
		if err := t.addEntries(f, m, environment, p.key.Value); err != nil {
			return err
		}
	}
	return nil
}

// environmentName returns the environment of a file, which the key environment or the name of the file says. Both must
// agree, so that a copied file does not change the environment that it was copied from.
func (f *file) environmentName() (string, error) {
	stem, _, marked := strings.Cut(strings.TrimSuffix(path.Base(f.name), extension), "@")
	name := ""
	if err := decode(f, f.root, "environment", &name); err != nil {
		return "", err
	}
	shared := path.Base(f.name) == sharedFile
	switch {
	case shared && (name == "" || name == backend.AnyEnvironment):
		return backend.AnyEnvironment, nil
	case name == "" && marked:
		return "", f.at(f.root, "environment is required in a file whose name has an @")
	case shared || name != "" && name != stem:
		return "", f.at(valueOf(f.root, "environment"),
			"the file is for environment %s by its name, and for %s by its content",
			backend.Quote(cmp.Or(stem, backend.AnyEnvironment)), backend.Quote(name)).
			WithHint("rename the file, or correct the key environment; entries of all environments are in %s", sharedFile)
	}
	if err := backend.CheckName(backend.KindEnvironment, stem); err != nil {
		return "", f.at(f.root, "%s", err.Message).WithHint("rename the file: %s", err.Hint)
	}
	return stem, nil
}

func (t *Tree) addEntries(f *file, in *yaml.Node, environment, scope string) error {
	for _, s := range []struct {
		section string
		kind    backend.Kind
		what    string
		keys    []string
	}{
		{"secrets", backend.KindSecret, "a secret", secretKeys}, {"values", backend.KindScopedValue, "a scoped value",
			valueKeys},
	} {
		m, err := f.section(in, s.section)
		if err != nil {
			return err
		}
		if m == nil {
			continue
		}
		for _, p := range pairs(m) {
			key := Key{Kind: s.kind, Environment: environment, Scope: scope, Name: p.key.Value}
			if err := t.addNamed(f, key, p, s.what, s.keys); err != nil {
				return err
			}
		}
	}
	return nil
}

// addNamed adds an object whose name is the key of a mapping.
func (t *Tree) addNamed(f *file, key Key, p pair, what string, keys []string) error {
	if err := backend.CheckName(key.Kind, key.Name); err != nil {
		return f.at(p.key, "%s", err.Message).WithHint("%s", err.Hint)
	}
	if isNull(p.value) {
		p.value.Kind, p.value.Tag, p.value.Value, p.value.Style = yaml.MappingNode, "!!map", "", 0
	}
	if p.value.Kind != yaml.MappingNode {
		err := f.at(p.value, "%s %s must be a mapping", key.Kind, backend.Quote(key.Name))
		if key.Kind == backend.KindSecret {
			return err.WithHint("a file never has the value of a secret; if this was one, replace it everywhere")
		}
		return err.WithHint("write %s: {value: …}", key.Name)
	}
	if err := f.known(p.value, what, keys...); err != nil {
		if key.Kind == backend.KindSecret {
			return f.unknownOfSecret(p.value, backend.AsError(err))
		}
		return err
	}
	return t.add(f, key, p)
}

// unknownOfSecret returns the error of a secret with an unknown key. Somebody may have written the value of the secret:
// so the error does not repeat a key that stands alone, as in {value}, and says that no file has a value.
func (f *file) unknownOfSecret(n *yaml.Node, err *backend.Error) *backend.Error {
	const never = "a file never has the value of a secret; if this was one, replace it everywhere"
	for _, p := range pairs(n) {
		switch {
		case slices.Contains(secretKeys, p.key.Value):
			continue
		case isNull(p.value):
			return f.at(p.key, "a secret has no such key").WithHint(never)
		case suggest.Name(p.key.Value, secretKeys) == "":
			return err.WithHint(never+"; the keys are %s", strings.Join(secretKeys, ", "))
		}
		return err
	}
	return err
}

// declaration is the form of an object in a file.
type declaration struct {
	Was          string
	Description  string
	Labels       map[string]string
	DisplayName  string
	KMSKey       string
	Protected    bool
	Type         string
	Visibility   backend.Visibility
	RotationDays int
	ExpiresAt    string
	Secret       string
	Field        string
	JSON         string
}

// add decodes the attributes of an object.
func (t *Tree) add(f *file, key Key, p pair) error {
	var d declaration
	out := Declared{}
	for _, err := range []error{
		decode(f, p.value, "was", &d.Was), decode(f, p.value, "description", &d.Description),
		decode(f, p.value, "labels", &d.Labels), decode(f, p.value, "display_name", &d.DisplayName),
		decode(f, p.value, "kms_key", &d.KMSKey), decode(f, p.value, "protected", &d.Protected),
		decode(f, p.value, "type", &d.Type), decode(f, p.value, "visibility", &d.Visibility),
		decode(f, p.value, "rotation_days", &d.RotationDays), decode(f, p.value, "expires_at", &d.ExpiresAt),
		decode(f, p.value, "secret", &d.Secret), decode(f, p.value, "field", &d.Field),
		decode(f, p.value, "json", &d.JSON), f.addGenerate(p.value, &out), f.addPolicy(p.value, &out),
	} {
		if err != nil {
			return err
		}
	}
	out.Was, out.Description, out.DisplayName, out.KMSKey = d.Was, d.Description, d.DisplayName, d.KMSKey
	out.Protected, out.Type, out.Visibility, out.RotationDays = d.Protected, d.Type, d.Visibility, d.RotationDays
	if len(d.Labels) > 0 {
		out.Labels = d.Labels
	}
	if d.ExpiresAt != "" {
		at, err := parseTime(d.ExpiresAt)
		if err != nil {
			return f.at(valueOf(p.value, "expires_at"),
				"expires_at must be a date (2027-01-31) or a time (2027-01-31T12:00:00Z)")
		}
		out.ExpiresAt = at
	}
	known := d.Visibility == backend.Masked || d.Visibility == backend.Restricted
	if n := valueOf(p.value, "visibility"); n != nil && !known {
		return f.at(n, "visibility must be masked or restricted")
	}
	if n := valueOf(p.value, "schema"); n != nil {
		text, err := f.json(n)
		if err != nil {
			return err
		}
		out.Schema = text
	}
	if key.Kind == backend.KindSecretType && out.Schema == nil {
		return f.at(p.value, "type %s has no schema", backend.Quote(key.Name)).WithHint("add a JSON Schema")
	}
	if key.Kind == backend.KindScopedValue {
		if err := f.addValue(key, p, d, &out); err != nil {
			return err
		}
	}
	t.Objects[key], t.nodes[key] = out, p
	return nil
}

func parseTime(s string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, s); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	return at.UTC(), err
}

// addValue decodes what a scoped value is: a plain value, JSON text, or a link to a secret.
func (f *file) addValue(key Key, p pair, d declaration, out *Declared) error {
	given := 0
	for _, k := range []string{"value", "json", "secret"} {
		if valueOf(p.value, k) != nil {
			given++
		}
	}
	if given != 1 || d.Field != "" && d.Secret == "" {
		return f.at(p.value, "scoped value %s needs one of value, json and secret, and field only with secret",
			backend.Quote(key.Name))
	}
	switch n := valueOf(p.value, "value"); {
	case n != nil:
		text, err := f.json(n)
		if err != nil {
			return err
		}
		out.Value = text
	case d.Secret != "":
		out.Link = &backend.Link{Secret: d.Secret, Field: d.Field}
	default:
		if !json.Valid([]byte(d.JSON)) {
			return f.at(valueOf(p.value, "json"), "json is invalid JSON")
		}
		out.Value = json.RawMessage(d.JSON)
	}
	return nil
}

func (f *file) addGenerate(n *yaml.Node, out *Declared) error {
	g := valueOf(n, "generate")
	if g == nil {
		return nil
	}
	out.Generate = &backend.Generate{}
	switch {
	case g.Kind == yaml.ScalarNode && g.ShortTag() == "!!bool":
		if g.Value != "true" {
			out.Generate = nil
		}
		return nil
	case g.Kind != yaml.MappingNode:
		return f.at(g, "generate must be true, or a mapping with length and alphabet")
	}
	if err := f.known(g, "generate", generateKeys...); err != nil {
		return err
	}
	return cmp.Or(decode(f, g, "length", &out.Generate.Length), decode(f, g, "alphabet", &out.Generate.Alphabet))
}

func (f *file) addPolicy(n *yaml.Node, out *Declared) error {
	m, err := f.section(n, "policy")
	if err != nil || m == nil {
		return err
	}
	if err := f.known(m, "a policy", policyKeys...); err != nil {
		return err
	}
	c := &backend.PolicyChange{}
	out.policy = c
	return cmp.Or(decode(f, m, "max_secrets", &c.MaxSecrets), decode(f, m, "max_value_bytes", &c.MaxValueBytes),
		decode(f, m, "max_name_length", &c.MaxNameLength), decode(f, m, "name_pattern", &c.NamePattern),
		decode(f, m, "immutable_names", &c.ImmutableNames), decode(f, m, "default_visibility", &c.DefaultVisibility),
		decode(f, m, "recovery_days", &c.RecoveryDays), decode(f, m, "max_versions", &c.MaxVersions),
		decode(f, m, "version_days", &c.VersionDays), decode(f, m, "forbid_fingerprints", &c.ForbidFingerprints),
		decode(f, m, "duplicates", &c.Duplicates))
}
