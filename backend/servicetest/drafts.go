// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var draftCases = []testCase{
	{"a draft changes nothing before it is deployed, and everything after", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "s", "old"), plain("dev", "gone", `1`))
		before := f.contents()
		outcomes := f.stage(secret("dev", "s", "new"), secret("prod", "s", "of prod"), plain("dev", "v", `{"a":1}`),
			remove(backend.KindScopedValue, "dev", "gone"), described("text", environment("prod")))
		for i, want := range []backend.Action{backend.ActionUpdate, backend.ActionCreate, backend.ActionCreate,
			backend.ActionDelete, backend.ActionUpdate} {
			equal(f, fmt.Sprint("action of change ", i), outcomes[i].Action, want)
		}
		equal(f, "contents", f.contents(), before)
		equal(f, "value", f.value(secretRef("dev", "s")), "old")
		equal(f, "changes", f.stagedAs(), "update s (value); create s (value); create v (json); delete gone; "+
			"update prod (description)")
		page := f.list(backend.Query{Kind: backend.KindDraft, Project: project})
		equal(f, "drafts", len(page), 1)
		equal(f, "name", page[0].Name, "d")
		equal(f, "number of changes", *page[0].Changes, 5)
		equal(f, "expires", page[0].ExpiresAt.Sub(page[0].CreatedAt), backend.DefaultDraftDays*24*time.Hour)

		dry := f.dry(draft(backend.OpDeploy))[0]
		equal(f, "dry run", dry.Action, backend.ActionDeploy)
		equal(f, "parts", len(dry.Parts), 5)
		equal(f, "part", dry.Parts[1].Action, backend.ActionCreate)
		equal(f, "contents after a dry run", f.contents(), before)
		deployed := f.list(backend.Query{Kind: backend.KindDraft, Project: project})[0]
		out := f.must(draft(backend.OpDeploy))[0]
		equal(f, "deployed", out.Action, backend.ActionDeploy)
		equal(f, "parts", len(out.Parts), 5)
		equal(f, "id of a created secret", out.Parts[1].Object.ID, outcomes[1].Object.ID)
		equal(f, "version", out.Parts[0].Object.Version, 2)
		equal(f, "value", f.value(secretRef("dev", "s")), "new")
		equal(f, "value in prod", f.value(secretRef("prod", "s")), "of prod")
		equal(f, "scoped value", f.value(valueRef("dev", "v")), `{"a":1}`)
		f.unresolved(backend.ErrNotFound, valueRef("dev", "gone"))
		equal(f, "drafts", len(f.list(backend.Query{Kind: backend.KindDraft, Project: project})), 0)
		f.mentions(f.refused(backend.ErrNotFound, draft(backend.OpDeploy)), `draft "d" does not exist`)
		for _, op := range []backend.Op{backend.OpDeploy, backend.OpRefresh, backend.OpUpdate, backend.OpDelete} {
			again := backend.Change{Op: op, Kind: backend.KindDraft, ID: deployed.ID, Expect: &deployed.Revision}
			f.mentions(f.refused(backend.ErrNotFound, again), deployed.ID, "does not exist")
		}
	}},
	{"no answer about a draft has a value", func(f *fixture) {
		const canary = "CANARY-of-a-draft"
		f.environments("dev")
		out := f.stage(secret("dev", "s", canary))
		text := show(out) + show(f.staged()) + show(f.dry(draft(backend.OpDeploy)))
		if strings.Contains(text, canary) {
			f.Errorf("an answer has the value: %s", text)
		}
	}},
	{"a discarded draft leaves nothing", func(f *fixture) {
		f.environments("dev")
		f.stage(secret("dev", "s", "v"))
		equal(f, "dry run", f.dry(draft(backend.OpDelete))[0].Action, backend.ActionDelete)
		equal(f, "action", f.must(draft(backend.OpDelete))[0].Action, backend.ActionDelete)
		equal(f, "changes", len(f.list(backend.Query{Kind: backend.KindDraftChange, Project: project})), 0)
		f.unresolved(backend.ErrNotFound, secretRef("dev", "s"))
		f.refused(backend.ErrNotFound, draft(backend.OpDelete))
		f.stage(secret("dev", "s", "again"))
		equal(f, "changes", f.stagedAs(), "create s (value)")
	}},
	{"a change of the same object is merged into its earlier change", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "one"))
		f.stage(secret("dev", "s", "two"))
		f.stage(described("text", update("dev", "s")))
		f.stage(secret("dev", "s", "three"), secret("dev", "new", "v"))
		f.stage(described("of a new one", update("dev", "new")))
		equal(f, "changes", f.stagedAs(), "update s (description value); create new (description value)")
		f.must(draft(backend.OpDeploy))
		equal(f, "value", f.value(secretRef("dev", "s")), "three")
		s := f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "s"})[0]
		equal(f, "version", s.Version, 2)
		equal(f, "description", s.Description, "text")
		equal(f, "of the new one", f.list(backend.Query{Kind: backend.KindSecret, Project: project,
			Name: "new"})[0].Description, "of a new one")
	}},
	{"a change that cannot be merged comes after the others", func(f *fixture) {
		f.environments("dev")
		f.stage(secret("dev", "s", "text"))
		f.stage(word("t"))
		f.stage(typed("t", update("dev", "s")))
		equal(f, "changes", f.stagedAs(), "create s (value); create t (schema); update s (type)")
		f.must(draft(backend.OpDeploy))
		equal(f, "type", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "s"})[0].Type, "t")
	}},
	{"a deletion replaces the earlier changes of its object", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "one"))
		f.stage(secret("dev", "s", "two"), secret("dev", "new", "v"))
		f.stage(remove(backend.KindSecret, "dev", "s"), remove(backend.KindSecret, "dev", "new"))
		equal(f, "changes", f.stagedAs(), "delete s")
		f.stage(secret("dev", "s", "another"))
		equal(f, "changes", f.stagedAs(), "delete s; create s (value)")
		f.must(draft(backend.OpDeploy))
		equal(f, "value", f.value(secretRef("dev", "s")), "another")
		equal(f, "version", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "s"})[0].Version, 1)
	}},
	{"a draft can rename in a chain", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "a", "of a"), secret("dev", "b", "of b"), link("dev", "l", "a", ""))
		f.stage(renamedTo(update("dev", "b"), "c"))
		f.stage(renamedTo(update("dev", "a"), "b"))
		f.stage(secret("dev", "a", "new a"))
		f.stage(renamedTo(update("dev", "c"), "d"))
		f.stage(described("text", update("dev", "d")))
		f.must(draft(backend.OpDeploy))
		for name, want := range map[string]string{"a": "new a", "b": "of a", "d": "of b"} {
			equal(f, "value of "+name, f.value(secretRef("dev", name)), want)
		}
		f.unresolved(backend.ErrNotFound, secretRef("dev", "c"))
		equal(f, "description", f.list(backend.Query{Kind: backend.KindSecret, Project: project,
			Name: "d"})[0].Description, "text")
	}},
	{"a draft changes a type together with the values of its secrets", func(f *fixture) {
		f.environments("dev")
		schema := func(text string) backend.Change {
			return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "t",
				Schema: json.RawMessage(text)}
		}
		f.must(schema(`{"type":"string","maxLength":5}`), typed("t", secret("dev", "s", "short")))
		f.unstaged(backend.ErrInUse, schema(`{"type":"string","minLength":10}`))
		f.unstaged(backend.ErrInvalid, secret("dev", "s", "a long value"))
		f.stage(schema(`{"type":"string"}`), secret("dev", "s", "a long value"))
		f.stage(word("u"), typed("u", secret("dev", "other", "x")))
		f.must(draft(backend.OpDeploy))
		equal(f, "value", f.value(secretRef("dev", "s")), "a long value")
		equal(f, "type", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "other"})[0].Type, "u")
	}},
	{"a draft creates an environment with what is in it", func(f *fixture) {
		f.stage(environment("staging"))
		f.stage(secret("staging", "s", "v"), plain("staging", "p", `1`))
		f.stage(described("text", environment("staging")))
		equal(f, "environments", len(f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})), 0)
		equal(f, "changes", f.stagedAs(), "create staging (description); create s (value); create p (json)")
		f.must(draft(backend.OpDeploy))
		equal(f, "value", f.value(secretRef("staging", "s")), "v")
		f.must(secret("staging", "s", "w"))
		equal(f, "value", f.value(secretRef("staging", "s")), "w")

		f.stage(environment("another"), secret("another", "s", "v"))
		f.must(draft(backend.OpDelete))
		f.environments("another")
		f.must(secret("another", "s", "w"))
		equal(f, "value", f.value(secretRef("another", "s")), "w")
	}},
	{"a draft with a stale change is not deployed", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "a", "1"), secret("dev", "b", "1"), secret("dev", "c", "1"), word("t"))
		f.stage(secret("dev", "a", "2"), secret("dev", "b", "2"), described("x", update("dev", "c")),
			secret("dev", "n", "v"), described("x", word("t")), plain("dev", "v", "1"))
		f.must(secret("dev", "a", "elsewhere"), remove(backend.KindSecret, "dev", "b"), secret("dev", "n", "elsewhere"),
			renamedTo(word("t"), "u"))
		before := f.contents()
		err := f.refused(backend.ErrConflict, draft(backend.OpDeploy))
		f.mentions(err, `draft "d" has 4 stale changes`, "secret a in dev was changed",
			"secret b in dev was renamed or deleted", "secret n in dev was created", "secret type t was renamed or deleted",
			"draft refresh d", "draft drop d NAME")
		equal(f, "contents", f.contents(), before)
		equal(f, "changes", f.stagedAs(), "update a (value) was changed; update b (value) was renamed or deleted; "+
			"update c (description); create n (value) was created; update t (description schema) was renamed or deleted; "+
			"create v (json)")
		dry := f.dry(draft(backend.OpDeploy))[0]
		if dry.Err == nil || dry.Err.Code != backend.CodeConflict || len(dry.Parts) != 6 {
			f.Errorf("a dry run gives %+v", dry)
		}
		equal(f, "stale part", dry.Parts[0].Change.Staged.Stale, "was changed")

		parts := f.staged()
		part := func(op backend.Op, n int) backend.Change {
			return backend.Change{Op: op, Kind: backend.KindDraftChange, ID: parts[n].ID}
		}
		f.mentions(f.refused(backend.ErrConflict, part(backend.OpRefresh, 1)), "secret b in dev no longer exists")
		f.must(part(backend.OpDelete, 1))
		f.must(part(backend.OpRefresh, 0))
		equal(f, "refreshed again", f.must(part(backend.OpRefresh, 0))[0].Action, backend.ActionUnchanged)
		f.refused(backend.ErrConflict, draft(backend.OpDeploy))
		f.must(draft(backend.OpRefresh))
		equal(f, "changes", f.stagedAs(),
			"update a (value); update c (description); update n (value); update u (description); create v (json)")
		f.must(draft(backend.OpDeploy))
		equal(f, "a", f.value(secretRef("dev", "a")), "2")
		equal(f, "n", f.value(secretRef("dev", "n")), "v")
		u := f.list(backend.Query{Kind: backend.KindSecretType, Project: project, Name: "u"})[0]
		equal(f, "type", u.Description, "x")
	}},
	{"a change that the draft has elsewhere is not stale", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "a", "1"))
		f.stage(secret("dev", "a", "2"))
		f.must(secret("dev", "other", "1"), described("x", environment("dev")))
		f.must(draft(backend.OpDeploy))
		equal(f, "a", f.value(secretRef("dev", "a")), "2")
	}},
	{"the creation that a later change needs is not left out", func(f *fixture) {
		f.environments("dev")
		f.stage(secret("dev", "s", "v"))
		f.stage(renamedTo(update("dev", "s"), "t"))
		parts := f.staged()
		equal(f, "changes", len(parts), 2)
		drop := func(n int) backend.Change {
			return backend.Change{Op: backend.OpDelete, Kind: backend.KindDraftChange, ID: parts[n].ID}
		}
		f.refused(backend.ErrInUse, drop(0))
		f.must(drop(1), drop(0))
		f.mentions(f.refused(backend.ErrInvalid, draft(backend.OpDeploy)), `draft "d" has no changes`)
		f.refused(backend.ErrNotFound, drop(0))
	}},
	{"the change that frees a place for a creation is not left out", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "old"))
		free := update("dev", "s")
		free.Op = backend.OpDelete
		f.stage(free)
		f.stage(secret("dev", "s", "new"))
		parts := f.staged()
		equal(f, "changes", f.stagedAs(), "delete s; create s (value)")
		f.refused(backend.ErrInUse, backend.Change{Op: backend.OpDelete, Kind: backend.KindDraftChange, ID: parts[0].ID})
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindDraftChange, ID: parts[1].ID})
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindDraftChange, ID: parts[0].ID})
		equal(f, "value", f.value(secretRef("dev", "s")), "old")
	}},
	{"two people stage into one draft", func(f *fixture) {
		f.environments("dev")
		var wait sync.WaitGroup
		failures := make([]error, 8)
		for i := range failures {
			wait.Go(func() {
				_, failures[i] = f.Apply(context.Background(), backend.ChangeSet{Draft: "d", Changes: []backend.Change{
					secret("dev", fmt.Sprint("s", i), "v"), described(fmt.Sprint("by ", i), environment("dev")),
				}})
			})
		}
		wait.Wait()
		for _, err := range failures {
			if err != nil {
				f.Fatal(err)
			}
		}
		equal(f, "changes", len(f.staged()), len(failures)+1)
		equal(f, "parts", len(f.must(draft(backend.OpDeploy))[0].Parts), len(failures)+1)
		equal(f, "secrets", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), len(failures))
	}},
	{"a draft is deployed once, even if the call is repeated", func(f *fixture) {
		f.environments("dev")
		stage := backend.ChangeSet{Draft: "d", IdempotencyKey: "stage", Changes: []backend.Change{secret("dev", "s", "v")}}
		f.apply(stage)
		f.apply(stage)
		equal(f, "changes", f.stagedAs(), "create s (value)")
		set := backend.ChangeSet{Changes: []backend.Change{draft(backend.OpDeploy)}, IdempotencyKey: "deploy"}
		first, second := f.apply(set), f.apply(set)
		equal(f, "outcomes", show(second), show(first))
		equal(f, "version", f.list(backend.Query{Kind: backend.KindSecret, Project: project})[0].Version, 1)
		stage.Draft = "e"
		f.rejects(backend.ErrConflict, stage)
	}},
	{"a draft keeps to the quota", func(f *fixture) {
		f.environments("dev")
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(2)}))
		f.stage(secret("dev", "a", "v"), secret("dev", "b", "v"))
		f.unstaged(backend.ErrQuota, secret("dev", "c", "v"))
		equal(f, "changes", len(f.staged()), 2)
		f.must(secret("dev", "x", "v"))
		before := f.contents()
		err := f.refused(backend.ErrQuota, draft(backend.OpDeploy))
		f.mentions(err, "max_secrets")
		equal(f, "contents", f.contents(), before)
		equal(f, "changes", len(f.staged()), 2)
		f.stage(policy(backend.PolicyChange{MaxSecrets: ptr(5)}))
		f.refused(backend.ErrQuota, draft(backend.OpDeploy)) // its changes are made in their order
		f.must(remove(backend.KindSecret, "dev", "x"))
		f.must(draft(backend.OpDeploy))
	}},
	{"a wrong change is not staged", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"), backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "other"},
			backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "other", Name: "dev"})
		elsewhere := secret("dev", "s", "v")
		elsewhere.Project = "other"
		of := func(op backend.Op, kind backend.Kind, name string) backend.Change {
			return backend.Change{Op: op, Kind: kind, Project: project, Environment: "dev", Name: name}
		}
		alone := func(op backend.Op, kind backend.Kind, name string) backend.Change {
			return backend.Change{Op: op, Kind: kind, Name: name}
		}
		one := func(c backend.Change) []backend.Change { return []backend.Change{c} }
		unknown := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: "01a21b0a-0b14-7bdd-8564-f5070951cdb5"}
		late := secret("dev", "s", "w")
		late.Expect = ptr(int64(7))
		for name, c := range map[string]struct {
			want    *backend.Error
			changes []backend.Change
		}{
			"no change":                {backend.ErrInvalid, nil},
			"a token":                  {backend.ErrInvalid, one(alone(backend.OpDelete, backend.KindToken, "t"))},
			"usages":                   {backend.ErrInvalid, one(alone(backend.OpSet, backend.KindUsage, "t"))},
			"a restoration":            {backend.ErrInvalid, one(of(backend.OpRestore, backend.KindSecret, "s"))},
			"a new project":            {backend.ErrNotFound, one(alone(backend.OpSet, backend.KindProject, "new"))},
			"a deleted project":        {backend.ErrInvalid, one(alone(backend.OpDelete, backend.KindProject, project))},
			"two projects":             {backend.ErrInvalid, []backend.Change{secret("dev", "s", "w"), elsewhere}},
			"a missing secret":         {backend.ErrNotFound, []backend.Change{update("dev", "none")}},
			"a missing id":             {backend.ErrNotFound, []backend.Change{unknown}},
			"a missing environment":    {backend.ErrNotFound, []backend.Change{secret("none", "s", "w")}},
			"an existing secret":       {backend.ErrExists, []backend.Change{created(secret("dev", "s", "w"))}},
			"a secret without a value": {backend.ErrInvalid, []backend.Change{of(backend.OpSet, backend.KindSecret, "n")}},
			"one of two":               {backend.ErrInvalid, []backend.Change{secret("dev", "s", "w"), secret("dev", "", "w")}},
			"another version":          {backend.ErrConflict, []backend.Change{late}},
		} {
			f.unstaged(c.want, c.changes...)
			if drafts := f.list(backend.Query{Kind: backend.KindDraft, Project: project}); len(drafts) > 0 {
				f.Fatalf("%s: a draft exists", name)
			}
		}
		for _, name := range []string{"-d", "a b", strings.Repeat("a", 300)} {
			f.rejects(backend.ErrInvalid, backend.ChangeSet{Draft: name, Changes: []backend.Change{secret("dev", "s", "w")}})
		}
		f.stage(secret("dev", "s", "w"))
		f.refused(backend.ErrInvalid, draft(backend.OpDeploy), secret("dev", "s", "x"))
		f.refused(backend.ErrInvalid, draft(backend.OpRestore))
		other := draft(backend.OpDeploy)
		other.Name = "e"
		f.mentions(f.refused(backend.ErrNotFound, other), `draft "e" does not exist`, "existing drafts: d")
		other.Name = ""
		f.mentions(f.refused(backend.ErrInvalid, other), "draft name is required")
		other = draft(backend.OpDeploy)
		other.Expect = ptr(int64(9))
		f.refused(backend.ErrConflict, other)
		if _, err := f.Query(context.Background(), backend.Query{Kind: backend.KindDraftChange, Project: project,
			Draft: "none"}); !errors.Is(err, backend.ErrNotFound) {
			f.Errorf("the changes of a missing draft: %v", err)
		}
		if _, err := f.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: project,
			Draft: "d"}); !errors.Is(err, backend.ErrInvalid) {
			f.Errorf("the secrets of a draft: %v", err)
		}
	}},
	{"a dry run stages nothing", func(f *fixture) {
		f.environments("dev")
		out := f.apply(backend.ChangeSet{Draft: "d", DryRun: true, Changes: []backend.Change{secret("dev", "s", "v"),
			update("dev", "none")}})
		equal(f, "action", out[0].Action, backend.ActionCreate)
		equal(f, "error", out[1].Err.Code, backend.CodeNotFound)
		equal(f, "drafts", len(f.list(backend.Query{Kind: backend.KindDraft, Project: project})), 0)
	}},
	{"a draft has a description and expires", func(f *fixture) {
		f.environments("dev")
		later := time.Now().AddDate(0, 0, 60).UTC().Truncate(time.Second)
		set := draft(backend.OpSet)
		set.Description, set.ExpiresAt = ptr("release 7"), &later
		equal(f, "action", f.must(set)[0].Action, backend.ActionCreate)
		f.stage(secret("dev", "s", "v"))
		d := f.list(backend.Query{Kind: backend.KindDraft, Project: project, Name: "d"})[0]
		equal(f, "description", d.Description, "release 7")
		equal(f, "expires", d.ExpiresAt, later)
		for _, bad := range []time.Time{{}, time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)} {
			set.ExpiresAt = &bad
			f.refused(backend.ErrInvalid, set)
		}
		f.must(renamedTo(draft(backend.OpUpdate), "e"))
		f.refused(backend.ErrNotFound, draft(backend.OpDeploy))
		f.stage(secret("dev", "t", "v"))
		f.refused(backend.ErrExists, renamedTo(draft(backend.OpUpdate), "e"))
	}},
	{"deleting an environment makes its changes stale, and purging it removes them", func(f *fixture) {
		f.environments("dev", "gone")
		f.must(secret("gone", "s", "v"))
		f.stage(secret("gone", "s", "w"), secret("gone", "n", "v"), secret("dev", "s", "v"))
		forced := remove(backend.KindEnvironment, "", "gone")
		forced.Force = true
		f.must(forced)
		f.refused(backend.ErrConflict, draft(backend.OpDeploy))
		f.must(backend.Change{Op: backend.OpRestore, Kind: backend.KindEnvironment, Project: project, Name: "gone"})
		equal(f, "changes", f.stagedAs(), "update s (value); create n (value); create s (value)")
		forced.Purge = true
		f.must(forced)
		equal(f, "changes", f.stagedAs(), "create s (value)")
		f.must(draft(backend.OpDeploy))
		equal(f, "value", f.value(secretRef("dev", "s")), "v")
	}},
	{"a creation in a deleted environment is not made in another one of its name", func(f *fixture) {
		f.environments("dev", "gone")
		f.stage(secret("gone", "n", "v"))
		f.must(remove(backend.KindEnvironment, "", "gone"))
		for range 2 {
			_, err := f.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{draft(backend.OpDeploy)}})
			if !errors.Is(err, backend.ErrNotFound) || backend.AsError(err).Message != `environment "gone" was deleted` {
				f.Errorf("deploying the draft gives %v", err)
			}
			f.environments("gone") // another one
		}
		equal(f, "secrets", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), 0)
	}},
	{"a draft can purge the environment that it changes", func(f *fixture) {
		f.environments("gone")
		f.must(secret("gone", "s", "v"))
		f.stage(secret("gone", "t", "w"))
		purge := remove(backend.KindEnvironment, "", "gone")
		purge.Force, purge.Purge = true, true
		f.stage(purge)
		f.must(draft(backend.OpDeploy))
		equal(f, "environments", len(f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})), 0)
	}},
	{"a project is removed with its drafts", func(f *fixture) {
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "other"})
		c := plain(backend.AnyEnvironment, "v", "1")
		c.Project = "other"
		env := backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "other", Name: "e"}
		f.apply(backend.ChangeSet{Draft: "d", Changes: []backend.Change{c, env}})
		gone := backend.Change{Op: backend.OpDelete, Kind: backend.KindProject, Name: "other"}
		f.must(gone)
		f.must(backend.Change{Op: backend.OpRestore, Kind: backend.KindProject, Name: "other"})
		equal(f, "changes", len(f.list(backend.Query{Kind: backend.KindDraftChange, Project: "other", Draft: "d"})), 2)
		gone.Purge = true
		f.must(gone)
	}},
	{"a deleted entry says how many files use it", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"), backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project,
			Name: "repo", Usages: []backend.Usage{
				{Kind: backend.KindSecret, Name: "s", Environment: "dev", File: "a.yaml", Line: 1},
				{Kind: backend.KindSecret, Name: "s", Environment: "dev", Scope: "app/x", File: "b.yaml", Line: 2},
			}})
		f.unstaged(backend.ErrInUse, remove(backend.KindSecret, "dev", "s"))
		c := remove(backend.KindSecret, "dev", "s")
		c.Force = true
		f.stage(c)
		equal(f, "files", f.staged()[0].Staged.Files, 2)
		equal(f, "force", f.staged()[0].Staged.Force, true)
	}},
	{"a value is generated when its draft is deployed", func(f *fixture) {
		f.environments("dev")
		f.stage(backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: "s",
			Generate: &backend.Generate{Length: 20}})
		equal(f, "changes", f.stagedAs(), "create s (value)")
		f.must(draft(backend.OpDeploy))
		equal(f, "length", len(f.value(secretRef("dev", "s"))), 20)
	}},
	{"a draft has a limited number of changes", func(f *fixture) {
		changes := make([]backend.Change, 0, backend.MaxDraftChanges+1)
		for i := range backend.MaxDraftChanges + 1 {
			changes = append(changes, plain(backend.AnyEnvironment, fmt.Sprint("v", i), "1"))
		}
		f.mentions(f.unstaged(backend.ErrTooLarge, changes...), "more than 2000 changes")
		for i := range backend.MaxDrafts {
			f.apply(backend.ChangeSet{Draft: fmt.Sprint("n", i), Changes: changes[:1]})
		}
		f.mentions(f.unstaged(backend.ErrQuota, changes[0]), "the limit is 50")
	}},
}
