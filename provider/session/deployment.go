// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"os"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// acceptDeployment is the environment variable that lets one run go on with another backend than the state has.
const acceptDeployment = "POUNCET_ACCEPT_DEPLOYMENT"

// Uncreated is a backend that may not exist yet. Until it exists, it answers as a new one would. Package open has one.
type Uncreated interface {
	backend.Service
	// Location returns the folder of the backend.
	Location() string
	// Exists reports whether the backend exists by now.
	Exists() bool
	// Create creates the backend, unless it exists.
	Create(ctx context.Context) error
}

// Deployment returns the id of the backend, or "" if it does not tell. The first call asks the backend.
func (s *Session) Deployment(ctx context.Context) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deployment != "" {
		return s.deployment
	}
	page, err := s.Service.Query(ctx, backend.Query{Kind: backend.KindProject, Limit: 1})
	if err != nil {
		return "" // the call that follows reports why
	}
	s.deployment = page.Deployment
	return s.deployment
}

// CheckDeployment refuses a backend that is not the one of the state. To Terraform, all its objects would seem to be
// deleted.
func CheckDeployment(ofState, ofBackend string) error {
	if ofState == "" || ofBackend == "" || ofState == ofBackend || os.Getenv(acceptDeployment) == ofBackend {
		return nil
	}
	return backend.Errorf(backend.CodeConflict, "the state belongs to deployment %s, but the backend is deployment %s",
		ofState, ofBackend).
		WithHint("check path, POUNCET_HOME and endpoint; if the backend was replaced on purpose, set %s=%s for one run",
			acceptDeployment, ofBackend)
}

// Expect records that the state has an object of a deployment, which is "" if the state does not tell. It is an error
// if the backend did not exist when this run started, unless it exists by now and is this deployment.
func (s *Session) Expect(ctx context.Context, deployment string) error {
	if s.uncreated == nil || deployment == "" {
		return nil
	}
	if s.uncreated.Exists() {
		return CheckDeployment(deployment, s.Deployment(ctx))
	}
	s.mu.Lock()
	s.expected = deployment
	s.mu.Unlock()
	return backend.Errorf(backend.CodeNotFound,
		"the state belongs to deployment %s, but folder %s does not contain a backend", deployment, s.uncreated.Location()).
		WithHint("restore the folder, or correct path or POUNCET_HOME; if the backend is lost, run pouncet init, "+
			"and set %s to the id that the next plan names, for one run", acceptDeployment)
}

// CreateBackend creates the backend before the first object is created in it, unless it exists. It creates nothing if
// the state has an object of another backend.
func (s *Session) CreateBackend(ctx context.Context) error {
	if s.uncreated == nil {
		return nil
	}
	if s.ValuesUnknown {
		return refusal("nothing is changed")
	}
	s.mu.Lock()
	expected := s.expected
	s.mu.Unlock()
	if err := s.Expect(ctx, expected); err != nil {
		return err
	}
	return s.uncreated.Create(ctx)
}

// CheckImport is an error if the backend does not exist yet: there is nothing to import.
func (s *Session) CheckImport() error {
	if s.uncreated == nil || s.uncreated.Exists() {
		return nil
	}
	return backend.Errorf(backend.CodeNotFound, "nothing can be imported, because folder %s does not contain a backend",
		s.uncreated.Location()).
		WithHint("correct path or POUNCET_HOME, or set endpoint; in a new backend, create the object with an apply instead")
}

// CheckExists is an error for an object of a backend that does not exist yet. A plan must not use it, because the apply
// gives it another id. Built-in types are the same in every backend.
func (s *Session) CheckExists(o backend.Object) error {
	if s.uncreated == nil || o.BuiltIn || s.uncreated.Exists() {
		return nil
	}
	return backend.Errorf(backend.CodeNotFound,
		"%s %s has no id yet, because folder %s does not contain a backend", o.Kind, backend.Quote(o.Name),
		s.uncreated.Location()).
		WithHint("create the backend with pouncet init, or apply the resources first")
}
