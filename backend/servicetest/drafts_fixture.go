// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// What the cases of drafts share.

// stage adds changes to the draft "d", which must succeed.
func (f *fixture) stage(changes ...backend.Change) []backend.Outcome {
	f.Helper()
	return f.apply(backend.ChangeSet{Draft: "d", Changes: changes})
}

// unstaged adds changes to the draft "d", which must give the error want.
func (f *fixture) unstaged(want *backend.Error, changes ...backend.Change) *backend.Error {
	f.Helper()
	_, err := f.Apply(context.Background(), backend.ChangeSet{Draft: "d", Changes: changes})
	if !errors.Is(err, want) {
		f.Fatalf("error is %v (%v), want code %s", err, backend.AsError(err), want.Code)
	}
	return backend.AsError(err)
}

func draft(op backend.Op) backend.Change {
	return backend.Change{Op: op, Kind: backend.KindDraft, Project: project, Name: "d"}
}

// staged lists the changes of the draft "d".
func (f *fixture) staged() []backend.Object {
	f.Helper()
	return f.list(backend.Query{Kind: backend.KindDraftChange, Project: project, Draft: "d"})
}

// stagedAs describes the changes of the draft "d" in one line.
func (f *fixture) stagedAs() string {
	f.Helper()
	var all []string
	for _, o := range f.staged() {
		text := fmt.Sprintf("%s %s", o.Staged.Action, o.Name)
		if len(o.Staged.Changed) > 0 {
			text += " (" + strings.Join(o.Staged.Changed, " ") + ")"
		}
		if o.Staged.Stale != "" {
			text += " " + o.Staged.Stale
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func described(text string, c backend.Change) backend.Change {
	c.Description = &text
	return c
}

func renamedTo(c backend.Change, name string) backend.Change {
	c.Rename = &name
	return c
}

func update(env, name string) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: env, Name: name}
}

// contents returns what the backend has apart from drafts, to compare it.
func (f *fixture) contents() string {
	f.Helper()
	var all []any
	for _, kind := range []backend.Kind{backend.KindProject, backend.KindEnvironment, backend.KindSecretType,
		backend.KindSecret, backend.KindScopedValue} {
		q := backend.Query{Kind: kind, Project: project}
		if kind == backend.KindProject {
			q.Project = ""
		}
		all = append(all, f.list(q))
	}
	return show(all)
}
