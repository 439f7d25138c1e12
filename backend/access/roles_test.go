// SPDX-License-Identifier: MPL-2.0

package access_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// yes is a Service that accepts and counts all calls.
type yes struct {
	calls, refs int
	set         backend.ChangeSet
}

func (y *yes) Query(context.Context, backend.Query) (backend.Page, error) {
	y.calls++
	return backend.Page{}, nil
}

func (y *yes) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	y.calls++
	y.refs += len(refs)
	out := make([]backend.Resolution, len(refs))
	for i, r := range refs {
		out[i].Value = backend.PlaintextString("value of " + r.Name)
	}
	return out, nil
}

func (y *yes) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	y.calls++
	y.set = set
	return nil, nil
}

// decisions names the roles that may make a call. Calls about a token or a usage have rows with the kind, and all other
// kinds share the row without one. TestEveryCallHasADecision fails if a verb, an operation, a kind, a role or a field
// of a request is new.
var decisions = map[string]string{
	"query":          "admin editor runtime revealer planner auditor viewer",
	"query token":    "admin",
	"query access":   "admin",
	"query usage":    "admin editor runtime revealer planner auditor viewer",
	"resolve":        "admin runtime",
	"reveal":         "admin revealer",
	"apply":          "admin editor",
	"query record":   "admin auditor",
	"apply token":    "admin",
	"apply access":   "admin",
	"apply usage":    "admin editor runtime",
	"dry run":        "admin editor planner",
	"dry run token":  "admin",
	"dry run access": "admin",
	"dry run usage":  "admin editor runtime",
	"fingerprints":   "admin editor planner",
	"stage":          "admin editor",
}

var (
	decidedVerbs = []string{"Apply", "Query", "Resolve"}
	decidedOps   = []string{
		"compare", "create", "delete", "deploy", "refresh", "restore", "set", "update",
	}
	decidedKinds = []string{
		"binding", "draft", "draft_change", "entry", "environment", "group", "project", "record", "role", "scope",
		"scoped_value", "secret", "secret_type", "token", "trust", "usage", "version",
	}
	decidedRoles = []string{"admin", "auditor", "editor", "none", "planner", "revealer", "runtime", "viewer"}
	decidedRef   = []string{"Environment", "Field", "Kind", "Name", "Probe", "Project", "Reveal", "Scope", "Version"}
	decidedSet   = []string{"Changes", "CompareOnly", "Draft", "DryRun", "FingerprintKey", "IdempotencyKey"}
	decidedQuery = []string{
		"By", "Code", "Cursor", "Deleted", "Descending", "Draft", "Environment", "Follow", "Held", "ID", "Kind",
		"LastResolved", "Limit", "Name", "NamePrefix", "Offset", "OldestFirst", "Project", "Scope", "Search", "Self", "Since",
		"Sort", "Type", "Until", "UnusedSince", "Verb",
	}
)

func TestEveryCallHasADecision(t *testing.T) {
	for what, lists := range map[string][2][]string{
		"verb":                {namesOf(reflect.TypeFor[backend.Service]()), decidedVerbs},
		"operation":           {constants(t, "Op"), decidedOps},
		"kind":                {constants(t, "Kind"), decidedKinds},
		"role":                {constants(t, "Role"), decidedRoles},
		"field of Ref":        {namesOf(reflect.TypeFor[backend.Ref]()), decidedRef},
		"field of ChangeSet":  {namesOf(reflect.TypeFor[backend.ChangeSet]()), decidedSet},
		"field of Query":      {namesOf(reflect.TypeFor[backend.Query]()), decidedQuery},
		"role in the list":    {toStrings(backend.Roles), decidedRoles},
		"role in its message": {rolesIn(backend.RoleNames()), decidedRoles},
	} {
		slices.Sort(lists[0])
		if !slices.Equal(lists[0], lists[1]) {
			t.Errorf("%s: there is %v, and this test decides about %v: decide which roles may use the new one", what,
				lists[0], lists[1])
		}
	}
}

func TestGuardFollowsTheDecisions(t *testing.T) {
	used := map[string]bool{}
	for _, c := range calls() {
		used[c.row] = true
		may, decided := decisions[c.row]
		if !decided {
			t.Errorf("%s has no decision", c.name)
		}
		for _, role := range append(slices.Clone(backend.Roles), "", "root") {
			next := &yes{}
			ctx := backend.WithPrincipal(context.Background(), backend.Principal{Name: "p", Role: role})
			err := c.run(ctx, access.Guard(next))
			// The engine alone decides what a token with bindings may do.
			allowed := role == backend.RoleNone || role != "" && slices.Contains(strings.Fields(may), string(role))
			if allowed && err != nil || !allowed && !errors.Is(err, backend.ErrDenied) {
				t.Errorf("%q, %s: %v", role, c.name, err)
			}
			if !allowed && next.calls > 0 {
				t.Errorf("%q, %s: the guard refused the call and passed it on", role, c.name)
			}
			changes := role == backend.RoleAdmin || role == backend.RoleEditor || role == backend.RoleNone
			if want := !changes && next.set.DryRun; next.set.CompareOnly != want {
				t.Errorf("%q, %s: CompareOnly is %v", role, c.name, next.set.CompareOnly)
			}
		}
		if err := c.run(context.Background(), access.Guard(&yes{})); !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("without a principal, %s: %v", c.name, err)
		}
	}
	if len(used) != len(decisions) {
		t.Errorf("%d of %d decisions are tested", len(used), len(decisions))
	}
}

