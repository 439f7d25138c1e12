// SPDX-License-Identifier: MPL-2.0

package review

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// countingService counts the calls of Query.
type countingService struct {
	backend.Service
	calls int
}

func (c *countingService) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	c.calls++
	return c.Service.Query(ctx, q)
}

// The entries are random.
func TestCatalogAndEngineResolveToTheSameEntry(t *testing.T) {
	ctx := context.Background()
	b := opentest.Open(t)
	random := rand.New(rand.NewPCG(1, 2))
	environments := []string{"dev", "prod", backend.AnyEnvironment}
	scopes := []string{backend.ProjectScope, "app/a", "pipeline/p"}
	choose := func(from []string) string { return from[random.IntN(len(from))] }
	name := func() string { return fmt.Sprintf("n%d", random.IntN(12)) }
	var changes []backend.Change
	for _, e := range environments[:2] {
		changes = append(changes, backend.Change{
			Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "default", Name: e,
		})
	}
	for range 30 {
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default",
			Environment: choose(environments), Scope: choose(scopes), Name: name(), Value: backend.NewPlaintext([]byte("v"))})
	}
	if _, err := b.Apply(ctx, backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	for range 30 { // the engine refuses a link to a secret that no environment has, so some of these fail
		c := backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default",
			Environment: choose(environments), Scope: choose(scopes), Name: name()}
		if random.IntN(3) == 0 {
			c.JSON = json.RawMessage("1")
		} else {
			c.Link = &backend.Link{Secret: name()}
		}
		_, _ = b.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}})
	}
	counted := &countingService{Service: b}
	catalog, err := Fetch(ctx, counted, []string{"default", "default"})
	if err != nil {
		t.Fatal(err)
	}
	if counted.calls != 5 {
		t.Errorf("Fetch made %d calls, want 5", counted.calls)
	}
	wantSameLookups(t, b, catalog, environments[:2], scopes)

	// A manifest gives the same results.
	text, err := catalog.Manifest(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	wantSameLookups(t, b, again, environments[:2], scopes)
}

// wantSameLookups checks that a catalog and a backend resolve all references to the same entries.
func wantSameLookups(t *testing.T, b backend.Service, catalog *Catalog, environments, scopes []string) {
	t.Helper()
	resolved, missed := 0, 0
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		for n := range 13 {
			for _, e := range environments {
				for _, s := range scopes {
					r := expr.Reference{Target: expr.Target{Kind: kind, Name: fmt.Sprintf("n%d", n), Scope: s}}
					got := catalog.lookup(r, Defaults{Project: "default"}, e)
					ref := backend.Ref{Kind: kind, Project: "default", Environment: e, Scope: s, Name: r.Name}
					want, err := b.Resolve(context.Background(), []backend.Ref{ref})
					if err != nil {
						t.Fatal(err)
					}
					if (want[0].Err == nil) != (got.state == present) {
						t.Errorf("%s %s in %s, %s: state %v, but the engine returns %v",
							kind, r.Name, e, s, got.state, want[0].Err)
					}
					if want[0].Err != nil {
						missed++
						continue
					}
					resolved++
					if got.secret.ID != want[0].ID && got.entry.ID != want[0].ID {
						t.Errorf("%s %s in %s, %s is not the entry of the engine", kind, r.Name, e, s)
					}
				}
			}
		}
	}
	if resolved < 20 || missed < 20 {
		t.Errorf("%d references resolved and %d did not, want at least 20 of each", resolved, missed)
	}
}

