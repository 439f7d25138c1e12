// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// principals are a backend with a restricted secret and a masked one, both of a type, and its callers.
type principals struct {
	backend.Service // with the guard
	ids             map[string]string
}

func as(role backend.Role, kind backend.PrincipalKind) context.Context {
	return backend.WithPrincipal(context.Background(),
		backend.Principal{ID: "token-id", Name: "t", Role: role, Kind: kind})
}

func newPrincipals(t *testing.T) principals {
	t.Helper()
	parts := embedded(t, open.Config{})
	restricted, masked := secret("dev", "restricted", `{"a":"1"}`), secret("dev", "masked", `{"a":"1"}`)
	visibility, typeKey := backend.Restricted, "pair"
	restricted.Visibility, restricted.Type, masked.Type = &visibility, &typeKey, &typeKey
	newer := restricted
	newer.Value = backend.PlaintextString(`{"a":"2"}`)
	link := backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
		Environment: "dev", Name: "link", Link: &backend.Link{Secret: "restricted", Field: "a"}}
	out, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		environment("dev"), pairType(`{"type":"object"}`), restricted, masked, newer, link,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := principals{access.Guard(parts.Engine), map[string]string{}}
	for _, o := range out {
		p.ids[o.Object.Name] = o.Object.ID
	}
	return p
}

func pairType(schema string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: "pair",
		Schema: []byte(schema)}
}

func (p principals) update(name string) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: p.ids[name]}
}

func TestRestrictedSecretsAreForWorkloads(t *testing.T) {
	p := newPrincipals(t)
	ref := backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "restricted"}
	refs := []backend.Ref{ref, ref, ref, ref, ref}
	refs[1].Field, refs[2].Version, refs[3].Version = "a", "1", backend.PreviousVersion
	refs[4].Kind, refs[4].Name = backend.KindScopedValue, "link"
	for _, c := range []struct {
		role   backend.Role
		kind   backend.PrincipalKind
		use    bool // of a restricted secret
		reveal bool // of a masked secret
	}{
		{backend.RoleAdmin, backend.Workload, true, true},
		{backend.RoleRuntime, backend.Workload, true, false},
		{backend.RoleAdmin, backend.Person, false, true},
		{backend.RoleRuntime, backend.Person, false, false},
		{backend.RoleAdmin, "", false, true},
		{backend.RoleAdmin, "service", false, true},
	} {
		who := fmt.Sprintf("%s %q", c.role, c.kind)
		out, err := p.Resolve(as(c.role, c.kind), refs)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range out {
			switch {
			case c.use && r.Err != nil:
				t.Errorf("%s, %+v: %v", who, refs[i], r.Err)
			case !c.use && (!errors.Is(r.Err, backend.ErrDenied) || r.Value.Len() > 0):
				t.Errorf("%s, %+v: error %v and a value of %d bytes", who, refs[i], r.Err, r.Value.Len())
			}
		}
		shown := refs[4]
		shown.Reveal = true
		masked := ref
		masked.Name, masked.Reveal = "masked", true
		out, err = p.Resolve(as(c.role, c.kind), []backend.Ref{shown, masked})
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(out[0].Err, backend.ErrDenied) {
			t.Errorf("%s may reveal a restricted secret: %v", who, out[0].Err)
		}
		if may := out[1].Err == nil; may != c.reveal {
			t.Errorf("%s may reveal a masked secret: %v", who, may)
		}
	}
}

