// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A replica answers reads. What it answers leaves the server only after the primary has confirmed the generation under
// which it was decided, together with the record of the read. A read runs on the primary if the replica does not have
// the revision that the call must see, if it fails, or if it answers with an error.

// Replica is a standby of the database of a server.
type Replica interface {
	store.Viewer
	Name() string // for messages, without credentials
	Close() error
}

const (
	// replicaInterval is the time between two looks at a replica.
	replicaInterval = time.Second
	// replicaLag is how far a replica may be behind. A replica that is further behind answers no reads.
	replicaLag = 5 * time.Second
	// replicaTime limits a call on a replica, and a look at it. A call that takes longer runs on the primary.
	replicaTime = 2 * time.Second
)

// ReplicaCounts count what a server has done with its replica.
type ReplicaCounts struct {
	Served  atomic.Int64 // calls that it has answered, before they were confirmed
	Behind  atomic.Int64 // calls that ran on the primary, because the replica did not have what they must see
	Failed  atomic.Int64 // because the replica has failed, or has answered with an error
	Changed atomic.Int64 // because the primary had another generation
}

// replicaReads is a Service that lets a replica answer reads.
type replicaReads struct {
	backend.Service // on the primary, and with a context of store.OnReplica on the replica
	signed          *signed.Store
	replica         Replica
	counts          ReplicaCounts

	mu       sync.Mutex
	problem  error      // why the replica is not used
	position []position // of the primary, oldest first
}

// position is a revision that the primary had at a time.
type position struct {
	at       time.Time
	revision uint64
}

var errNotSeen = errors.New("not checked yet")

func newReplicaReads(next backend.Service, s *signed.Store, replica Replica) *replicaReads {
	return &replicaReads{Service: next, signed: s, replica: replica, problem: errNotSeen}
}

// Resolve implements backend.Service.
func (r *replicaReads) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	if call := store.CallOf(ctx); call != nil && call.IsDiscarded() {
		r.counts.Changed.Add(1) // it is the second run of the call
	}
	var out []backend.Resolution
	answered := r.read(ctx, func(ctx context.Context) (err error) {
		out, err = r.Service.Resolve(ctx, refs)
		failed := slices.IndexFunc(out, func(one backend.Resolution) bool { return one.Err != nil })
		if err == nil && failed >= 0 {
			err = out[failed].Err // an older database may lack what the primary has
		}
		return err
	})
	if answered {
		return out, nil
	}
	return r.Service.Resolve(ctx, refs)
}

// Query implements backend.Service. A query has no record, so it asks the primary for its generation itself. The audit
// log is read on the primary, which has all of its records.
func (r *replicaReads) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if q.Kind == backend.KindRecord {
		return r.Service.Query(ctx, q)
	}
	var page backend.Page
	answered := r.read(ctx, func(ctx context.Context) (err error) {
		page, err = r.Service.Query(ctx, q)
		return err
	})
	if answered {
		call := store.CallOf(ctx)
		err := r.signed.Confirm(ctx, call)
		if err == nil {
			return page, nil
		}
		if !errors.Is(err, store.ErrChanged) {
			return backend.Page{}, err
		}
		call.UsePrimary(ctx)
		r.counts.Changed.Add(1)
	}
	return r.Service.Query(ctx, q)
}

// read runs a call on the replica, and reports whether it was answered there.
func (r *replicaReads) read(ctx context.Context, run func(context.Context) error) bool {
	call := store.CallOf(ctx)
	if call == nil || !call.MayUseReplica() || r.Problem() != nil {
		return false
	}
	limited, cancel := context.WithTimeout(store.OnReplica(ctx, watched{r}), replicaTime)
	defer cancel()
	err := run(limited)
	switch {
	case err == nil:
		r.counts.Served.Add(1)
		return true
	case errors.Is(err, store.ErrBehind):
		r.counts.Behind.Add(1)
	default:
		r.counts.Failed.Add(1)
	}
	call.UsePrimary(ctx)
	return false
}

// watched is the replica for the transactions of calls. If it cannot be reached, it is not used until the next look.
type watched struct{ *replicaReads }

func (w watched) View(ctx context.Context, f func(store.Tx) error) error {
	began := false
	err := w.replica.View(ctx, func(tx store.Tx) error {
		began = true
		return f(tx)
	})
	if err != nil && !began && errors.Is(err, backend.ErrUnavailable) && !errors.Is(err, context.Canceled) {
		w.set(err)
	}
	return err
}

func (r *replicaReads) set(problem error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problem = problem
}

// Problem returns why the replica is not used, or nil.
func (r *replicaReads) Problem() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

// look compares the replica with the primary.
func (r *replicaReads) look(ctx context.Context, now time.Time) {
	limited, cancel := context.WithTimeout(ctx, replicaTime)
	defer cancel()
	if revision, err := r.signed.RevisionOf(limited, nil); err == nil {
		r.position = append(r.position, position{now, revision})
	}
	replayed, err := r.signed.RevisionOf(limited, r.replica)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		e := backend.AsError(err)
		err = backend.Errorf(backend.CodeUnavailable, "the replica is not used, and reads go to the primary: %s", e.Message).
			WithHint("%s", e.Hint)
	case replayed < r.required(now):
		err = backend.Errorf(backend.CodeUnavailable,
			"replica %s is more than %s behind, and reads go to the primary", r.replica.Name(), replicaLag).
			WithHint("look at pg_stat_replication on the primary, and at pg_is_wal_replay_paused() on the replica")
	}
	r.set(err)
}

// required returns the highest revision that the primary had before the lag that a replica may have, or the first that
// is known.
func (r *replicaReads) required(now time.Time) uint64 {
	newest := 0
	for i, p := range r.position {
		if now.Sub(p.at) >= replicaLag {
			newest = i
		}
	}
	r.position = r.position[newest:]
	if len(r.position) == 0 {
		return 0
	}
	return r.position[0].revision
}

// KeepReplica looks at the replica again and again, until ctx ends. Without a replica it returns.
func (p *Parts) KeepReplica(ctx context.Context) {
	if p.replica == nil {
		return
	}
	for {
		p.replica.look(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-time.After(replicaInterval):
		}
	}
}
