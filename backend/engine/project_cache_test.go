// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// Several engines, each with its own connections and caches, change one database at random. After each change, all of
// them answer as an engine does that was opened just now.
func TestCachesOfSeveralEnginesAreAlwaysRight(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	defer func() {
		if t.Failed() {
			t.Logf("the seed was %d", seed)
		}
	}()
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	w := newCacheWorld(t, c, rand.New(rand.NewPCG(seed, 0)))
	const steps = 60
	for step := range steps {
		w.change(w.engines[w.rand.IntN(len(w.engines))])
		if w.check(step); t.Failed() {
			return
		}
	}
	if w.changed < steps/4 {
		t.Errorf("only %d of %d changes were made", w.changed, steps)
	}
}

type cacheWorld struct {
	*testing.T
	rand    *rand.Rand
	config  open.Config
	engines []*open.Parts
	tokens  []string // all that were ever made
	now     time.Time
	changed int
}

func newCacheWorld(t *testing.T, c open.Config, r *rand.Rand) *cacheWorld {
	w := &cacheWorld{T: t, config: c, rand: r, now: time.Now()}
	for range 3 {
		w.engines = append(w.engines, embedded(t, c))
	}
	return w
}

func (w *cacheWorld) pick(prefix string) string { return fmt.Sprint(prefix, w.rand.IntN(3)) }

// change makes a random change of a cached object, or of a secret. It may be refused.
func (w *cacheWorld) change(by *open.Parts) {
	w.now = w.now.Add(time.Hour)
	policy, role, principal := w.rand.IntN(50)+1, backend.RoleRuntime, backend.Workload
	rename, typeKey := w.pick("e"), w.pick("t")
	c := backend.Change{Op: backend.OpSet, Project: backend.DefaultProject}
	switch w.rand.IntN(11) {
	case 0:
		c.Kind, c.Name = backend.KindEnvironment, w.pick("e")
	case 1:
		c.Kind, c.Name, c.Op, c.Rename = backend.KindEnvironment, w.pick("e"), backend.OpUpdate, &rename
	case 2:
		c.Kind, c.Name, c.Op, c.Force = backend.KindEnvironment, w.pick("e"), backend.OpDelete, true
	case 3:
		c.Kind, c.Name = backend.KindSecretType, typeKey
		c.Schema = fmt.Appendf(nil, `{"type":"string","maxLength":%d}`, w.rand.IntN(9)+3)
	case 4:
		c.Kind, c.Name, c.Op, c.Force = backend.KindSecretType, typeKey, backend.OpDelete, true
	case 5:
		c.Kind, c.Name, c.Project = backend.KindProject, backend.DefaultProject, ""
		c.Policy = &backend.PolicyChange{MaxSecrets: &policy}
	case 6:
		token, hash := access.NewToken()
		w.tokens = append(w.tokens, token)
		expires := w.now.Add(time.Duration(w.rand.IntN(40)) * time.Hour)
		c = backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: fmt.Sprint("k", len(w.tokens)), Role: &role,
			Principal: &principal, TokenHash: hash, ExpiresAt: &expires}
	case 7:
		c = backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: fmt.Sprint("k", w.rand.IntN(len(w.tokens)+1))}
	case 8:
		c.Kind, c.Name, c.Environment = backend.KindScopedValue, w.pick("s"), w.pick("e")
		if c.JSON = fmt.Append(nil, w.rand.IntN(5)); w.rand.IntN(2) == 0 {
			c.JSON, c.Link = nil, &backend.Link{Secret: w.pick("s")}
		}
	case 9:
		c.Kind, c.Name, c.Environment, c.Op = backend.KindSecret, w.pick("s"), w.pick("e"), backend.OpDelete
		c.Force = true
	default:
		c = secret(w.pick("e"), w.pick("s"), fmt.Sprint("v", w.rand.IntN(5)))
		if w.rand.IntN(2) == 0 {
			c.Type = &typeKey
		}
	}
	_, err := by.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}})
	if err == nil {
		w.changed++
	} else if code := backend.AsError(err).Code; code == backend.CodeCorrupt || code == backend.CodeInternal {
		w.Errorf("%s %s %q: %v", c.Op, c.Kind, c.Name, err)
	}
}

// answers are what the reads of an engine give.
type answers struct {
	values                       []string
	environments, types, secrets backend.Page
	dryRun                       []string
	principals                   []backend.Principal
}

func (w *cacheWorld) check(step int) {
	fresh, err := open.Embedded(context.Background(), w.config)
	if err != nil {
		w.Fatal(err)
	}
	want := w.ask(fresh)
	if err := fresh.Close(); err != nil {
		w.Fatal(err)
	}
	for i, parts := range w.engines {
		if got := w.ask(parts); !reflect.DeepEqual(got, want) {
			w.Errorf("step %d: engine %d answers\n%+v\nand without a cache\n%+v", step, i, got, want)
		}
	}
}

func (w *cacheWorld) ask(parts *open.Parts) (out answers) {
	s := parts.Engine
	ctx := as(backend.RoleAdmin, backend.Workload)
	var refs []backend.Ref
	for i := range 9 {
		one := ref(fmt.Sprint("e", i/3), fmt.Sprint("s", i%3))
		linked := one
		linked.Kind = backend.KindScopedValue
		refs = append(refs, one, linked)
	}
	resolved, err := s.Resolve(ctx, refs)
	if err != nil {
		w.Fatal(err)
	}
	for _, r := range resolved {
		out.values = append(out.values, fmt.Sprint(string(r.Value.Expose()), r.Version, r.ID, r.Environment, r.Err))
	}
	for kind, to := range map[backend.Kind]*backend.Page{backend.KindEnvironment: &out.environments,
		backend.KindSecretType: &out.types, backend.KindSecret: &out.secrets} {
		if *to, err = s.Query(ctx, backend.Query{Kind: kind, Project: backend.DefaultProject}); err != nil {
			w.Fatal(err)
		}
	}
	for i := range 9 {
		key := fmt.Sprint("t", i%3)
		c := secret(fmt.Sprint("e", i/3), "s0", "12345")
		c.Type = &key
		outcomes, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, DryRun: true})
		if len(outcomes) == 1 {
			o := outcomes[0]
			out.dryRun = append(out.dryRun, fmt.Sprint(o.Action, o.Changed, o.Object.Type, o.Err))
		} else {
			w.Fatal(err)
		}
	}
	for _, token := range w.tokens {
		p, err := access.Authenticate(context.Background(), parts.Store, token, w.now)
		if err != nil && !errors.Is(err, backend.ErrUnauthenticated) {
			w.Fatal(err)
		}
		out.principals = append(out.principals, p)
	}
	return out
}
