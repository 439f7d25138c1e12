// SPDX-License-Identifier: MPL-2.0

package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// absent is a backend that does not exist yet.
type absent struct {
	backend.Service
	created int
}

func (*absent) Location() string { return "/data/shop" }

func (a *absent) Exists() bool { return a.created > 0 }

func (a *absent) Create(context.Context) error {
	a.created++
	return nil
}

// A creation creates the backend, unless this run has seen an object of another one: then the state is not new, and the
// folder is the wrong one or lost. An apply with -refresh=false has no other sign of that.
func TestNoBackendIsCreatedBesideAState(t *testing.T) {
	fresh := &absent{}
	if err := session.New(fresh, "default", "shop").CreateBackend(t.Context()); err != nil || fresh.created != 1 {
		t.Errorf("for a new state, %d backends are created (%v)", fresh.created, err)
	}
	lost := &absent{}
	s := session.New(lost, "default", "shop")
	const deployment = "01890a5d-ac96-774b-bcce-b302099a8057"
	if err := s.Expect(t.Context(), deployment); !errors.Is(err, backend.ErrNotFound) {
		t.Errorf("the object of the state returns %v", err)
	}
	err := s.CreateBackend(t.Context())
	if lost.created != 0 || !errors.Is(err, backend.ErrNotFound) || !strings.Contains(err.Error(), deployment) ||
		!strings.Contains(err.Error(), "/data/shop") {
		t.Errorf("beside the state, %d backends are created (%v)", lost.created, err)
	}
}
