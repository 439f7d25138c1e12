// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A project whose policy notes or refuses duplicates has a tag of the current value of each secret: 64 bits of an HMAC
// under a key of the deployment. Equal values have equal tags. Anyone who can read the database sees which secrets have
// the same value, and nothing else of the values. The link of the row holds the tag, because a secret has no link, and
// links have an index.
//
// A principal learns of a secret that it may see whether it has a given value. For a value that the principal may not
// have, that is a guess: see comparisons.go. The guesses of a project are counted together. Those of sets that are
// committed count too, because they do not replace the value of the other secret.

// ValueTag returns the same bytes for equal values of a project.
type ValueTag func(ctx context.Context, project string, value []byte) ([]byte, error)

// tagPrefix begins the link of a secret with a tag. No name of a secret can begin with it.
const tagPrefix = "tag:"

// tagValue sets the tag of a secret that gets a new value. It returns the labels of other secrets with that value, or
// refuses the value, as the policy says.
func (r *run) tagValue(c backend.Change, e *entry, version *newVersion) ([]string, error) {
	if version == nil || version.plaintext == nil {
		return nil, nil // the value stays, or a dry run does not know it
	}
	policy := e.in.policy.Duplicates
	if policy == "" || r.engine.valueTag == nil {
		e.row.Link = ""
		return nil, nil
	}
	var err error
	if e.row.Link, err = r.tagOf(e.in, version.plaintext, version.in.isJSON()); err != nil {
		return nil, err
	}
	if !r.mayAskFor(c, e) {
		return nil, nil
	}
	same, err := r.withTag(e, owner(c, e.attr))
	if err != nil || len(same) == 0 {
		return nil, err
	}
	if policy == backend.DuplicatesRefused {
		return nil, backend.Errorf(backend.CodeInvalid, "secret %q would have the same value as %s", e.row.Name,
			backend.Enumerate(same)).
			WithHint("choose another value, or change or delete the other secret first (with Terraform, in an earlier apply); "+
				"the policy of project %q refuses duplicates: pouncet project set %[1]s --duplicates allow", e.in.row.Name).
			At("value")
	}
	return same, nil
}

// hasPlace reports whether a secret is in the place of another one, or was before it was displaced.
func hasPlace(o, other store.Object) bool {
	return shownName(o) == other.Name && o.Environment == other.Environment && o.Scope == other.Scope
}

func (r *run) tagOf(in *project, value []byte, isJSON bool) (string, error) {
	form := "text"
	if text, ok := backend.CanonicalJSON(value); isJSON && ok {
		form, value = "json", text
	}
	tag, err := r.engine.valueTag(r.ctx, in.row.ID, append([]byte(form+"\x00"), value...))
	return tagPrefix + hex.EncodeToString(tag), err
}

// mayAskFor reports whether the answer may tell the principal which secrets have the new value: it has given the value,
// or it may have the values of the secret.
func (r *run) mayAskFor(c backend.Change, e *entry) bool {
	s := r.step()
	if s.sealed {
		return r.knowsStaged(e.in, s.part)
	}
	return e.known || !e.exists || c.Value.Len() > 0 && c.Generate == nil
}

// withTag returns the labels of the other secrets that have the tag of an entry, as far as the principal may know. It
// leaves out a secret of the same owner whose place this change takes: its own deletion, or its own move, follows.
func (r *run) withTag(e *entry, by string) ([]string, error) {
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindSecret, Project: e.in.row.ID, Link: e.row.Link})
	if err != nil {
		return nil, err
	}
	var known, guessed []string
	for _, o := range rows {
		if o.ID == e.row.ID || o.Untrusted != nil || !r.access.seesRow(e.in, o) {
			continue
		}
		a, err := decodeAttributes(o)
		if err != nil {
			return nil, err
		}
		if by != "" && a.ManagedBy == by && hasPlace(o, e.row) {
			continue
		}
		if r.knowsValue(e.in, o, a.Visibility) {
			known = append(known, label(e.in, o))
		} else {
			guessed = append(guessed, label(e.in, o))
		}
	}
	if !r.guesses.hasAll() && len(known) == 0 {
		r.guesses.kept[e.in.row.ID] = true
		right, err := r.guess(e.in.row.ID, func() bool { return len(guessed) > 0 })
		if err != nil || !right {
			return nil, err
		}
		known = guessed
	}
	if n := len(known); n > backend.MaxSameValue {
		known = append(known[:backend.MaxSameValue], fmt.Sprintf("%d others", n-backend.MaxSameValue))
	}
	return known, nil
}

// tagValues gives each secret of a project a tag, also those that were deleted and can be restored. It removes the tags
// if the policy allows duplicates. A value that cannot be decrypted gets no tag.
func (r *run) tagValues(projectID string) error {
	if r.engine.valueTag == nil {
		return nil
	}
	in, err := r.project(projectID)
	if err != nil {
		return err
	}
	var waits error
	for _, kind := range []backend.Kind{backend.KindSecret, deletedAs(backend.KindSecret), keptAs(backend.KindSecret)} {
		rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: in.row.ID})
		if err != nil {
			return err
		}
		if in.policy.Duplicates != "" && len(rows) > backend.MaxComparedSecrets {
			return backend.Errorf(backend.CodeTooLarge, "project %q has more than %d secrets, too many to compare their values",
				in.row.Name, backend.MaxComparedSecrets).At("duplicates")
		}
		for _, o := range rows {
			switch err := r.retag(in, o); {
			case errors.Is(err, errNotReady):
				waits = err // continue, so that all missing keys are fetched together
			case err != nil:
				return err
			}
		}
	}
	return waits
}

// retag gives one secret the tag that the policy of its project wants.
func (r *run) retag(in *project, o store.Object) error {
	if o.Untrusted != nil {
		return nil
	}
	tag := ""
	if in.policy.Duplicates != "" {
		versions, err := r.tx.Versions(r.ctx, []store.VersionKey{keyOf(o)})
		if err != nil || len(versions) == 0 {
			return err
		}
		value, err := r.openForComparison(in, o, versions[0])
		switch {
		case err != nil && backend.AsError(err).Code == backend.CodeCorrupt:
			return nil
		case err != nil:
			return err
		}
		if tag, err = r.tagOf(in, value, versions[0].IsJSON()); err != nil {
			return err
		}
	}
	if o.Link == tag {
		return nil
	}
	_, err := r.move(o, func(o *store.Object, _ *attributes) { o.Link = tag })
	return err
}
