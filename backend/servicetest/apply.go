// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

var applyCases = []testCase{
	{"if one change of a set is refused, nothing changes and every refusal is reported", func(f *fixture) {
		f.environments("dev")
		out, err := f.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
			secret("dev", "good", "v"), secret("dev", "-bad", "v"), secret("nowhere", "s", "v"), secret("dev", "also-good", "v"),
		}})
		if err == nil || len(out) != 4 {
			f.Fatalf("%d outcomes, error %v", len(out), err)
		}
		f.mentions(backend.AsError(err), "2 of 4", "-bad", "nowhere")
		for i, broken := range []bool{false, true, true, false} {
			equal(f, fmt.Sprintf("change %d refused", i), out[i].Err != nil, broken)
		}
		equal(f, "secrets after the refusal", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), 0)
	}},
	{"one set creates a project and everything in it", func(f *fixture) {
		inside := func(c backend.Change) backend.Change { c.Project = "shop"; return c }
		set := []backend.Change{
			{Op: backend.OpCreate, Kind: backend.KindProject, Name: "shop", Description: ptr("the shop")},
			inside(environment("prod")),
			inside(backend.Change{Op: backend.OpCreate, Kind: backend.KindSecretType, Name: "word",
				Schema: []byte(`{"type":"string","minLength":2}`)}),
			inside(typed("word", secret("prod", "a", "aa"))),
			inside(secret("*", "b", "bb")),
			inside(link("prod", "l", "a", "")),
		}
		for i, o := range f.dry(set...) {
			if o.Err != nil || o.Action != backend.ActionCreate {
				f.Errorf("dry run, change %d: %s %v", i, o.Action, o.Err)
			}
		}
		f.must(set...)
		ref := valueRef("prod", "l")
		ref.Project = "shop"
		equal(f, "value", f.value(ref), "aa")
		ref = secretRef("prod", "b")
		ref.Project = "shop"
		equal(f, "shared", f.value(ref), "bb")
	}},
	{"a dry run returns the outcomes and changes nothing", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "same", "v"), secret("dev", "other", "v"), secret("dev", "gone", "v"))
		before := show(f.list(backend.Query{Kind: backend.KindSecret, Project: project}))
		out := f.dry(secret("dev", "same", "v"), secret("dev", "other", "w"), secret("dev", "new", "v"),
			remove(backend.KindSecret, "dev", "gone"), secret("dev", "-bad", "v"), secret("dev", "other", "x"))
		for i, want := range []backend.Action{backend.ActionUnchanged, backend.ActionUpdate, backend.ActionCreate,
			backend.ActionDelete, "", backend.ActionUpdate} {
			equal(f, fmt.Sprintf("action %d", i), out[i].Action, want)
		}
		equal(f, "changed", strings.Join(out[1].Changed, ","), "value")
		if out[4].Err == nil || !errors.Is(out[4].Err, backend.ErrInvalid) {
			f.Errorf("change 4: error %v, want code invalid", out[4].Err)
		}
		equal(f, "objects after the dry run", show(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), before)
		equal(f, "value", f.value(secretRef("dev", "other")), "v")
	}},
	{"create fails for an existing object; update and delete fail for a missing one", func(f *fixture) {
		f.environments("dev")
		c := secret("dev", "s", "v")
		c.Op = backend.OpUpdate
		f.refused(backend.ErrNotFound, c)
		c.Op = backend.OpCreate
		o := f.must(c)[0].Object
		f.mentions(f.refused(backend.ErrExists, c), o.ID)
		f.refused(backend.ErrNotFound, remove(backend.KindSecret, "dev", "t"))
		f.refused(backend.ErrNotFound, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret,
			ID: "01890a5d-ac96-774b-bcce-b302099a8057"})
	}},
	{"an entry cannot move, but its project and environment can be renamed", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "other"})
		o := f.must(secret("dev", "s", "v"))[0].Object
		at := func(p, environment, scope string) backend.Change {
			return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: o.ID, Project: p, Environment: environment,
				Scope: scope}
		}
		equal(f, "attribute", f.refused(backend.ErrImmutable, at(project, "dev", "app/x")).Attribute, "scope")
		equal(f, "attribute", f.refused(backend.ErrImmutable, at(project, "prod", "")).Attribute, "environment")
		equal(f, "attribute", f.refused(backend.ErrImmutable, at("other", "", "")).Attribute, "project")
		f.refused(backend.ErrNotFound, at("nowhere", "", ""))
		e := f.must(environment("dev"))[0].Object
		equal(f, "attribute",
			f.refused(backend.ErrImmutable, backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, ID: e.ID,
				Project: "other"}).Attribute, "project")
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, ID: e.ID, Rename: ptr("live")},
			at(project, "live", backend.ProjectScope))
	}},
	{"a repeated set with the same idempotency key is applied once", func(f *fixture) {
		f.environments("dev")
		set := backend.ChangeSet{Changes: []backend.Change{secret("dev", "s", "v")}, IdempotencyKey: "key-1"}
		set.Changes[0].Op = backend.OpCreate
		first, err := f.Apply(context.Background(), set)
		if err != nil {
			f.Fatal(err)
		}
		again, err := f.Apply(context.Background(), set)
		if err != nil {
			f.Fatalf("repeating the set: %v", err)
		}
		equal(f, "outcome", show(again), show(first))
		set.Changes[0].Name = "t"
		if _, err := f.Apply(context.Background(), set); !errors.Is(err, backend.ErrConflict) {
			f.Errorf("another set with the same key: %v", err)
		}
	}},
	{"an idempotency key of a login or a session is refused", func(f *fixture) {
		f.environments("dev")
		for _, key := range []string{"login ", "login 6f", "ended ", "ended 6f", "began ", "began 6f"} {
			set := backend.ChangeSet{Changes: []backend.Change{secret("dev", "s", "v")}, IdempotencyKey: key}
			_, err := f.Apply(context.Background(), set)
			if !errors.Is(err, backend.ErrInvalid) || backend.AsError(err).Attribute != "idempotency_key" {
				f.Errorf("the key %q gives %v", key, err)
			}
		}
		for name, key := range map[string]string{"a": "login", "b": "Login 6f", "c": "ended-6f", "d": "began"} {
			set := backend.ChangeSet{Changes: []backend.Change{secret("dev", name, "v")}, IdempotencyKey: key}
			if _, err := f.Apply(context.Background(), set); err != nil {
				f.Errorf("the key %q gives %v", key, err)
			}
		}
	}},
	{"no write of concurrent writers is lost", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "counter", "0"))
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for n := range 5 {
					if _, err := f.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
						secret("dev", "counter", fmt.Sprintf("%d-%d", w, n)), secret("dev", fmt.Sprintf("own-%d", w), fmt.Sprint(n)),
					}}); err != nil {
						f.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		equal(f, "version", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "counter"})[0].Version, 21)
		for w := range 4 {
			equal(f, "last value of the writer", f.value(secretRef("dev", fmt.Sprintf("own-%d", w))), "4")
		}
	}},
	{"a token is created from its hash and can be deleted", func(f *fixture) {
		c := backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "ci", Role: ptr(backend.RoleRuntime),
			TokenHash: bytes.Repeat([]byte{7}, 32)}
		o := f.must(c)[0].Object
		equal(f, "role", o.Role, backend.RoleRuntime)
		f.refused(backend.ErrExists, c)
		again := backend.Change{Op: backend.OpSet, Kind: backend.KindToken, ID: o.ID, Role: c.Role, TokenHash: c.TokenHash}
		f.mentions(f.refused(backend.ErrExists, again), `token "ci" already exists`)
		c.Name, c.TokenHash = "short", []byte{1}
		f.refused(backend.ErrInvalid, c)
		c.TokenHash, c.Role = make([]byte, 32), ptr(backend.Role("god"))
		f.refused(backend.ErrInvalid, c)
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "ci"})
		equal(f, "tokens after the deletion", len(f.list(backend.Query{Kind: backend.KindToken, Name: "ci"})), 0)
	}},
	{"a token expires after 90 days, unless its creation says otherwise", func(f *fixture) {
		for name, c := range map[string]struct {
			at   *time.Time
			want time.Duration
		}{
			"default": {nil, 90 * 24 * time.Hour}, "an hour": {ptr(time.Now().Add(time.Hour)), time.Hour},
			"never": {&time.Time{}, 0},
		} {
			o := f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: strings.ReplaceAll(name, " ", "-"),
				Role: ptr(backend.RoleViewer), TokenHash: access.HashToken(name), ExpiresAt: c.at})[0].Object
			switch until := time.Until(o.ExpiresAt); {
			case c.want == 0 && !o.ExpiresAt.IsZero():
				f.Errorf("%s: it expires at %v", name, o.ExpiresAt)
			case c.want != 0 && (until-c.want).Abs() > 10*time.Minute:
				f.Errorf("%s: it expires in %v", name, until)
			}
		}
	}},
	{"a token has source ranges, which never change", func(f *fixture) {
		c := backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "near", Role: ptr(backend.RoleViewer),
			TokenHash: access.HashToken("near")}
		for _, wrong := range [][]string{{}, {""}, {"10.0.0.1/8"}, {"10.0.0.0/33"}, {"host"},
			{"10.0.0.0/8", "::ffff:10.0.0.0/104"}, {"fe80::1%eth0"},
			slices.Repeat([]string{"10.0.0.0/8"}, backend.MaxSourceRanges+1)} {
			c.SourceRanges = wrong
			_, err := f.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}})
			if e := backend.AsError(err); err == nil || e.Attribute != "source_ranges" ||
				!errors.Is(err, backend.ErrInvalid) && !errors.Is(err, backend.ErrTooLarge) {
				f.Errorf("ranges %q: %v", wrong, err)
			}
		}
		c.SourceRanges = []string{"10.0.0.0/8", "192.0.2.1", "2001:DB8::/32", "192.0.2.1/32"}
		equal(f, "ranges", strings.Join(f.must(c)[0].Object.SourceRanges, " "), "10.0.0.0/8 192.0.2.1/32 2001:db8::/32")
		equal(f, "listed", len(f.list(backend.Query{Kind: backend.KindToken, Name: "near"})[0].SourceRanges), 3)
		f.mentions(f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpUpdate, Kind: backend.KindToken, Name: "near",
			SourceRanges: []string{"0.0.0.0/0"}}), "cannot be changed")
		f.mentions(f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment,
			Project: project, Name: "dev", SourceRanges: []string{"10.0.0.0/8"}}), "source_ranges")
	}},
	{"too many changes or references in one call are refused", func(f *fixture) {
		if _, err := f.Apply(context.Background(),
			backend.ChangeSet{Changes: make([]backend.Change, backend.MaxChanges+1)}); !errors.Is(err, backend.ErrTooLarge) {
			f.Errorf("changes: %v", err)
		}
		if _, err := f.Resolve(context.Background(), make([]backend.Ref, backend.MaxRefs+1)); !errors.Is(err,
			backend.ErrTooLarge) {
			f.Errorf("references: %v", err)
		}
	}},
}
