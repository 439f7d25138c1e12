// SPDX-License-Identifier: MPL-2.0

// Package servicetest tests what every backend.Service must do. Each implementation passes the same suite with the same
// results and the same errors, in the same process and across a network.
package servicetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Run runs the suite. For each case, open returns a new Service. It has only the project "default", and its calls have
// the role admin.
func Run(t *testing.T, open func(t *testing.T) backend.Service) {
	for _, c := range slices.Concat(lookupCases, entryCases, historyCases, binaryCases, generateCases, draftCases,
		draftBoundCases, duplicateCases, ruleCases, applyCases, queryCases, entryListCases, scopeListCases, lifecycleCases,
		placeCases, ownerCases, heldCases, setAsideCases, orderCases, undoCases) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(&fixture{T: t, Service: open(t)})
		})
	}
}

// RunAgain is Run for a Service that wraps another one, whose tests run the suite too. With -short, it is skipped.
func RunAgain(t *testing.T, open func(t *testing.T) backend.Service) {
	if testing.Short() {
		t.Skip("SKIPPED: runs again the suite that the engine runs: run without -short")
	}
	Run(t, open)
}

type testCase struct {
	name string
	run  func(f *fixture)
}

// fixture is a testing.T and a Service, with short methods for common calls and checks.
type fixture struct {
	*testing.T
	backend.Service
}

const project = backend.DefaultProject

// mustInParts makes many changes in sets that no client has to wait long for, even under the race detector.
func (f *fixture) mustInParts(changes []backend.Change) {
	f.Helper()
	for part := range slices.Chunk(changes, 10) {
		f.must(part...)
	}
}

// must applies changes and fails the test if any is refused.
func (f *fixture) must(changes ...backend.Change) []backend.Outcome {
	f.Helper()
	out, err := f.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	if err != nil {
		f.Fatalf("applying: %v", err)
	}
	if len(out) != len(changes) {
		f.Fatalf("%d outcomes for %d changes", len(out), len(changes))
	}
	return out
}

// refused applies changes that must give the error want, and returns the error.
func (f *fixture) refused(want *backend.Error, changes ...backend.Change) *backend.Error {
	f.Helper()
	_, err := f.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	if !errors.Is(err, want) {
		f.Fatalf("error is %v (%v), want code %s", err, backend.AsError(err), want.Code)
	}
	return backend.AsError(err)
}

// dry applies changes as a dry run and returns the outcomes.
func (f *fixture) dry(changes ...backend.Change) []backend.Outcome {
	f.Helper()
	return f.apply(backend.ChangeSet{Changes: changes, DryRun: true})
}

// apply applies a set, which must succeed.
func (f *fixture) apply(set backend.ChangeSet) []backend.Outcome {
	f.Helper()
	out, err := f.Apply(context.Background(), set)
	if err != nil {
		f.Fatalf("applying a set: %v", err)
	}
	return out
}

// rejects applies a set, which must give the error want for the whole call.
func (f *fixture) rejects(want *backend.Error, set backend.ChangeSet) {
	f.Helper()
	if _, err := f.Apply(context.Background(), set); !errors.Is(err, want) {
		f.Fatalf("error is %v, want code %s", err, want.Code)
	}
}

func (f *fixture) resolve(refs ...backend.Ref) []backend.Resolution {
	f.Helper()
	out, err := f.Resolve(context.Background(), refs)
	if err != nil {
		f.Fatalf("resolving: %v", err)
	}
	if len(out) != len(refs) {
		f.Fatalf("%d resolutions for %d references", len(out), len(refs))
	}
	return out
}

// value resolves one reference and returns its value.
func (f *fixture) value(ref backend.Ref) string {
	f.Helper()
	r := f.resolve(ref)[0]
	if r.Err != nil {
		f.Fatalf("resolving %s in %s: %v", ref.Name, ref.Environment, r.Err)
	}
	return string(r.Value.Expose())
}

// unresolved resolves one reference, which must give the error want, and returns the error.
func (f *fixture) unresolved(want *backend.Error, ref backend.Ref) *backend.Error {
	f.Helper()
	r := f.resolve(ref)[0]
	if r.Err == nil || !errors.Is(r.Err, want) {
		f.Fatalf("resolving %s in %s: error is %v, want code %s", ref.Name, ref.Environment, r.Err, want.Code)
	}
	if !r.Value.IsZero() {
		f.Errorf("resolving %s: got an error and a value", ref.Name)
	}
	return r.Err
}

func (f *fixture) list(q backend.Query) []backend.Object {
	f.Helper()
	page, err := f.Query(context.Background(), q)
	if err != nil {
		f.Fatalf("querying: %v", err)
	}
	return page.Objects
}

func (f *fixture) environments(names ...string) {
	f.Helper()
	for _, n := range names {
		f.must(environment(n))
	}
}

func environment(name string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: project, Name: name}
}

// secret sets a secret in the project scope.
func secret(env, name, value string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: project, Environment: env, Name: name,
		Value: backend.PlaintextString(value)}
}

func plain(env, name, text string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: project, Environment: env, Name: name,
		JSON: json.RawMessage(text)}
}

func link(env, name, to, field string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: project, Environment: env, Name: name,
		Link: &backend.Link{Secret: to, Field: field}}
}

func in(scope string, c backend.Change) backend.Change {
	c.Scope = scope
	return c
}

func typed(key string, c backend.Change) backend.Change {
	c.Type = &key
	return c
}

func policy(p backend.PolicyChange) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project, Policy: &p}
}

func remove(kind backend.Kind, env, name string) backend.Change {
	return backend.Change{Op: backend.OpDelete, Kind: kind, Project: project, Environment: env, Name: name}
}

func secretRef(env, name string) backend.Ref {
	return backend.Ref{Kind: backend.KindSecret, Project: project, Environment: env, Name: name}
}

func valueRef(env, name string) backend.Ref {
	return backend.Ref{Kind: backend.KindScopedValue, Project: project, Environment: env, Name: name}
}

func ptr[T any](v T) *T { return &v }

// mentions checks that the text of an error contains all parts.
func (f *fixture) mentions(err *backend.Error, parts ...string) {
	f.Helper()
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			f.Errorf("error %q does not mention %q", err, p)
		}
	}
}

// conceals checks that an error does not contain a value.
func (f *fixture) conceals(err *backend.Error, value string) {
	f.Helper()
	text, marshalErr := json.Marshal(err)
	if marshalErr != nil {
		f.Fatal(marshalErr)
	}
	if strings.Contains(err.Error()+string(text), value) {
		f.Errorf("error shows the value: %s", text)
	}
}

func equal[T comparable](f *fixture, what string, got, want T) {
	f.Helper()
	if got != want {
		f.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// show returns v as JSON, to compare it.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