// One change that is not allowed refuses the whole set.
func TestGuardChecksEveryChangeOfASet(t *testing.T) {
	ctx := backend.WithPrincipal(context.Background(), backend.Principal{Name: "p", Role: backend.RolePlanner})
	secret := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: "x"}
	for _, kind := range []backend.Kind{backend.KindToken, backend.KindUsage} {
		next := &yes{}
		changes := []backend.Change{secret, {Op: backend.OpSet, Kind: kind}, secret}
		_, err := access.Guard(next).Apply(ctx, backend.ChangeSet{Changes: changes, DryRun: true})
		if !errors.Is(err, backend.ErrDenied) || next.calls > 0 {
			t.Errorf("a set with a %s: %v", kind, err)
		}
	}
}

func TestDenialNamesARoleThatIsAllowed(t *testing.T) {
	for _, c := range calls() {
		role := backend.Role("")
		ctx := backend.WithPrincipal(context.Background(), backend.Principal{Name: "p", Role: role})
		_, hinted, _ := strings.Cut(c.run(ctx, access.Guard(&yes{})).Error(), "pouncet token create --role ")
		roles := strings.Fields(decisions[c.row])
		if want := roles[len(roles)-1]; hinted != want {
			t.Errorf("%s: the hint names %q, want %q", c.name, hinted, want)
		}
	}
}

// Before a server reads a request, it knows only that it is an Apply, which can be a plan.
func TestDenialOfEveryApplyNamesThePlanner(t *testing.T) {
	err := access.Allow(backend.Principal{Name: "p", Role: backend.RoleViewer}, backend.VerbApply)
	want := "--role editor; the role planner is enough to plan and to try changes"
	if !strings.HasSuffix(backend.AsError(err).Hint, want) {
		t.Errorf("the error %v does not end with %q", err, want)
	}
}

// call is one call of a Service, and the row of the table that decides about it.
type call struct {
	row, name string
	run       func(ctx context.Context, s backend.Service) error
}

// calls returns a call for every row of the table, with every operation and kind.
func calls() []call {
	apply := func(row, name string, set backend.ChangeSet) call {
		return call{row, name, func(ctx context.Context, s backend.Service) error {
			_, err := s.Apply(ctx, set)
			return err
		}}
	}
	resolve := func(row string, ref backend.Ref) call {
		return call{row, row, func(ctx context.Context, s backend.Service) error {
			out, err := s.Resolve(ctx, []backend.Ref{ref})
			if err == nil && out[0].Err != nil {
				return out[0].Err
			}
			return err
		}}
	}
	all := []call{
		resolve("resolve", backend.Ref{Name: "a"}),
		resolve("reveal", backend.Ref{Name: "a", Reveal: true}),
		{"query", "query of the own token", func(ctx context.Context, s backend.Service) error {
			_, err := s.Query(ctx, backend.Query{Kind: backend.KindToken, Self: true})
			return err
		}},
		resolve("resolve", backend.Ref{Name: "a", Probe: true}),
		apply("apply", "an empty set", backend.ChangeSet{}),
		apply("dry run", "a dry run of an empty set", backend.ChangeSet{DryRun: true}),
		apply("stage", "staging a change", backend.ChangeSet{Draft: "d",
			Changes: []backend.Change{{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: "x"}}}),
		apply("stage", "a dry run of staging a change", backend.ChangeSet{Draft: "d", DryRun: true,
			Changes: []backend.Change{{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: "x"}}}),
		apply("fingerprints", "fingerprints", backend.ChangeSet{
			Changes: []backend.Change{{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: "x"}}, DryRun: true,
			FingerprintKey: make([]byte, backend.FingerprintKeySize),
		}),
	}
	for _, k := range decidedKinds {
		kind, suffix := backend.Kind(k), ""
		switch kind {
		case backend.KindToken, backend.KindUsage:
			suffix = " " + k
		case backend.KindRole, backend.KindGroup, backend.KindBinding, backend.KindTrust:
			suffix = " access"
		}
		query := suffix
		if kind == backend.KindRecord {
			query = " " + k
		}
		all = append(all, call{"query" + query, "query " + k, func(ctx context.Context, s backend.Service) error {
			_, err := s.Query(ctx, backend.Query{Kind: kind})
			return err
		}})
		for _, op := range decidedOps {
			set := backend.ChangeSet{Changes: []backend.Change{{Op: backend.Op(op), Kind: kind}}}
			all = append(all, apply("apply"+suffix, op+" "+k, set))
			set.DryRun = true
			all = append(all, apply("dry run"+suffix, "dry run of "+op+" "+k, set))
		}
	}
	return all
}

// namesOf returns the names of the methods of an interface, or of the fields of a struct.
func namesOf(t reflect.Type) []string {
	names := map[string]bool{}
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			names[t.Field(i).Name] = true
		}
	} else {
		for i := range t.NumMethod() {
			names[t.Method(i).Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// constants returns the values of the constants of a type in package backend.
func constants(t *testing.T, typeName string) []string {
	t.Helper()
	var values []string
	for _, file := range []string{"../model.go", "../service.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typeName {
				return true
			}
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
			return true
		})
	}
	return values
}

func toStrings(roles []backend.Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out
}

// rolesIn returns the quoted words of a message.
func rolesIn(message string) []string {
	var out []string
	for i, part := range strings.Split(message, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}

// Only callers who may change everything may use an unknown verb.
func TestUnknownVerbIsDenied(t *testing.T) {
	for _, role := range backend.Roles {
		if role == backend.RoleNone {
			continue // the engine refuses it
		}
		if err := access.Allow(backend.Principal{Role: role}, "unknown"); !errors.Is(err, backend.ErrDenied) {
			t.Errorf("role %s: %v", role, err)
		}
	}
}
