// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Replica is a standby of a database, which serves read transactions. It may be behind, and it need not run.
type Replica struct{ store *Store }

var _ store.Viewer = (*Replica)(nil)

// hintReplica is the remedy if a database is no replica.
const hintReplica = "correct the URL of the replica: it must name a standby of the database that the servers use"

// Replica returns the replica of the database that a URL names. It does not connect yet.
func (s *Store) Replica(ctx context.Context, address string) (*Replica, error) {
	r, err := newStore(ctx, address, s.schema)
	if err != nil {
		return nil, err
	}
	if r.name == s.name && r.target == s.target {
		_ = r.Close() // it has not connected
		return nil, backend.Errorf(backend.CodeInvalid, "the URL of the replica names the database itself, %s", s.name).
			WithHint("name a standby of it, or leave the replica out")
	}
	r.deployment, r.replica = s.deployment, true
	return &Replica{r}, nil
}

// View implements store.Viewer. The replica may end the function with an error, because the primary has changed what it
// reads.
func (r *Replica) View(ctx context.Context, f func(store.Tx) error) error {
	return r.store.View(ctx, f)
}

// Name names the database in messages. It has no credentials.
func (r *Replica) Name() string { return r.store.name }

// Close closes the connections.
func (r *Replica) Close() error { return r.store.Close() }
