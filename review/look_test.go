package review

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// counting counts the calls that a catalog takes.
type counting struct {
	backend.Service
	calls int
}

func (c *counting) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	c.calls++
	return c.Service.Query(ctx, q)
}

// The rule of lookup is here and in the engine: on entries that are drawn at
// random, both must find the same one, or nothing.
func TestLookupIsTheEngines(t *testing.T) {
	ctx := context.Background()
	b, err := open.Open(ctx, open.Config{Path: t.TempDir() + "/.pouncet", CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	random := rand.New(rand.NewPCG(1, 2))
	environments := []string{"dev", "prod", backend.AnyEnvironment}
	scopes := []string{backend.ProjectScope, "app/a", "pipeline/p"}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	name := func() string { return fmt.Sprintf("n%d", random.IntN(12)) }
	var changes []backend.Change
	for _, e := range environments[:2] {
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "default", Name: e})
	}
	for range 30 {
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default",
			Environment: pick(environments), Scope: pick(scopes), Name: name(), Value: backend.NewValue([]byte("v"))})
	}
	if _, err := b.Apply(ctx, backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	for range 30 { // a link to a secret that no environment has is refused: those are left out
		c := backend.Change{Op: backend.OpSet, Kind: backend.KindValue, Project: "default", Environment: pick(environments), Scope: pick(scopes), Name: name()}
		if random.IntN(3) == 0 {
			c.JSON = json.RawMessage("1")
		} else {
			c.Link = &backend.Link{Secret: name()}
		}
		_, _ = b.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}})
	}
	counted := &counting{Service: b}
	catalog, err := Fetch(ctx, counted, []string{"default", "default"})
	if err != nil {
		t.Fatal(err)
	}
	if counted.calls != 5 {
		t.Errorf("a catalog took %d calls", counted.calls)
	}
	agree(t, b, catalog, environments[:2], scopes)

	// What is written as a manifest and read again knows as much.
	text, err := catalog.Manifest(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, b, again, environments[:2], scopes)
}

func agree(t *testing.T, b backend.Service, catalog *Catalog, environments, scopes []string) {
	t.Helper()
	found, missed := 0, 0
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindValue} {
		for n := range 13 {
			for _, e := range environments {
				for _, s := range scopes {
					r := interpolate.Reference{Target: interpolate.Target{Kind: kind, Name: fmt.Sprintf("n%d", n), Scope: s}}
					got := catalog.look(r, Defaults{Project: "default"}, e)
					want, err := b.Resolve(context.Background(), []backend.Ref{{Kind: kind, Project: "default", Environment: e, Scope: s, Name: r.Name}})
					if err != nil {
						t.Fatal(err)
					}
					if (want[0].Err == nil) != (got.state == present) {
						t.Errorf("%s %s in %s, %s: %v, the engine says %v", kind, r.Name, e, s, got.state, want[0].Err)
					}
					if want[0].Err != nil {
						missed++
						continue
					}
					found++
					if got.leaf.ID != want[0].ID && got.entry.ID != want[0].ID {
						t.Errorf("%s %s in %s, %s is another entry than the engine's", kind, r.Name, e, s)
					}
				}
			}
		}
	}
	if found < 20 || missed < 20 {
		t.Errorf("%d found and %d missed: too few to tell", found, missed)
	}
}

func TestHasField(t *testing.T) {
	const schema = `{"type": "object", "additionalProperties": false, "properties": {
		"host": {"type": "string"},
		"list": {"type": "array", "maxItems": 2, "prefixItems": [{"type": "object", "properties": {"a": true}}], "items": {"type": "number"}},
		"open": {"type": "object", "properties": {"x": {}}},
		"a.b": {"type": ["object", "null"], "patternProperties": {"^x": {}}, "additionalProperties": false},
		"never": false}}`
	for path, want := range map[string]certainty{
		"host": listed, "hst": absent, "host.x": absent, "host[0]": absent,
		"list[0].a": listed, "list[0].b": undecided, "list[1]": listed, "list[2]": absent, "list.a": absent, "list[1].x": absent,
		"open.x": listed, "open.y": undecided, "open.x.z": undecided,
		"['a.b'].x": undecided, `["a.b"]`: listed, "a.b": absent, "never": absent,
	} {
		if got := hasField(json.RawMessage(schema), path); got != want {
			t.Errorf("%s: %d, not %d", path, got, want)
		}
	}
	if hasField(json.RawMessage(`true`), "x") != undecided || hasField(json.RawMessage(`{"type":"string"}`), "x") != absent {
		t.Error("schemas without properties")
	}
}
