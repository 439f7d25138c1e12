// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// listed is a project with many scoped values in three environments, of which prod is protected.
type listed struct {
	t       *testing.T
	service *engine.Engine
	rows    int
	all     []backend.Object
	n       int
}

func newListed(t *testing.T, parts *open.Parts, kmsKey string, values int) *listed {
	l := &listed{t: t}
	counting := watchedStore{Store: parts.Store, inView: func(kind backend.Kind, rows int) {
		if kind == backend.KindScopedValue {
			l.rows += rows
		}
	}}
	l.service = engine.New(counting, parts.Keys, engine.Options{Authorizer: access.NewDirectory(),
		KMSKey: kmsKey})
	protected := true
	prod := environment("prod")
	prod.Protected = &protected
	changes := []backend.Change{environment("dev"), environment("test"), prod}
	for i := range values {
		name := fmt.Sprintf("%s_%05d_%s", []string{"a", "b", "db"}[i%3], i, []string{"x", "y"}[i%2])
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue,
			Project: backend.DefaultProject, Environment: []string{"dev", "test", "prod", "*"}[i/3%4],
			Scope: []string{backend.ProjectScope, "app/x"}[i/12%2], Name: name, JSON: json.RawMessage(`1`)})
	}
	l.apply(changes...)
	var err error
	l.all, err = backend.ListAll(as(backend.RoleAdmin, backend.Workload), l.service,
		backend.Query{Kind: backend.KindScopedValue, Project: backend.DefaultProject})
	if err != nil || len(l.all) != values {
		t.Fatalf("%d values (%v)", len(l.all), err)
	}
	return l
}

func (l *listed) apply(changes ...backend.Change) []backend.Outcome {
	l.t.Helper()
	out, err := l.service.Apply(as(backend.RoleAdmin, backend.Workload), backend.ChangeSet{Changes: changes})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// bound returns the context of a token that may see what the places say.
func (l *listed) bound(places ...backend.Where) context.Context {
	l.t.Helper()
	l.n++
	role, name := backend.RoleNone, fmt.Sprint("token", l.n)
	changes := []backend.Change{{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role,
		TokenHash: fmt.Appendf(nil, "%032d", l.n)}}
	for i, w := range places {
		w.Project = backend.DefaultProject
		changes = append(changes, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding,
			Name: fmt.Sprint(name, "-", i), Grant: &backend.Grant{Role: "viewer", To: "token:" + name, Where: w}})
	}
	id := l.apply(changes...)[0].Object.ID
	return backend.WithPrincipal(l.t.Context(), backend.Principal{ID: id, Name: name, Role: role, Kind: backend.Person})
}

// visible lists what a token with the places sees, by the definition of its rights.
func (l *listed) visible(places ...backend.Where) []string {
	var grants []access.Grant
	for _, w := range places {
		grants = append(grants, access.Grant{Rights: []backend.Right{backend.RightSee}, Where: w})
	}
	var ids []string
	for _, o := range l.all {
		if access.Decide(grants, backend.RightSee, backend.Place{Environment: o.Environment, Scope: o.Scope, Name: o.Name,
			Protected: o.Environment == "prod" || o.Environment == backend.AnyEnvironment}) {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// check lists what a token with the places sees, page by page, and returns how many rows that read.
func (l *listed) check(limit int, places ...backend.Where) (shown, read int) {
	l.t.Helper()
	ctx := l.bound(places...)
	want := l.visible(places...)
	var got []string
	l.rows = 0
	q := backend.Query{Kind: backend.KindScopedValue, Project: backend.DefaultProject, Limit: limit}
	for more := true; more; more = q.Cursor != "" {
		page, err := l.service.Query(ctx, q)
		if err != nil {
			l.t.Fatal(err)
		}
		if page.Next != "" && len(page.Objects) != limit {
			l.t.Errorf("%+v: a page of %d has %d objects", places, limit, len(page.Objects))
		}
		for _, o := range page.Objects {
			got = append(got, o.ID)
		}
		q.Cursor = page.Next
	}
	if !slices.Equal(got, want) {
		l.t.Errorf("%+v: %d objects are listed, and %d are visible", places, len(got), len(want))
	}
	return len(want), l.rows
}

// A listing of a large project by someone who sees little of it reads little.
func TestAListingReadsWhatItShows(t *testing.T) {
	l := newListed(t, embedded(t, open.Config{}), "file:kms.key", 2400)
	var many, patterns []backend.Where
	for i := range 150 {
		many = append(many, backend.Where{Environment: "dev", Names: l.all[i*16].Name})
		if i < store.MaxRegions {
			patterns = append(patterns, backend.Where{Environment: "dev", Names: fmt.Sprintf("*_%05d_*", i*16)})
		}
	}
	for _, places := range [][]backend.Where{
		{{Environment: "dev", Names: "a_0000*"}}, {{Environment: "dev", Names: "*_00001_*"}}, {{Names: "db_00*_x"}},
		{{Environment: "dev", Scope: "app/x", Names: "b_01*"}}, {{Names: l.all[7].Name}},
		{{Environment: "prod", Names: "*7_x"}, {Environment: "*", Names: "a_00*"}}, many, patterns,
	} {
		if shown, read := l.check(50, places...); read > 2*shown+100 {
			t.Errorf("%d places: a listing of %d objects reads %d", len(places), shown, read)
		}
	}
	// A row is compared with a few patterns only. With more of them, each row of the environment is read, once.
	for i := range 10 {
		patterns = append(patterns, backend.Where{Environment: "test", Names: fmt.Sprintf("*_%05d_*", i*16)})
	}
	if shown, read := l.check(50, patterns...); shown == 0 || read > 2400/2+20*100 {
		t.Errorf("%d places: a listing of %d objects reads %d", len(patterns), shown, read)
	}
	// A place for all names includes the patterns: they cost nothing.
	if shown, read := l.check(50, append(patterns, backend.Where{})...); shown < 1000 || read > 2*shown+100 {
		t.Errorf("a place for all names: a listing of %d objects reads %d", shown, read)
	}
	ctx := l.bound(backend.Where{Environment: "dev", Names: "a_0000*"})
	l.rows = 0
	page, err := l.service.Query(ctx, backend.Query{Kind: backend.KindEntry, Project: backend.DefaultProject})
	if err != nil || *page.Total != len(page.Objects) || len(page.Objects) == 0 || l.rows > 100 {
		t.Errorf("a list of %d entries reads %d (%v)", len(page.Objects), l.rows, err)
	}
}

// What the store selects is what the rights say, for random bindings.
func TestListingsFollowTheRights(t *testing.T) {
	checkListings(t, embedded(t, open.Config{}), "file:kms.key")
}

func TestListingsFollowTheRightsOnPostgreSQL(t *testing.T) {
	postgrestest.Shared(t)
	key := "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))
	checkListings(t, serverOn(t, postgrestest.Database(t), key), key)
}

func checkListings(t *testing.T, parts *open.Parts, kmsKey string) {
	l := newListed(t, parts, kmsKey, 240)
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	for range 60 {
		var places []backend.Where
		for range 1 + rnd.IntN(4) {
			w := backend.Where{Environment: pick("", "dev", "test", "prod", "*"), Scope: pick("", "", "app/x", "project"),
				Names: pick("", "*", "a_*", "*_x", "*00*", "d*b*", l.all[rnd.IntN(len(l.all))].Name)}
			if !slices.Contains(places, w) {
				places = append(places, w)
			}
		}
		l.check(1+rnd.IntN(100), places...)
	}
}
