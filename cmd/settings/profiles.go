// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// ProfileKeys are the keys of a profile.
var ProfileKeys = []string{Endpoint, Project, Environment, CACertFile, ClientCertFile, ClientKeyFile}

// isProfileName reports whether a text can name a profile: at most 64 letters, digits, dots, underscores and hyphens,
// of which the first is a letter or a digit.
func isProfileName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return name != "" && len(name) <= 64 && strings.Contains(letters, name[:1]) &&
		strings.Trim(name, letters+"._-") == ""
}

// Profiles are named sets of settings, in one file. The file keeps its comments and its order when a profile changes.
type Profiles struct {
	Path     string
	document *yaml.Node
	values   map[string]Values
}

// OpenProfiles reads the profiles of this user. No file means no profiles.
func OpenProfiles() (*Profiles, error) {
	folder, err := Folder()
	if err != nil {
		return nil, err
	}
	p := &Profiles{Path: filepath.Join(folder, "profiles.yaml"), values: map[string]Values{}}
	text, err := readFile(p.Path)
	if err != nil || text == nil {
		return p, err
	}
	if err := open.CheckFile(p.Path, "copy it"); err != nil {
		return nil, err
	}
	document, mapping, err := parse(p.Path, text)
	if err != nil || mapping == nil {
		return p, err
	}
	p.document = document
	return p, entries(p.Path, mapping, nil, func(name string, value *yaml.Node) error {
		if !isProfileName(name) {
			return invalid(p.Path, value, "%s is not a valid name of a profile", backend.Quote(name))
		}
		if value.Kind != yaml.MappingNode {
			return invalid(p.Path, value, "profile %s is not a mapping", name)
		}
		settings, err := values(p.Path, value, ProfileKeys)
		for _, key := range []string{CACertFile, ClientCertFile, ClientKeyFile} {
			if path := settings[key]; path != "" && !filepath.IsAbs(path) {
				settings[key] = filepath.Join(folder, path)
			}
		}
		p.values[name] = settings
		return err
	})
}

// Names returns the names of the profiles, sorted.
func (p *Profiles) Names() []string { return slices.Sorted(maps.Keys(p.values)) }

// Get returns a profile.
func (p *Profiles) Get(name string) (Values, error) {
	if v, ok := p.values[name]; ok {
		return v, nil
	}
	return nil, backend.Errorf(backend.CodeNotFound, "profile %s does not exist", backend.Quote(name)).
		WithHint("%s", suggest.Hint(suggest.Name(name, p.Names()), "list the profiles: pouncet profile list"))
}

// Set changes some settings of a profile, which it creates if it does not exist. An empty value removes a setting.
func (p *Profiles) Set(name string, changes Values) error {
	if !isProfileName(name) {
		return backend.Errorf(backend.CodeInvalid, "%s is not a valid name of a profile", backend.Quote(name)).
			WithHint("use 1 to 64 letters, digits, dots, underscores and hyphens")
	}
	for key, value := range changes {
		if err := Check(key, value); value != "" && err != nil {
			return err
		}
	}
	release, err := p.again()
	if err != nil {
		return err
	}
	defer release()
	if p.document == nil {
		p.document = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	profile := child(p.document.Content[0], name)
	if profile == nil {
		profile = &yaml.Node{Kind: yaml.MappingNode}
		setChild(p.document.Content[0], name, profile)
	}
	for _, key := range ProfileKeys {
		switch value, ok := changes[key]; {
		case !ok:
		case value == "":
			removeChild(profile, key)
		default:
			setChild(profile, key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: quoted(value)})
		}
	}
	return p.write()
}

// again locks the file and reads it again, because another process may have changed it since.
func (p *Profiles) again() (release func(), err error) {
	release, err = lock(p.Path)
	if err != nil {
		return nil, err
	}
	now, err := OpenProfiles()
	if err != nil {
		release()
		return nil, err
	}
	*p = *now
	return release, nil
}

// Remove removes a profile.
func (p *Profiles) Remove(name string) error {
	release, err := p.again()
	if err != nil {
		return err
	}
	defer release()
	if _, err := p.Get(name); err != nil {
		return err
	}
	removeChild(p.document.Content[0], name)
	return p.write()
}

func (p *Profiles) write() error {
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	err := e.Encode(p.document)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(p.Path), 0o700)
	}
	if err == nil {
		err = durable.Replace(p.Path, text.Bytes(), 0o600)
	}
	if err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the profiles: %w", err)
	}
	return nil
}

// quoted returns the style of a text that could be taken for something else, such as "on" or "1".
func quoted(value string) yaml.Style {
	var node yaml.Node
	if yaml.Unmarshal([]byte(value), &node) != nil || len(node.Content) == 0 || node.Content[0].Tag != "!!str" ||
		node.Content[0].Value != value {
		return yaml.DoubleQuotedStyle
	}
	return 0
}

func childIndex(mapping *yaml.Node, key string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

func child(mapping *yaml.Node, key string) *yaml.Node {
	if i := childIndex(mapping, key); i >= 0 {
		return mapping.Content[i+1]
	}
	return nil
}

func setChild(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Style &^= yaml.FlowStyle
	if i := childIndex(mapping, key); i >= 0 {
		value.LineComment = mapping.Content[i+1].LineComment
		mapping.Content[i+1] = value
		return
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key,
		Style: quoted(key)}, value)
}

func removeChild(mapping *yaml.Node, key string) {
	if i := childIndex(mapping, key); i >= 0 {
		mapping.Content = slices.Delete(mapping.Content, i, i+2)
	}
}
