// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"encoding/json"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// undoCases are deletions of environments and projects that are undone.
var undoCases = []testCase{
	{"a deleted environment can be restored whole", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(word("w"), secret("dev", "s", "one"))
		before := f.must(typed("w", secret("dev", "s", "two")), in("app/web", secret("dev", "s", "scoped")),
			plain("dev", "v", "1"), link("dev", "l", "s", ""), secret("*", "s", "shared"), secret("prod", "s", "prod's"))
		dev := f.list(backend.Query{Kind: backend.KindEnvironment, Project: project, Name: "dev"})[0]
		usages := backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: "repo",
			Usages: []backend.Usage{{Kind: backend.KindScopedValue, Name: "l", Environment: "dev", File: "f.yaml", Line: 3}}}
		f.must(usages, policy(backend.PolicyChange{MaxSecrets: ptr(4)}))
		equal(f, "action of a dry run", f.dry(deleteEnvironment("dev"))[0].Action, backend.ActionDelete)
		out := f.one(deleteEnvironment("dev"))
		equal(f, "id", out.Object.ID, dev.ID)
		equal(f, "says until when", out.Object.RestorableUntil.IsZero(), false)

		// Nothing sees it, and its names are free.
		equal(f, "environments", len(f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})), 1)
		equal(f, "secrets", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), 2)
		equal(f, "deleted secrets", len(f.deleted(backend.KindSecret)), 0)
		equal(f, "values", len(f.list(backend.Query{Kind: backend.KindScopedValue, Project: project})), 0)
		equal(f, "usages", len(f.list(backend.Query{Kind: backend.KindUsage, Project: project})), 0)
		for _, id := range []string{dev.ID, before[0].Object.ID} {
			for _, kind := range []backend.Kind{backend.KindEnvironment, backend.KindSecret} {
				equal(f, "objects by id", len(f.list(backend.Query{Kind: kind, Project: project, ID: id})), 0)
			}
		}
		f.unresolved(backend.ErrNotFound, secretRef("dev", "s"))
		f.unresolved(backend.ErrNotFound, secretRef(dev.ID, "s"))
		f.refused(backend.ErrNotFound, secret("dev", "new", "v"))
		f.refused(backend.ErrNotFound, secret(dev.ID, "new", "v"))
		f.refused(backend.ErrNotFound, renamed(before[0].Object, "x"))
		equal(f, "secrets of the project", *f.list(backend.Query{Kind: backend.KindProject, Name: project})[0].Secrets, 2)
		f.must(secret("prod", "a", "v"), secret("prod", "b", "v")) // within the quota
		f.must(remove(backend.KindSecret, "prod", "a"), remove(backend.KindSecret, "prod", "b"))
		f.environments("dev")
		f.must(secret("dev", "s", "another"))
		again := deleteEnvironment("dev")
		again.Purge = true
		f.one(again)

		deleted := f.deleted(backend.KindEnvironment)
		equal(f, "deleted", len(deleted), 1)
		equal(f, "name", deleted[0].Name, "dev")
		equal(f, "kind", deleted[0].Kind, backend.KindEnvironment)
		equal(f, "secrets that come back", *deleted[0].Secrets, 2)
		equal(f, "end of the window", deleted[0].RestorableUntil, deleted[0].DeletedAt.AddDate(0, 0, 7))
		equal(f, "action of a dry run", f.dry(restoreEnvironment("dev"))[0].Action, backend.ActionRestore)
		out = f.one(restoreEnvironment("dev"))
		equal(f, "action", out.Action, backend.ActionRestore)
		equal(f, "id", out.Object.ID, dev.ID)
		equal(f, "has no time of deletion", out.Object.DeletedAt.IsZero(), true)
		equal(f, "deleted", len(f.deleted(backend.KindEnvironment)), 0)
		equal(f, "value", f.value(secretRef("dev", "s")), "two")
		equal(f, "linked value", f.value(valueRef("dev", "l")), "two")
		equal(f, "plain value", f.value(valueRef("dev", "v")), "1")
		old, scoped := secretRef("dev", "s"), secretRef("dev", "s")
		old.Version, scoped.Scope = "1", "app/web"
		equal(f, "value of version 1", f.value(old), "one")
		equal(f, "value of the scope", f.value(scoped), "scoped")
		for _, o := range before[:4] {
			now := f.object(o.Object)
			equal(f, "id", now.ID, o.Object.ID)
			equal(f, "name", now.Name, o.Object.Name)
			equal(f, "type", now.Type, o.Object.Type)
			equal(f, "version", now.Version, o.Object.Version)
			equal(f, "edition", now.Edition, o.Object.Edition)
		}
		f.refused(backend.ErrInUse, remove(backend.KindScopedValue, "dev", "l")) // the usages are back, too
		equal(f, "registered again", f.one(usages).Action, backend.ActionUnchanged)
		f.refused(backend.ErrNotFound, restoreEnvironment("dev"))
		f.must(secret("dev", "s", "three"))
		equal(f, "value", f.value(secretRef("dev", "s")), "three")
	}},
	{"a replaced environment whose creation does not come can be restored whole", func(f *fixture) {
		dev := f.one(mine(environment("dev"))).Object
		before := f.must(mine(secret("dev", "s", "kept")), mine(link("dev", "l", "s", "")))
		f.environments("prod")
		f.one(deleteEnvironment("prod"))
		f.one(replaced(dev))
		o := f.object(dev)
		equal(f, "held", o.Held, backend.HeldReplaced)
		equal(f, "never ends", !o.DeletedAt.IsZero() && o.RestorableUntil.IsZero(), true)
		deleted := f.deleted(backend.KindEnvironment)
		equal(f, "deleted", len(deleted), 2)
		equal(f, "name", deleted[1].Name, "dev")
		equal(f, "id", deleted[1].ID, dev.ID)
		equal(f, "held", deleted[1].Held, backend.HeldReplaced)
		equal(f, "never ends", deleted[1].RestorableUntil.IsZero(), true)
		equal(f, "secrets that come back", *deleted[1].Secrets, 1)
		equal(f, "deleted by name", len(f.list(backend.Query{Kind: backend.KindEnvironment, Project: project, Deleted: true,
			Name: "dev"})), 1)
		page, err := f.Service.Query(context.Background(), backend.Query{Kind: backend.KindEnvironment, Project: project,
			Deleted: true, Limit: 1})
		equal(f, "error", err, nil)
		equal(f, "first page", page.Objects[0].Name, "prod")
		page, err = f.Service.Query(context.Background(), backend.Query{Kind: backend.KindEnvironment, Project: project,
			Deleted: true, Limit: 1, Cursor: page.Next})
		equal(f, "error", err, nil)
		equal(f, "second page", page.Objects[0].Name+page.Next, "dev")

		equal(f, "action of a dry run", f.dry(restoreEnvironment("dev"))[0].Action, backend.ActionRestore)
		out := f.one(restoreEnvironment("dev"))
		equal(f, "action", out.Action, backend.ActionRestore)
		equal(f, "id", out.Object.ID, dev.ID)
		equal(f, "held", out.Object.Held+out.Object.Was, "")
		equal(f, "has no time of deletion", out.Object.DeletedAt.IsZero() && out.Object.RestorableUntil.IsZero(), true)
		equal(f, "held objects", f.held(backend.KindEnvironment), "")
		equal(f, "deleted", len(f.deleted(backend.KindEnvironment)), 1)
		equal(f, "value", f.value(secretRef("dev", "s")), "kept")
		equal(f, "value through the link", f.value(valueRef("dev", "l")), "kept")
		equal(f, "edition of the contents", f.object(before[0].Object).Edition, before[0].Object.Edition)
		f.refused(backend.ErrNotFound, restoreEnvironment("dev"))

		// It can be replaced again, or restored under another name.
		f.one(replaced(f.object(dev)))
		as := restoreEnvironment("dev")
		as.Rename = ptr("prod")
		f.one(as)
		equal(f, "value", f.value(secretRef("prod", "s")), "kept")
		f.one(replaced(f.object(dev)))
		f.one(mine(environment("prod")))
		equal(f, "has no time of deletion", f.object(dev).DeletedAt.IsZero(), true)
	}},
	{"a replaced project whose creation does not come can be restored whole", func(f *fixture) {
		p := f.one(mine(backend.Change{Kind: backend.KindProject, Name: "p"})).Object
		in := func(c backend.Change) backend.Change { c.Project = "p"; return c }
		f.must(in(environment("dev")), in(secret("dev", "s", "in p")))
		f.one(replaced(p))
		deleted := f.list(backend.Query{Kind: backend.KindProject, Deleted: true})
		equal(f, "deleted", len(deleted), 1)
		equal(f, "name", deleted[0].Name+deleted[0].Held, "p"+backend.HeldReplaced)
		out := f.one(backend.Change{Op: backend.OpRestore, Kind: backend.KindProject, Name: "p"})
		equal(f, "id", out.Object.ID, p.ID)
		equal(f, "held objects", f.held(backend.KindProject), "")
		ref := secretRef("dev", "s")
		ref.Project = "p"
		equal(f, "value", f.value(ref), "in p")
	}},
	{"a deleted environment can be restored under another name", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "first"))
		f.one(deleteEnvironment("dev"))
		f.environments("dev")
		f.must(secret("dev", "s", "second"))
		f.one(deleteEnvironment("dev"))
		f.environments("dev")
		f.must(secret("dev", "s", "third"))
		f.mentions(f.refused(backend.ErrExists, restoreEnvironment("dev")), "exists again", "--as NAME")
		for i, deleted := range f.deleted(backend.KindEnvironment) {
			value := []string{"first", "second"}[i]
			c := backend.Change{Op: backend.OpRestore, Kind: backend.KindEnvironment, ID: deleted.ID, Rename: ptr("not a name")}
			f.refused(backend.ErrInvalid, c)
			c.Rename = ptr("dev")
			f.mentions(f.refused(backend.ErrExists, c), `environment "dev" already exists`)
			c.Rename = &value
			f.one(c)
			equal(f, value, f.value(secretRef(value, "s")), value)
		}
		equal(f, "the third", f.value(secretRef("dev", "s")), "third")
	}},
	{"of several deleted environments of one name, the last is restored", func(f *fixture) {
		for _, value := range []string{"first", "second"} {
			f.environments("dev")
			f.must(secret("dev", "s", value))
			f.one(deleteEnvironment("dev"))
		}
		f.one(restoreEnvironment("dev"))
		equal(f, "value", f.value(secretRef("dev", "s")), "second")
	}},
	{"an environment cannot be restored against a rule", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(word("w"), word("v"), typed("w", secret("dev", "a", "word")), typed("v", secret("dev", "b", "word")),
			secret("*", "shared", "v"), link("dev", "l", "shared", ""))
		f.one(deleteEnvironment("dev"))
		f.must(remove(backend.KindSecretType, "", "v"), remove(backend.KindSecret, "*", "shared"))
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(1)}))
		f.mentions(f.refused(backend.ErrQuota, restoreEnvironment("dev")), "2 secrets", "max_secrets")
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(2)}))
		schema := func(text string) backend.Change {
			return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "w",
				Schema: json.RawMessage(text)}
		}
		f.must(schema(`{"type":"string","maxLength":3}`))
		err := f.refused(backend.ErrInvalid, restoreEnvironment("dev"))
		f.mentions(err, `secret type "w"`, `deleted secret "a"`)
		f.conceals(err, "word")
		f.must(schema(`{"type":"object"}`))
		f.refused(backend.ErrInvalid, restoreEnvironment("dev"))
		f.must(schema(`{"type":"string","maxLength":4}`), restoreEnvironment("dev"))
		for name, want := range map[string]string{"a": "w", "b": ""} { // the type of b was deleted
			equal(f, "type", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: name})[0].Type, want)
		}
		f.unresolved(backend.ErrNotFound, valueRef("dev", "l")) // as after a forced deletion of the secret
	}},
	{"a secret cannot be restored against the changed schema of its type", func(f *fixture) {
		f.environments("dev")
		o := f.must(word("w"), typed("w", secret("dev", "a", "word")))[1].Object
		f.must(remove(backend.KindSecret, "dev", "a"), backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType,
			Project: project, Name: "w", Schema: json.RawMessage(`{"type":"string","maxLength":3}`)})
		f.mentions(f.refused(backend.ErrInvalid, restore(backend.KindSecret, "dev", "a")), "--purge "+o.ID)
	}},
	{"a link that is restored with its environment means the secret of its name", func(f *fixture) {
		f.environments("dev")
		db := f.one(mine(secret("dev", "db", "dev's"))).Object
		f.must(mine(link("dev", "l", "db", "")))
		f.one(gone(db)) // it is held, because l uses it
		f.one(deleteEnvironment("dev"))
		equal(f, "held secrets", f.held(backend.KindSecret), "")
		f.one(restoreEnvironment("dev"))
		f.unresolved(backend.ErrNotFound, valueRef("dev", "l"))
		f.one(restore(backend.KindSecret, "dev", "db"))
		equal(f, "value", f.value(valueRef("dev", "l")), "dev's")
	}},
	{"an error says which deleted environment holds a secret", func(f *fixture) {
		f.environments("dev")
		o := f.must(secret("dev", "alone", "v"), in("app/web", secret("dev", "along", "v")))
		f.must(remove(backend.KindSecret, "dev", "alone"), deleteEnvironment("dev"))
		along := in("app/web", restore(backend.KindSecret, "dev", "along"))
		f.mentions(f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "alone")),
			`"alone" was in environment "dev", which was deleted at `,
			"pouncet env restore dev; then: pouncet secret restore alone --env dev")
		f.environments("dev")
		f.mentions(f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "alone")),
			"pouncet env restore dev --as dev-old; then: pouncet secret restore alone --env dev-old")
		f.mentions(f.refused(backend.ErrNotFound, along), "restore the environment: pouncet env restore dev --as dev-old")
		for _, o := range o {
			err := f.refused(backend.ErrNotFound,
				backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: o.Object.ID})
			f.mentions(err, "was in environment")
		}
		f.one(deleteEnvironment("dev"))
		first := f.deleted(backend.KindEnvironment)[0]
		f.mentions(f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "alone")), "env restore "+first.ID)
		f.refused(backend.ErrNotFound, restore(backend.KindSecret, "dev", "another"))

		as := backend.Change{Op: backend.OpRestore, Kind: backend.KindEnvironment, ID: first.ID}
		f.one(as)
		equal(f, "deleted secrets", len(f.deleted(backend.KindSecret)), 1)
		f.one(restore(backend.KindSecret, "dev", "alone"))
		equal(f, "value", f.value(secretRef("dev", "alone")), "v")
	}},
	{"a purged environment cannot be restored", func(f *fixture) {
		f.environments("dev")
		o := f.must(secret("dev", "s", "v"), secret("dev", "t", "v"))
		purge := remove(backend.KindEnvironment, "", "dev")
		purge.Purge = true
		f.refused(backend.ErrInUse, purge)
		purge.Force = true
		equal(f, "says until when", f.one(purge).Object.RestorableUntil.IsZero(), true)
		f.refused(backend.ErrNotFound, restoreEnvironment("dev"))
		f.refused(backend.ErrNotFound, purge)
		later := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: o[0].Object.ID, Purge: true}
		f.refused(backend.ErrNotFound, later)

		for range 2 {
			f.environments("dev")
			o = f.must(secret("dev", "s", "v"), secret("dev", "t", "v"))
			f.one(deleteEnvironment("dev"))
		}
		later.ID = o[0].Object.ID
		f.one(later) // a secret in a deleted environment
		f.mentions(f.refused(backend.ErrInvalid, purge), "2 environments", "by its id")
		f.refused(backend.ErrNotFound,
			backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment, ID: f.deleted(backend.KindEnvironment)[0].ID})
		f.one(backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment, Purge: true,
			ID: f.deleted(backend.KindEnvironment)[0].ID})
		f.one(restoreEnvironment("dev"))
		equal(f, "secrets", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), 1)
		f.must(deleteEnvironment("dev"), purge)
		equal(f, "deleted", len(f.deleted(backend.KindEnvironment)), 0)
	}},
	{"without a recovery window, no environment can be restored", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "s", "v"), deleteEnvironment("dev"), policy(backend.PolicyChange{RecoveryDays: ptr(0)}))
		f.refused(backend.ErrNotFound, restoreEnvironment("dev"))
		equal(f, "says until when", f.one(deleteEnvironment("prod")).Object.RestorableUntil.IsZero(), true)
		equal(f, "deleted", len(f.deleted(backend.KindEnvironment)), 0)
		f.must(policy(backend.PolicyChange{RecoveryDays: ptr(7)}))
		f.refused(backend.ErrNotFound, restoreEnvironment("prod"))
	}},
	{"an environment that was set aside for its entries goes into its recovery window", func(f *fixture) {
		dev := f.one(mine(environment("dev"))).Object
		s := f.one(mine(secret("dev", "s", "v"))).Object
		f.one(gone(dev))
		equal(f, "held", f.deleted(backend.KindEnvironment)[0].Held, backend.HeldInUse)
		f.one(gone(s))
		equal(f, "held environments", f.held(backend.KindEnvironment), "")
		f.must(restoreEnvironment("dev"), restore(backend.KindSecret, "dev", "s"))
		equal(f, "value", f.value(secretRef("dev", "s")), "v")
		equal(f, "id", f.object(dev).ID, dev.ID)

		// The same owner creates it again and takes over what was restored.
		f.one(mine(environment("dev")))
		equal(f, "value", f.value(secretRef("dev", "s")), "v")
		f.one(replaced(f.object(dev)))
		f.environments("x")
		f.one(deleteEnvironment("x"))
		c := restoreEnvironment("x")
		c.Rename = ptr("dev")
		f.mentions(f.refused(backend.ErrExists, c), "waits for its replacement")
	}},
	{"a deletion and its undoing can be in one set", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"))
		set := []backend.Change{deleteEnvironment("dev"), restoreEnvironment("dev")}
		equal(f, "action of a dry run", f.dry(set...)[1].Action, backend.ActionRestore)
		f.must(set...)
		equal(f, "value", f.value(secretRef("dev", "s")), "v")
		f.refused(backend.ErrExists, deleteEnvironment("dev"), environment("dev"), restoreEnvironment("dev"))
		equal(f, "value after the refused set", f.value(secretRef("dev", "s")), "v")
		f.must(deleteEnvironment("dev"), environment("dev"))
		// The restored one takes the name that a later change of the set frees.
		f.must(restoreEnvironment("dev"), backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment,
			ID: f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})[0].ID})
		equal(f, "value", f.value(secretRef("dev", "s")), "v")
	}},
	{"a deleted project can be restored, and then its environments", func(f *fixture) {
		at := func(c backend.Change) backend.Change { c.Project = "shop"; return c }
		shop := f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop",
			Policy: &backend.PolicyChange{MaxSecrets: ptr(5)}}, at(environment("dev")))[0].Object
		f.must(at(secret("dev", "s", "v")), at(secret("*", "shared", "v")))
		f.must(at(deleteEnvironment("dev")), at(remove(backend.KindSecret, "*", "shared")))
		gone := backend.Change{Op: backend.OpDelete, Kind: backend.KindProject, Name: "shop"}
		equal(f, "says until when", f.one(gone).Object.RestorableUntil.IsZero(), false)
		equal(f, "projects", len(f.list(backend.Query{Kind: backend.KindProject})), 1)
		deleted := f.list(backend.Query{Kind: backend.KindProject, Deleted: true})
		equal(f, "deleted", len(deleted), 1)
		equal(f, "name", deleted[0].Name, "shop")
		f.refused(backend.ErrNotFound, at(restoreEnvironment("dev")))
		f.one(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"})
		undo := backend.Change{Op: backend.OpRestore, Kind: backend.KindProject, Name: "shop"}
		f.mentions(f.refused(backend.ErrExists, undo), "--as NAME")
		undo.Rename = ptr("store")
		out := f.one(undo)
		equal(f, "id", out.Object.ID, shop.ID)
		equal(f, "quota", out.Object.Policy.MaxSecrets, 5)
		at = func(c backend.Change) backend.Change { c.Project = "store"; return c }
		f.must(at(restoreEnvironment("dev")), at(restore(backend.KindSecret, "*", "shared")))
		ref := secretRef("dev", "s")
		ref.Project = "store"
		equal(f, "value", f.value(ref), "v")

		// A deleted environment survives a rename of its project.
		f.must(at(deleteEnvironment("dev")), renamed(shop, "renamed"))
		at = func(c backend.Change) backend.Change { c.Project = "renamed"; return c }
		f.must(at(restoreEnvironment("dev")))
		ref.Project = "renamed"
		equal(f, "value", f.value(ref), "v")

		f.must(at(deleteEnvironment("dev")), at(remove(backend.KindSecret, "*", "shared")))
		purge := backend.Change{Op: backend.OpDelete, Kind: backend.KindProject, Name: "renamed", Purge: true}
		f.one(purge)
		f.refused(backend.ErrNotFound, purge)
		undo.Name = "renamed"
		f.refused(backend.ErrNotFound, undo)
		f.one(gone) // the other one of this name
		purge.Name = "shop"
		f.one(purge)
		equal(f, "deleted", len(f.list(backend.Query{Kind: backend.KindProject, Deleted: true})), 0)
	}},
}

// deleteEnvironment deletes an environment with everything in it.
func deleteEnvironment(name string) backend.Change {
	c := remove(backend.KindEnvironment, "", name)
	c.Force = true
	return c
}

func restoreEnvironment(name string) backend.Change {
	return restore(backend.KindEnvironment, "", name)
}

func (f *fixture) deleted(kind backend.Kind) []backend.Object {
	f.Helper()
	return f.list(backend.Query{Kind: kind, Project: project, Deleted: true})
}