// Generated fields beside the fields of a stored value could reveal it, if the schema of its type was written for that.
func TestPersonKeepsNoFieldsOfARestrictedValue(t *testing.T) {
	p := newPrincipals(t)
	key := "oracle"
	oracle := backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: key,
		Schema: []byte(`{"type":"object","properties":{"n":{"type":"string","x-generate":{}}},
			"if":{"required":["n"]},"then":{"properties":{"a":{"pattern":"^C"}}}}`)}
	restricted := backend.Restricted
	stored := secret("dev", "oracle", `{"a":"CANARY"}`)
	stored.Type, stored.Visibility = &key, &restricted
	pair := secret("dev", "key_pair", "")
	pairKey := "ed25519_key_pair"
	pair.Type, pair.Visibility, pair.Generate = &pairKey, &restricted, &backend.Generate{}
	apply := func(kind backend.PrincipalKind, dry bool, changes ...backend.Change) ([]backend.Outcome, error) {
		return p.Apply(as(backend.RoleAdmin, kind), backend.ChangeSet{Changes: changes, DryRun: dry})
	}
	if _, err := apply(backend.Workload, false, oracle, stored, pair); err != nil {
		t.Fatal(err)
	}
	generated := secret("dev", "oracle", "")
	generated.Generate = &backend.Generate{}
	out, err := apply(backend.Person, true, generated)
	if err != nil || !errors.Is(out[0].Err, backend.ErrDenied) {
		t.Errorf("a dry run of a person: %v, %v", err, out)
	}
	if _, err := apply(backend.Person, false, generated); !errors.Is(err, backend.ErrDenied) {
		t.Errorf("a change of a person: %v", err)
	}
	planned, err := p.Apply(as(backend.RolePlanner, backend.Workload), backend.ChangeSet{DryRun: true,
		Changes: []backend.Change{generated}})
	if err != nil || planned[0].Err != nil || planned[0].Unchecked != "type" {
		t.Errorf("the dry run of a planner: %v, %v", err, planned)
	}
	whole := generated
	whole.Value = backend.PlaintextString(`{"a":"C"}`)
	rotated := secret("dev", "key_pair", "")
	rotated.Generate = &backend.Generate{}
	if _, err := apply(backend.Person, false, whole, rotated); err != nil {
		t.Errorf("with the other fields, and of a key pair without any: %v", err)
	}
	if _, err := apply(backend.Workload, false, generated); err != nil {
		t.Errorf("a change of a workload: %v", err)
	}
}

// What a schema says of a stored value, one pattern after the other, is the value. A person gets neither.
func TestPersonLearnsNothingOfARestrictedValue(t *testing.T) {
	p := newPrincipals(t)
	none, masked, other := "", backend.Masked, "smtp"
	shown, retyped, untyped := p.update("restricted"), p.update("restricted"), p.update("restricted")
	shown.Visibility, retyped.Type, untyped.Type = &masked, &other, &none
	shownWithValue := shown
	shownWithValue.Value = backend.PlaintextString(`{"a":"3"}`)
	deleted, restored := p.update("restricted"), p.update("restricted")
	deleted.Op, deleted.Force, restored.Op = backend.OpDelete, true, backend.OpRestore
	for name, c := range map[string]struct {
		attribute string
		changes   []backend.Change
	}{
		"a new schema":               {"schema", []backend.Change{pairType(`{"type":"object","required":["a"]}`)}},
		"another type":               {"type", []backend.Change{retyped}},
		"no type":                    {"type", []backend.Change{untyped}},
		"masked":                     {"visibility", []backend.Change{shown}},
		"masked, with another value": {"visibility", []backend.Change{shownWithValue}},
		"a restoration to a schema": {"type", []backend.Change{
			deleted, pairType(`{"type":"object","required":["a"]}`), restored,
		}},
	} {
		for _, dryRun := range []bool{true, false} {
			out, err := p.Apply(as(backend.RoleAdmin, backend.Person), backend.ChangeSet{Changes: c.changes, DryRun: dryRun})
			if err == nil {
				err = backend.Rejected(out)
			}
			if e := backend.AsError(err); !errors.Is(err, backend.ErrDenied) || e.Attribute != c.attribute {
				t.Errorf("%s, dry run %v: %v", name, dryRun, err)
			}
		}
	}
	retyped.Value, retyped.Type = backend.PlaintextString("other"), &none
	if _, err := p.Apply(as(backend.RoleAdmin, backend.Person), backend.ChangeSet{
		Changes: []backend.Change{retyped}, DryRun: true}); err != nil {
		t.Errorf("a new value with its type: %v", err)
	}
	for _, changes := range [][]backend.Change{
		{pairType(`{"type":"object","required":["a"]}`)}, {shown}, {untyped},
	} {
		out, err := p.Apply(as(backend.RoleAdmin, backend.Workload), backend.ChangeSet{Changes: changes})
		if err != nil || out[0].Action != backend.ActionUpdate {
			t.Errorf("a workload, %s: %v", changes[0].Kind, err)
		}
	}
}

