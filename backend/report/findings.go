// SPDX-License-Identifier: MPL-2.0

package report

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// about returns a finding about a secret.
func about(o backend.Object, kind Kind) Finding {
	return Finding{Kind: kind, Name: o.Name, Environment: o.Environment, Scope: o.Scope, ID: o.ID,
		LastResolvedAt: o.LastResolvedAt, LastResolvedBy: o.LastResolvedBy}
}

// dueFindings lists the secrets that have expired, that expire soon, and whose rotation is due.
func dueFindings(secrets []backend.Object, now time.Time, expiresIn time.Duration) []Finding {
	var out []Finding
	add := func(kind Kind, o backend.Object, at time.Time) {
		f := about(o, kind)
		f.At = at
		out = append(out, f)
	}
	for _, o := range secrets {
		switch {
		case o.ExpiresBy(now):
			add(Expired, o, o.ExpiresAt)
		case o.ExpiresBy(now.Add(expiresIn)):
			add(Expiring, o, o.ExpiresAt)
		}
		if o.RotationDueBy(now) {
			add(RotationDue, o, o.RotationDueAt)
		}
	}
	return out
}

// missingFindings lists the names that some environments have, and others do not see. A reference in the scope of the
// name would be an error there.
func missingFindings(secrets, environments []backend.Object) []Finding {
	type key struct{ name, scope string }
	has := map[key]map[string]bool{}
	for _, o := range secrets {
		k := key{o.Name, o.Scope}
		if has[k] == nil {
			has[k] = map[string]bool{}
		}
		has[k][o.Environment] = true
	}
	var out []Finding
	for k := range has {
		for _, e := range environments {
			seen := slices.ContainsFunc(backend.LookupOrder(k.scope, e.Name), func(p backend.Visible) bool {
				return has[key{k.name, p.Scope}][p.Environment]
			})
			if !seen {
				out = append(out, Finding{Kind: Missing, Name: k.name, Environment: e.Name, Scope: k.scope})
			}
		}
	}
	return out
}

// inNoFileFindings lists the secrets that no registered file uses, directly or through a scoped value.
func inNoFileFindings(secrets, values, usages []backend.Object) []Finding {
	used := map[backend.Kind]map[string][]backend.Usage{backend.KindSecret: {}, backend.KindScopedValue: {}}
	for _, o := range usages {
		if u := o.Usage; u != nil && used[u.Kind] != nil {
			used[u.Kind][u.Name] = append(used[u.Kind][u.Name], *u)
		}
	}
	for _, v := range values {
		if v.Link == nil {
			continue
		}
		for _, u := range used[backend.KindScopedValue][v.Name] {
			if sees(u, v) {
				used[backend.KindSecret][v.Link.Secret] = append(used[backend.KindSecret][v.Link.Secret], u)
			}
		}
	}
	var out []Finding
	for _, o := range secrets {
		if !slices.ContainsFunc(used[backend.KindSecret][o.Name], func(u backend.Usage) bool { return sees(u, o) }) {
			out = append(out, about(o, InNoFile))
		}
	}
	return out
}

// sees reports whether a usage can mean an entry of its name.
func sees(u backend.Usage, o backend.Object) bool {
	return (o.Environment == u.Environment || o.Environment == backend.AnyEnvironment) &&
		(o.Scope == cmp.Or(u.Scope, backend.ProjectScope) || o.Scope == backend.ProjectScope)
}

// sameValueFindings compares the values of secrets by their fingerprints, under a key that nobody else has. The backend
// gives none for a value that the caller may not have, so that nothing is learned of it.
func sameValueFindings(
	ctx context.Context, s backend.Service, secrets []backend.Object,
) (out []Finding, notCompared int, err error) {
	key := make([]byte, backend.FingerprintKeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, 0, backend.Errorf(backend.CodeInternal, "drawing random numbers: %w", err)
	}
	groups := map[string][]backend.Object{}
	for part := range slices.Chunk(secrets, backend.MaxPage) {
		set := backend.ChangeSet{DryRun: true, FingerprintKey: key}
		for _, o := range part {
			set.Changes = append(set.Changes, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: o.ID})
		}
		outcomes, err := s.Apply(ctx, set)
		if errors.Is(err, backend.ErrDenied) {
			return nil, len(secrets), nil
		}
		if err != nil {
			return nil, 0, err
		}
		for i, o := range outcomes {
			if len(o.Fingerprint) == 0 {
				notCompared++
				continue
			}
			groups[string(o.Fingerprint)] = append(groups[string(o.Fingerprint)], part[i])
		}
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		for _, o := range group {
			f := about(o, SameValue)
			f.OthersTotal = len(group) - 1
			for _, other := range group {
				if other.ID != o.ID && len(f.Others) < mostOthers {
					f.Others = append(f.Others, Secret{other.Name, other.Environment, other.Scope, other.ID})
				}
			}
			out = append(out, f)
		}
	}
	return out, notCompared, nil
}
