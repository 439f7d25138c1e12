// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// The limits of bindings and tokens hold for the whole backend. A caller who may bind at some places only has a part
// of them, because nobody could bind any more if it used up all.

// checkNewBinding refuses a binding if another one gives the same, or if the part of the limit of the caller is used
// up. Another one of the same owner may give the same until its own deletion.
func (r *run) checkNewBinding(g backend.Grant, bindings []store.Object, owner string) error {
	inProject := 0
	for _, row := range bindings {
		if row.Untrusted != nil {
			continue // it gives nothing
		}
		other, err := r.cached.grantOf(row)
		if err != nil {
			return err
		}
		if other == g { // the caller manages it: it gives the same rights
			mine, err := areOwnedBy(owner, row)
			if err != nil {
				return err
			}
			if !mine {
				return backend.Errorf(backend.CodeExists, "binding %s gives the same", backend.Quote(row.Name)).
					WithHint("keep that one, or delete it first").At("grant")
			}
		}
		if other.Where.Project == g.Where.Project {
			inProject++
		}
	}
	if r.access.Everywhere(backend.RightBind) {
		return nil
	}
	return checkReservedBindings(g.Where.Project, inProject, len(bindings))
}

// checkTakenBinding is checkNewBinding for a binding that takes over another one, which gives something else from then
// on. In the same project, it needs no further place.
func (r *run) checkTakenBinding(c backend.Change, row store.Object, before, after attributes) error {
	rows, err := r.accessRows(backend.KindBinding)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(rows), func(o store.Object) bool { return o.ID == row.ID })
	err = r.checkNewBinding(*after.Grant, others, owner(c, after))
	stays := before.Grant != nil && before.Grant.Where.Project == after.Grant.Where.Project
	if stays && errors.Is(err, backend.ErrQuota) {
		return nil
	}
	return err
}

// checkReservedBindings refuses a binding of a caller who may not bind everywhere, beyond its part of the limit.
func checkReservedBindings(project string, inProject, all int) error {
	switch {
	case inProject >= backend.MaxProjectBindings && project == "":
		return errReserved("the bindings for all projects have", backend.MaxProjectBindings)
	case inProject >= backend.MaxProjectBindings:
		return errReserved("the bindings of a project have", backend.MaxProjectBindings)
	case all >= backend.MaxBindings-backend.ReservedBindings:
		return errReserved("the bindings of the backend have", backend.MaxBindings-backend.ReservedBindings)
	}
	return nil
}

func errReserved(what string, most int) error {
	return backend.Errorf(backend.CodeQuota, "%s reached the limit of %d for callers who may not bind everywhere", what,
		most).WithHint("delete some, or use a token with role %q", backend.RoleAdmin).At("name")
}

// checkNewToken refuses a token beyond the limits.
func (r *run) checkNewToken(tokens []store.Token) error {
	made := 0
	for _, t := range tokens {
		if madeBy(t) == r.access.principal.Budget() {
			made++
		}
	}
	return checkTokens(r.access.Everywhere(backend.RightBind), made, len(tokens))
}

// checkTokens refuses a token of a caller who has made others.
func checkTokens(everywhere bool, made, all int) error {
	switch {
	case all >= backend.MaxTokens:
		return backend.Errorf(backend.CodeQuota, "the backend already has %d tokens, which is the limit", backend.MaxTokens).
			WithHint("delete some: pouncet token list").At("name")
	case everywhere:
		return nil
	case made >= backend.MaxMadeTokens:
		return errReserved("the tokens that you made have", backend.MaxMadeTokens)
	case all >= backend.MaxTokens-backend.ReservedTokens:
		return errReserved("the tokens of the backend have", backend.MaxTokens-backend.ReservedTokens)
	}
	return nil
}
