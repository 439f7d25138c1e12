// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func duplicates(d backend.Duplicates) backend.Change {
	return policy(backend.PolicyChange{Duplicates: &d})
}

var duplicateCases = []testCase{
	{"a project can note equal values", func(f *fixture) {
		f.environments("dev", "prod")
		conn := word("conn")
		conn.Schema = json.RawMessage(`{"type":"object"}`)
		f.must(conn, secret("dev", "a", "same"), typed("conn", secret("dev", "j", `{"a":1,"b":2}`)))
		equal(f, "without the policy", same(f.must(secret("prod", "b", "same"))), "")
		equal(f, "changed", strings.Join(f.must(duplicates(backend.DuplicatesNoted))[0].Changed, " "), "duplicates")
		equal(f, "set before the policy", same(f.must(secret("prod", "c", "same"))), "secret a in dev, secret b in prod")
		equal(f, "dry run", same(f.dry(secret("prod", "x", "same"))),
			"secret a in dev, secret b in prod, secret c in prod")
		equal(f, "another value", same(f.must(secret("prod", "d", "other"))), "")
		equal(f, "JSON", same(f.must(typed("conn", secret("prod", "j", `{ "b":2, "a":1 }`)))), "secret j in dev")
		equal(f, "text", same(f.must(secret("prod", "t", `{"a":1,"b":2}`))), "")
		f.must(secret("dev", "a", "new"), remove(backend.KindSecret, "prod", "b"))
		equal(f, "current values", same(f.must(secret("dev", "e", "same"))), "secret c in prod")
		f.must(restore(backend.KindSecret, "prod", "b"))
		equal(f, "with a restored one", same(f.must(secret("dev", "f", "same"))),
			"secret b in prod, secret c in prod, secret e in dev")
		equal(f, "the same again", same(f.must(secret("dev", "f", "same"))), "")
		f.must(duplicates(backend.DuplicatesAllowed))
		equal(f, "allowed", same(f.must(secret("dev", "g", "same"))), "")
		p := f.list(backend.Query{Kind: backend.KindProject, Name: project})[0]
		equal(f, "policy", p.Policy.Duplicates, "")
		equal(f, "attribute", f.refused(backend.ErrInvalid, duplicates("never")).Attribute, "duplicates")
	}},
	{"a project can refuse equal values", func(f *fixture) {
		f.environments("dev", "prod")
		f.must(secret("dev", "a", "same"), secret("prod", "a", "same"), duplicates(backend.DuplicatesRefused))
		before := f.contents()
		err := f.refused(backend.ErrInvalid, secret("dev", "b", "same"))
		f.mentions(err, `secret "b" would have the same value as secret a in dev, secret a in prod`, "--duplicates allow")
		equal(f, "attribute", err.Attribute, "value")
		equal(f, "dry run", f.dry(secret("dev", "b", "same"))[0].Err.Code, backend.CodeInvalid)
		f.refused(backend.ErrInvalid, secret("dev", "x", "twice"), secret("dev", "y", "twice"))
		f.unstaged(backend.ErrInvalid, secret("dev", "b", "same"))
		equal(f, "contents", f.contents(), before)
		f.stage(secret("dev", "b", "later"))
		f.must(secret("dev", "c", "later"))
		_, failed := f.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{draft(backend.OpDeploy)}})
		equal(f, "deployed", errors.Is(failed, backend.ErrInvalid), true)
		f.must(remove(backend.KindSecret, "dev", "c"))
		f.must(draft(backend.OpDeploy))
		f.must(secret("dev", "a", "next"), secret("prod", "a", "one"))
		back := update("dev", "a")
		back.FromVersion = ptr("1")
		f.must(back)
		back = update("prod", "a")
		back.FromVersion = ptr("1")
		f.refused(backend.ErrInvalid, back)
		other := backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "other"}
		env := environment("dev")
		env.Project = "other"
		elsewhere := secret("dev", "a", "next")
		elsewhere.Project = "other"
		f.must(other, env, elsewhere)
	}},
	{"a secret that takes the place of one of the same owner is no duplicate of it", func(f *fixture) {
		f.environments("dev")
		f.must(duplicates(backend.DuplicatesRefused))
		old := f.one(mine(secret("dev", "a", "one"))).Object
		f.must(mine(secret("dev", "b", "two")))
		f.must(secret("dev", "c", "three"))
		f.refused(backend.ErrInvalid, mine(secret("dev", "a", "two")))
		f.refused(backend.ErrInvalid, mine(secret("dev", "a", "three")))
		equal(f, "displaced", f.one(mine(secret("dev", "a", "one"))).Displaced.ID, old.ID)
		f.refused(backend.ErrInvalid, mine(secret("dev", "d", "one")))
		f.one(gone(old))
		f.refused(backend.ErrInvalid, mine(secret("dev", "d", "one")))
	}},
}

// same returns the secrets that have the value of the only change.
func same(outcomes []backend.Outcome) string { return strings.Join(outcomes[0].SameValue, ", ") }