func TestFingerprintsAreForThoseWhoMayHaveTheValue(t *testing.T) {
	p := newPrincipals(t)
	generated, short := secret("dev", "generated", ""), secret("dev", "short", "")
	generated.Generate = &backend.Generate{}
	short.Generate = &backend.Generate{Length: 10, Alphabet: "0123456789"}
	restricted := backend.Restricted
	generated.Visibility, short.Visibility = &restricted, &restricted
	out, err := p.Apply(as(backend.RoleAdmin, backend.Workload), backend.ChangeSet{Changes: []backend.Change{
		generated, short,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.ids["generated"], p.ids["short"] = out[0].Object.ID, out[1].Object.ID
	names := []string{"restricted", "masked", "generated", "short"}
	for who, c := range map[string]struct {
		ctx  context.Context
		want []bool
	}{
		"an admin workload": {as(backend.RoleAdmin, backend.Workload), []bool{true, true, true, true}},
		"an admin":          {as(backend.RoleAdmin, backend.Person), []bool{false, true, true, false}},
		"a planner":         {as(backend.RolePlanner, backend.Workload), []bool{false, false, true, false}},
	} {
		set := backend.ChangeSet{DryRun: true, FingerprintKey: make([]byte, backend.FingerprintKeySize)}
		for _, name := range names {
			set.Changes = append(set.Changes, p.update(name))
		}
		out, err := p.Apply(c.ctx, set)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if got := out[i].Fingerprint != nil; got != c.want[i] {
				t.Errorf("%s gets a fingerprint of the secret %s: %v", who, name, got)
			}
		}
	}
	// A value that somebody gave is not called generated, whatever the value before was.
	given := p.update("generated")
	given.Value = backend.PlaintextString("hunter2")
	if _, err := p.Apply(as(backend.RoleAdmin, backend.Workload), backend.ChangeSet{
		Changes: []backend.Change{given}}); err != nil {
		t.Fatal(err)
	}
	out, err = p.Apply(as(backend.RolePlanner, backend.Person), backend.ChangeSet{DryRun: true,
		FingerprintKey: make([]byte, backend.FingerprintKeySize), Changes: []backend.Change{p.update("generated")}})
	if err != nil || out[0].Fingerprint != nil {
		t.Errorf("a given value has a fingerprint for a planner, or an error: %v", err)
	}
}

func TestTokenSaysWhoHasIt(t *testing.T) {
	parts := embedded(t, open.Config{})
	now := time.Now()
	token := func(name string, role backend.Role, expires time.Time) backend.Change {
		hash := sha256.Sum256([]byte(name))
		return backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role, TokenHash: hash[:],
			ExpiresAt: &expires}
	}
	run := func(changes ...backend.Change) ([]backend.Outcome, error) {
		return parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	}
	out, err := run(token("runtime", backend.RoleRuntime, time.Time{}), token("planner", backend.RolePlanner, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Object.Principal != backend.Workload || out[1].Object.Principal != backend.Person {
		t.Errorf("the defaults are %s and %s", out[0].Object.Principal, out[1].Object.Principal)
	}
	workload, unknown := backend.Workload, backend.PrincipalKind("robot")
	set := backend.Change{Op: backend.OpUpdate, Kind: backend.KindToken, ID: out[1].Object.ID, Principal: &workload}
	changed, err := run(set)
	if err != nil || changed[0].Object.Principal != backend.Workload || changed[0].Object.Revision != 2 {
		t.Errorf("set to a workload: %+v, %v", changed, err)
	}
	if again, err := run(set); err != nil || again[0].Action != backend.ActionUnchanged {
		t.Errorf("set again: %+v, %v", again, err)
	}
	set.Principal = &unknown
	if _, err := run(set); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("an unknown kind: %v", err)
	}
	role := backend.RoleAdmin
	set.Principal, set.Role = &workload, &role
	if _, err := run(set); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("another role: %v", err)
	}

	// The first token is the last admin, until there is another one that has not expired.
	page, err := parts.Engine.Query(context.Background(), backend.Query{Kind: backend.KindToken, Name: "first-token"})
	if err != nil || len(page.Objects) != 1 {
		t.Fatal(page, err)
	}
	if left := page.Objects[0].ExpiresAt.Sub(now); left <= 23*time.Hour || left > 24*time.Hour {
		t.Errorf("the first token is valid for %s", left)
	}
	first := backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, ID: page.Objects[0].ID}
	if _, err := run(first); !errors.Is(err, backend.ErrInUse) {
		t.Errorf("deleting the last admin: %v", err)
	}
	replacement := token("admin", backend.RoleAdmin, time.Time{})
	if _, err := run(replacement, first); err != nil {
		t.Errorf("replacing the last admin: %v", err)
	}
	if _, err := run(backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "admin"}); !errors.Is(err,
		backend.ErrInUse) {
		t.Errorf("deleting the last admin by its name: %v", err)
	}
	if _, err := run(token("short", backend.RoleAdmin, now.Add(time.Hour)),
		backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "admin"}); !errors.Is(err, backend.ErrInUse) {
		t.Errorf("an admin for an hour is enough: %v", err)
	}
	if _, err := run(token("short", backend.RoleAdmin, now.Add(time.Hour)),
		backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "short"}); err != nil {
		t.Errorf("deleting an admin that another one outlasts: %v", err)
	}
	if _, err := run(backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "runtime"}); err != nil {
		t.Errorf("deleting another token: %v", err)
	}
}
