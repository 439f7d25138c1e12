// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// ownBindings are what gives the token of the provider its rights, as it was before the apply.
type ownBindings struct {
	once     sync.Once
	token    string
	bindings []backend.Object
}

// OwnBindings returns the name of the token or session of the provider, and the bindings for it, for its trust and for
// its groups. It returns none for a token with a role, and for one that may not see them.
func (s *Session) OwnBindings(ctx context.Context) (token string, bindings []backend.Object) {
	own := &s.ownBindings
	own.once.Do(func() {
		self, err := s.Service.Query(ctx, backend.Query{Kind: backend.KindToken, Self: true})
		if err != nil || len(self.Objects) == 0 || self.Objects[0].Role != backend.RoleNone {
			return
		}
		own.token = self.Objects[0].Name
		to := []string{backend.ToToken + own.token}
		if trust, _, isSession := strings.Cut(own.token, "/"); isSession { // no token has a / in its name
			to = []string{backend.ToTrust + trust, backend.ToTrust + own.token}
		}
		groups, _ := backend.ListAll(ctx, s.Service, backend.Query{Kind: backend.KindGroup})
		for _, g := range groups {
			if slices.ContainsFunc(g.Members, func(m string) bool { return slices.Contains(to, m) }) {
				to = append(to, backend.ToGroup+g.Name)
			}
		}
		all, _ := backend.ListAll(ctx, s.Service, backend.Query{Kind: backend.KindBinding})
		for _, b := range all {
			if b.Grant != nil && slices.Contains(to, b.Grant.To) {
				own.bindings = append(own.bindings, b)
			}
		}
	})
	return own.token, own.bindings
}

// CheckSight returns an error if the token of the provider has rights only at some places, and does not see the project
// with a name or id. To Terraform, everything in the project would seem to be deleted, and would leave the state.
func (s *Session) CheckSight(ctx context.Context, project string) error {
	if project == "" {
		return nil
	}
	token, _ := s.OwnBindings(ctx)
	if token == "" {
		return nil
	}
	page, err := s.Service.Query(ctx, backend.Query{Kind: backend.KindProject, Name: project})
	if err == nil && len(page.Objects) > 0 {
		return nil
	}
	return backend.Errorf(backend.CodeDenied, "token %q does not see project %q, so it cannot tell whether the object "+
		"still exists", token, project).
		WithHint("use a token that has a right in the project; if the project was deleted, run: terraform state rm ADDRESS")
}
