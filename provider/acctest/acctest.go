// SPDX-License-Identifier: MPL-2.0

// Package acctest has the common parts of the provider's acceptance tests: a backend for each test, direct access to
// that backend, and the provider in this process or as a built plugin under a real Terraform.
package acctest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
)

// Backend is the embedded backend of one test.
type Backend struct {
	Path string
	t    *testing.T
}

// unsetVariables makes sure that the developer's own settings do not reach a test.
var unsetVariables = sync.OnceFunc(func() {
	for _, v := range []string{
		"POUNCET_ENDPOINT", "POUNCET_TOKEN", "POUNCET_HOME", "POUNCET_PROJECT", "POUNCET_KMS_KEY",
	} {
		_ = os.Unsetenv(v)
	}
})

// New creates a backend with the project "default" and the environments dev and prod. The test runs in parallel with
// others.
func New(t *testing.T) *Backend {
	t.Helper()
	parallel(t)
	return NewAlone(t)
}

// parallelTests holds the tests that run in parallel already: a test that has a backend and a workspace asks twice.
var parallelTests sync.Map

func parallel(t *testing.T) {
	if _, already := parallelTests.LoadOrStore(t, true); !already {
		t.Cleanup(func() { parallelTests.Delete(t) })
		t.Parallel()
	}
}

// NewAlone is New for a test that changes the environment variables of the process. It does not run in parallel.
func NewAlone(t *testing.T) *Backend {
	t.Helper()
	unsetVariables()
	b := &Backend{Path: filepath.Join(t.TempDir(), "data"), t: t}
	template.CopyTo(t, b.Path)
	return b
}

var template = &opentest.Template{Changes: []backend.Change{
	{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
	{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod"},
}}

// Config returns a Terraform configuration that uses this backend.
func (b *Backend) Config(body string) string {
	return fmt.Sprintf("provider \"pouncet\" {\n  path = %q\n}\n%s", b.Path, body)
}

// withService opens the backend for a call of f.
func (b *Backend) withService(f func(s backend.Service)) {
	b.t.Helper()
	o, err := open.Open(context.Background(), open.Config{Path: b.Path})
	if err != nil {
		b.t.Fatal(err)
	}
	f(o)
	if err := o.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// Apply changes the backend without Terraform.
func (b *Backend) Apply(changes ...backend.Change) {
	b.t.Helper()
	b.Stage("", changes...)
}

// Stage adds changes to a draft without Terraform, or makes them if it has no name.
func (b *Backend) Stage(draft string, changes ...backend.Change) {
	b.t.Helper()
	b.withService(func(s backend.Service) {
		if _, err := s.Apply(context.Background(), backend.ChangeSet{Draft: draft, Changes: changes}); err != nil {
			b.t.Fatal(err)
		}
	})
}

// Draft returns the draft with a name.
func (b *Backend) Draft(name string) (draft backend.Object) {
	b.t.Helper()
	b.withService(func(s backend.Service) {
		page, err := s.Query(context.Background(), backend.Query{Kind: backend.KindDraft, Project: backend.DefaultProject,
			Name: name})
		if err != nil || len(page.Objects) != 1 {
			b.t.Fatal(page.Objects, err)
		}
		draft = page.Objects[0]
	})
	return draft
}

// ProjectID returns the id of the project "default".
func (b *Backend) ProjectID() (id string) {
	b.t.Helper()
	b.withService(func(s backend.Service) {
		page, err := s.Query(context.Background(), backend.Query{Kind: backend.KindProject, Name: backend.DefaultProject})
		if err != nil || len(page.Objects) != 1 {
			b.t.Fatal(page.Objects, err)
		}
		id = page.Objects[0].ID
	})
	return id
}

// SetSecret sets a secret without Terraform.
func (b *Backend) SetSecret(env, name, value string) {
	b.t.Helper()
	b.Apply(backend.Change{
		Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: env, Name: name,
		Value: backend.PlaintextString(value),
	})
}

// Secret returns the value of a secret, or "" if it does not exist.
func (b *Backend) Secret(env, name string) (value string) {
	b.t.Helper()
	b.withService(func(s backend.Service) {
		out, err := s.Resolve(context.Background(), []backend.Ref{
			{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: env, Name: name},
		})
		if err != nil {
			b.t.Fatal(err)
		}
		value = string(out[0].Value.Expose())
	})
	return value
}
