// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// secretType is a secret type that is ready for use. A built-in type has no row,
// and its id begins with stored.BuiltInType.
type secretType struct {
	row     store.Object
	attr    attributes
	builtIn bool
}

// builtInFiles holds one file per built-in type: its key is the file's name,
// its display name and description the schema's title and description.
//
//go:embed types/*.json
var builtInFiles embed.FS

// builtInTypes returns the built-in types; it reads their files once.
var builtInTypes = sync.OnceValue(func() []secretType {
	entries, err := builtInFiles.ReadDir("types")
	if err != nil {
		panic(err)
	}
	var types []secretType
	for _, entry := range entries {
		text, err := builtInFiles.ReadFile("types/" + entry.Name())
		if err != nil {
			panic(err)
		}
		var head struct{ Title, Description string }
		if err := json.Unmarshal(text, &head); err != nil {
			panic(err)
		}
		key := strings.TrimSuffix(entry.Name(), ".json")
		types = append(types, secretType{
			row: store.Object{Kind: backend.KindSecretType, ID: stored.BuiltInType + key, Name: key, Revision: 1},
			attr: attributes{Attributes: backend.Attributes{
				Description: head.Description, DisplayName: head.Title, Schema: backend.CompactJSON(text),
			}},
			builtIn: true,
		})
	}
	return types
})

// loadTypes returns the types of a project and the built-in types, sorted by key.
func loadTypes(ctx context.Context, tx store.Tx, projectID string) ([]secretType, error) {
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindSecretType, Project: projectID})
	if err != nil {
		return nil, err
	}
	types := slices.Clone(builtInTypes())
	for _, row := range rows {
		a, err := decodeAttributes(row)
		if err != nil {
			return nil, err
		}
		types = append(types, secretType{row: row, attr: a})
	}
	slices.SortFunc(types, func(a, b secretType) int { return strings.Compare(a.row.Name, b.row.Name) })
	return types, nil
}

// object converts a type to a backend.Object.
func (t secretType) object(in *project) backend.Object {
	return backend.Object{
		Kind: backend.KindSecretType, ID: t.row.ID, Name: t.row.Name, Project: shownName(in.row),
		Attributes: t.attr.Attributes, Revision: t.row.Revision, Edition: t.row.Revision - t.attr.Quiet,
		Incarnation: t.attr.Incarnation, Held: t.attr.Held, Was: t.attr.Was,
		CreatedAt: t.row.CreatedAt, UpdatedAt: t.row.UpdatedAt, BuiltIn: t.builtIn,
	}
}

func (t secretType) schemaHash() string {
	sum := sha256.Sum256(t.attr.Schema)
	return hex.EncodeToString(sum[:])
}

// isJSON reports whether values of the type are JSON documents rather than plain
// strings: the top level of the schema names a type other than "string".
func (t secretType) isJSON() bool {
	var head struct {
		Type any `json:"type"`
	}
	if json.Unmarshal(t.attr.Schema, &head) != nil {
		return false
	}
	switch want := head.Type.(type) {
	case string:
		return want != "string"
	case []any:
		return len(want) > 0 && !slices.Contains(want, any("string"))
	}
	return false
}

// lengths returns the least and the most characters that the schema of a type allows, as far as minLength and maxLength
// say, also in allOf and $ref. The most is -1 if it is not limited.
func (c *schemaCache) lengths(t secretType, b *budget) (least, most int, err error) {
	if t.row.ID == "" {
		return 0, -1, nil
	}
	compiled, err := c.compile(t.row.Name, t.attr.Schema, b)
	if err != nil {
		return 0, -1, err
	}
	most = -1
	seen := map[*jsonschema.Schema]bool{nil: true}
	var walk func(s *jsonschema.Schema)
	walk = func(s *jsonschema.Schema) {
		if seen[s] {
			return
		}
		seen[s] = true
		if s.MinLength != nil {
			least = max(least, *s.MinLength)
		}
		if s.MaxLength != nil && (most < 0 || *s.MaxLength < most) {
			most = *s.MaxLength
		}
		walk(s.Ref)
		for _, part := range s.AllOf {
			walk(part)
		}
	}
	walk(compiled.root)
	return least, most, nil
}

// typeByKey returns a type by key or id. The key "" means no type and gives the
// zero secretType.
func (p *project) typeByKey(key string) (secretType, error) {
	if key == "" {
		return secretType{}, nil
	}
	var keys, builtInKeys []string
	var builtIn *secretType
	for i, t := range p.types {
		if t.row.Name == key && !isReserved(key) || t.row.ID == key {
			if !t.builtIn {
				return t, nil
			}
			builtIn = &p.types[i] // unless the project has an older type of its own with this key
		}
		switch {
		case t.builtIn:
			builtInKeys = append(builtInKeys, t.row.Name)
		case !isReserved(t.row.Name):
			keys = append(keys, t.row.Name)
		}
	}
	if builtIn != nil {
		return *builtIn, nil
	}
	keys = append(keys, builtInKeys...) // the project's own types first, because the list is cut
	e := backend.Errorf(backend.CodeNotFound, "secret type %s does not exist in project %q", backend.Quote(key),
		p.row.Name).At("type")
	e.Suggestion = suggest.Name(key, keys)
	return secretType{}, e.WithHint("existing types: %s", backend.Enumerate(keys))
}

func (p *project) typeRows() []store.Object {
	rows := make([]store.Object, len(p.types))
	for i, t := range p.types {
		rows[i] = t.row
	}
	return rows
}

func (p *project) typeByID(id string) secretType {
	for _, t := range p.types {
		if t.row.ID == id {
			return t
		}
	}
	return secretType{}
}

func (p *project) typeKey(id string) string { return shownName(p.typeByID(id).row) }

// checkSchemas refuses a schema of a type with which the schemas of a project are too large. Every call reads them.
func checkSchemas(p *project, id string, schema json.RawMessage) error {
	total := len(schema)
	for _, t := range p.types {
		if t.row.ID != id && !t.builtIn {
			total += len(t.attr.Schema)
		}
		if t.row.ID == id && len(schema) <= len(t.attr.Schema) {
			return nil // it does not grow
		}
	}
	if total <= backend.MaxSchemasBytes {
		return nil
	}
	return backend.Errorf(backend.CodeQuota, "the schemas of project %q would have %d bytes; the limit is %d", p.row.Name,
		total, backend.MaxSchemasBytes).WithHint("shorten schemas, or delete types that nothing uses").At("schema")
}