func TestHasField(t *testing.T) {
	const schema = `{"type": "object", "additionalProperties": false, "properties": {
		"host": {"type": "string"},
		"list": {"type": "array", "maxItems": 2, "items": {"type": "number"},
			"prefixItems": [{"type": "object", "properties": {"a": true}}]},
		"open": {"type": "object", "properties": {"x": {}}},
		"a.b": {"type": ["object", "null"], "patternProperties": {"^x": {}}, "additionalProperties": false},
		"never": false}}`
	for path, want := range map[string]fieldState{
		"host": fieldDefined, "hst": fieldAbsent, "host.x": fieldAbsent, "host[0]": fieldAbsent,
		"list[0].a": fieldDefined, "list[0].b": fieldUnknown, "list[1]": fieldDefined, "list[2]": fieldAbsent,
		"list.a": fieldAbsent, "list[1].x": fieldAbsent,
		"open.x": fieldDefined, "open.y": fieldUnknown, "open.x.z": fieldUnknown,
		"['a.b'].x": fieldDefined, "['a.b'].y": fieldAbsent,
		`["a.b"]`: fieldDefined, "a.b": fieldAbsent, "never": fieldAbsent,
	} {
		if got := hasField(json.RawMessage(schema), path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
	if got := hasField(json.RawMessage(`true`), "x"); got != fieldUnknown {
		t.Errorf("schema true: got %d, want %d", got, fieldUnknown)
	}
	if got := hasField(json.RawMessage(`{"type":"string"}`), "x"); got != fieldAbsent {
		t.Errorf("schema of a string: got %d, want %d", got, fieldAbsent)
	}
}

// TestHasFieldInComposedSchemas covers the keywords that join schemas. A field is absent only if no value can have it.
func TestHasFieldInComposedSchemas(t *testing.T) {
	const schema = `{
		"$defs": {
			"db": {"$anchor": "db", "type": "object", "additionalProperties": false,
				"properties": {"host": {"type": "string"}, "next": {"$ref": "#/$defs/db"}, "list": {"items": {"$ref": "#db"}}}},
			"a/b": {"type": "string"},
			"loop": {"$ref": "#/$defs/loop"}
		},
		"type": "object",
		"properties": {
			"ref": {"$ref": "#/$defs/db"},
			"anchor": {"$ref": "#db"},
			"escaped": {"$ref": "#/$defs/a~1b"},
			"loop": {"$ref": "#/$defs/loop"},
			"elsewhere": {"$ref": "https://example.com/schema"},
			"nowhere": {"$ref": "#/$defs/none"},
			"all": {"allOf": [{"properties": {"x": {"type": "string"}}}, {"$ref": "#/$defs/loop"}, {"type": "object"}],
				"unevaluatedProperties": false},
			"any": {"anyOf": [{"$ref": "#/$defs/db"}, {"type": "string"},
				{"properties": {"url": {}}, "additionalProperties": false}]},
			"one": {"oneOf": [{"$ref": "#/$defs/db"}, {"type": "object", "properties": {"url": {}}}]},
			"if": {"if": {}, "then": {"properties": {"x": {}}, "additionalProperties": false},
				"else": {"properties": {"y": {}}, "additionalProperties": false}},
			"dependent": {"dependentSchemas": {"a": {"properties": {"x": {"type": "string"}}}}},
			"patterns": {"patternProperties": {"^db_": {"$ref": "#/$defs/db"}, "^(?!x)": true}},
			"pattern": {"patternProperties": {"^db_": {"$ref": "#/$defs/db"}}, "additionalProperties": false},
			"map": {"additionalProperties": {"$ref": "#/$defs/db"}},
			"strings": {"type": "object", "additionalProperties": {"type": "string"}},
			"open": {"type": "object", "additionalProperties": true},
			"tuple": {"prefixItems": [{"$ref": "#/$defs/db"}], "unevaluatedItems": false},
			"items": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/db"}, {"type": "null"}]}}
		}
	}`
	for path, want := range map[string]fieldState{
		"ref.host": fieldDefined, "ref.x": fieldAbsent, "ref.next.next.host": fieldDefined, "ref.next.next.x": fieldAbsent,
		"ref.list[3].next.host": fieldDefined, "ref.list[3].next.x": fieldAbsent, "ref.list.x": fieldUnknown,
		"anchor.host": fieldDefined, "anchor.x": fieldAbsent, "escaped": fieldDefined, "escaped.x": fieldAbsent,
		"loop": fieldDefined, "loop.x": fieldUnknown, "elsewhere.x": fieldUnknown, "nowhere.x": fieldUnknown,
		"all.x": fieldDefined, "all.x.y": fieldAbsent, "all.y": fieldAbsent, "all[0]": fieldAbsent,
		"any.host": fieldDefined, "any.url": fieldDefined, "any.x": fieldAbsent, "any.url.x": fieldUnknown,
		"one.host": fieldDefined, "one.x": fieldUnknown, "one.host.x": fieldUnknown, "one[0]": fieldAbsent,
		"if.x": fieldDefined, "if.y": fieldDefined, "if.z": fieldAbsent,
		"dependent.x": fieldDefined, "dependent.x.y": fieldUnknown, "dependent.z": fieldUnknown,
		"patterns.db_a.host": fieldDefined, "patterns.db_a.x": fieldAbsent, "patterns.z": fieldUnknown,
		"pattern.db_a.host": fieldDefined, "pattern.db_a.x": fieldAbsent, "pattern.z": fieldAbsent,
		"map.a": fieldUnknown, "map.a.host": fieldUnknown, "map.a.x": fieldAbsent,
		"strings.a": fieldUnknown, "strings.a.b": fieldAbsent, "strings[0]": fieldAbsent,
		"open.a": fieldUnknown, "open.a.b": fieldUnknown,
		"tuple[0].host": fieldDefined, "tuple[0].x": fieldAbsent, "tuple[1]": fieldAbsent,
		"items[9].host": fieldDefined, "items[9].x": fieldAbsent, "items.x": fieldAbsent,
	} {
		if got := hasField(json.RawMessage(schema), path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}

// TestHasFieldInADeepSchema checks that references that join many times do not take exponential time.
func TestHasFieldInADeepSchema(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$ref": "#/$defs/d0", "$defs": {`)
	const depth = 200
	for i := range depth {
		fmt.Fprintf(&b, `"d%d": {"allOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	fmt.Fprintf(&b, `"d%d": {"properties": {"x": {"$ref": "#/$defs/d0"}}}}}`, depth)
	if got := hasField(json.RawMessage(b.String()), "x.x.x.x"); got != fieldDefined {
		t.Errorf("got %d", got)
	}
}

func TestLookup(t *testing.T) {
	secret := func(environment, scope, name string, version int64) Entry {
		return Entry{Kind: backend.KindSecret, Environment: environment, Scope: scope, Name: name, version: version}
	}
	value := func(environment, scope, name, text, link string) Entry {
		e := Entry{Kind: backend.KindScopedValue, Environment: environment, Scope: scope, Name: name}
		if link != "" {
			e.Link = &backend.Link{Secret: link}
		} else {
			e.json = json.RawMessage(text)
		}
		return e
	}
	c := &Catalog{errors: map[string]error{"hidden": backend.ErrDenied}, Projects: []*Project{{
		Name: "p", complete: true, Environments: []Environment{{Name: "dev", ID: "id-of-dev"}, {Name: "prod"}},
		Entries: []Entry{
			secret("*", "project", "shared", 2),
			secret("dev", "project", "only_dev", 2),
			secret("*", "app/web", "of_web", 2),
			secret("dev", "project", "declared", 0),
			value("*", "project", "plain", `{"a":{"b":1}}`, ""),
			value("*", "project", "text", `"x"`, ""),
			value("*", "project", "link", "", "only_dev"),
			// A reference resolves to the nearest entry, even if only another entry has the field.
			value("*", "app/web", "nearest", `{}`, ""),
			value("dev", "project", "nearest", `{"a":1}`, ""),
			value("dev", "app/web", "exact", `{"a":1}`, ""),
			value("*", "app/web", "exact", `{}`, ""),
		},
	}}}
	s := func(name string) expr.Target { return expr.Target{Kind: backend.KindSecret, Name: name} }
	v := func(name, scope, field string) expr.Target {
		return expr.Target{Kind: backend.KindScopedValue, Name: name, Scope: scope, Field: field}
	}
	in := func(scope string, target expr.Target) expr.Target {
		target.Scope = scope
		return target
	}
	version := func(version string, target expr.Target) expr.Target {
		target.Version = version
		return target
	}
	for _, test := range []struct {
		target      expr.Target
		environment string
		rule        string
		want        string // a prefix of the reason, the environments that have the name, and the suggestion
	}{
		{s("shared"), "prod", "", ""},
		{s("only_dev"), "id-of-dev", "", ""},
		{s("only_dev"), "prod", Missing, `secret "only_dev" does not exist in environment "prod" [dev]`},
		{s("shraed"), "prod", Missing, `secret "shraed" does not exist in environment "prod" [] suggestion shared`},
		{s("only_dve"), "prod", Missing, `secret "only_dve" does not exist in environment "prod" []`},
		{s("shared"), "prd", Missing, `environment "prd" does not exist in project "p" [] suggestion prod, no default`},
		{s("of_web"), "dev", Missing, `secret "of_web"`},
		{in("app/web", s("of_web")), "dev", "", ""},
		{in("app/other", s("of_web")), "dev", Missing, `secret "of_web"`},
		{s("plain"), "dev", Missing, `secret "plain"`},
		{v("shared", "", ""), "dev", Missing, `scoped value "shared"`},
		{version("2", s("shared")), "dev", "", ""},
		{version("previous", s("shared")), "dev", "", ""},
		{version("3", s("shared")), "dev", MissingField,
			`secret "shared" has no version 3 in environment "dev": its current version is 2`},
		{s("declared"), "dev", "", ""},
		{version("1", s("declared")), "dev", Unchecked,
			`it is unknown whether secret "declared" has version 1 in environment "dev": its current version is not known`},
		{v("plain", "", "a.b"), "dev", "", ""},
		{v("plain", "", "a.c"), "dev", MissingField, `scoped value "plain" has no field "a.c" in environment "dev"`},
		{v("text", "", "a"), "dev", MissingField, `scoped value "text"`},
		{v("link", "", ""), "dev", "", ""},
		{v("link", "", ""), "prod", Missing,
			`scoped value "link" links to secret "only_dev", which does not exist in environment "prod" [dev]`},
		{v("nearest", "app/web", "a"), "dev", MissingField, `scoped value "nearest"`},
		{v("nearest", "", "a"), "dev", "", ""},
		{v("exact", "app/web", "a"), "dev", "", ""},
		{v("exact", "app/web", "a"), "prod", MissingField, `scoped value "exact"`},
		{expr.Target{Kind: backend.KindSecret, Name: "x", Project: "hidden"}, "dev", Unknown,
			`it is unknown whether secret "x" exists in environment "dev": project "hidden" does not exist, or you may not`},
	} {
		a := c.Lookup(expr.Reference{Target: test.target}, Defaults{Project: "p"}, test.environment)
		got := fmt.Sprint(a.Reason, " ", a.ExistsIn)
		if a.Suggestion != "" {
			got += " suggestion " + a.Suggestion
		}
		if a.NoDefault {
			got += ", no default"
		}
		if a.Rule != test.rule || test.rule != "" && !strings.HasPrefix(got, test.want) {
			t.Errorf("%+v in %s: got %s %s\nwant %s %s", test.target, test.environment, a.Rule, got, test.rule, test.want)
		}
	}
}

func TestDefaultDoesNotReplaceAMissingEnvironment(t *testing.T) {
	c := &Catalog{Projects: []*Project{{Name: "p", complete: true, Environments: []Environment{{Name: "dev"}}}}}
	source := Reader{}.scan(interpolate.File{Name: "a.yaml", Data: []byte(
		"a: {{ get_secret_value('x', env='prd', default='y') }}\nb: {{ get_secret_value('x', default='y') }}\n")})
	findings := Check([]*Source{source},
		CheckOptions{Defaults: Defaults{Project: "p"}, Catalog: c, Environments: []string{"dev"}})
	var rules []string
	for _, f := range findings {
		rules = append(rules, fmt.Sprint(f.Line, f.Rule))
	}
	if got := strings.Join(rules, " "); got != "1"+CrossEnv+" 1"+Missing+" 2"+DefaultUsed {
		t.Error(got)
	}
}
