// SPDX-License-Identifier: MPL-2.0

// Package snapshot is a Service that answers most calls of a Terraform plan from a copy of the project's metadata.
//
// A plan reads every resource by its id, and then asks in a dry run whether the configuration would change it. That is
// two requests per secret, and nearly all secrets are unchanged. A Snapshot therefore fetches many objects at once. The
// second read of a project and kind fetches all objects of that kind. The second comparison of a value fetches the
// fingerprints of all values of the project, under a key that this process generates and keeps in memory. After that,
// an unchanged object needs no request.
//
//	read by id or place ──> is it in the snapshot?
//	                ├──yes─────> the snapshot answers
//	                └──no──────> the backend answers: a missing object may be new
//	dry run ─────> does the change equal the object, and the value its fingerprint?
//	                ├──yes─────> unchanged
//	                └──no──────> the backend answers: it knows the rules
//
// # Limits
//
// A snapshot is as old as the plan; the apply compares again. After the first change that is applied through it, a
// Snapshot passes every call on. Someone who can read its memory can test guesses of a value against the fingerprints.
// The policy of a project can forbid fingerprints; then the backend makes every comparison.
package snapshot

import (
	"cmp"
	"context"
	"crypto/rand"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// MaxObjects is the largest number of objects of one kind and project that are fetched. Others are queried one by one.
const MaxObjects = 20_000

// Snapshot is a Service over another. It is safe for concurrent use.
type Snapshot struct {
	next  backend.Service
	key   []byte
	limit int // MaxObjects

	mu           sync.Mutex
	deployment   string                    // of the Service, once it has answered
	written      bool                      // a change was applied, so seen may be out of date
	seen         map[string]backend.Object // by id
	places       map[backend.Query]string  // ids, by place
	fetches      map[subset]*fetch
	fingerprints map[string][]byte // fingerprints, by id
}

// subset says what one fetch returns: the objects of a kind in a project, or the fingerprints of its secrets.
type subset struct {
	project      string
	kind         backend.Kind
	fingerprints bool
}

// fetch is a fetch that is made at most once, at the second use of its subset.
type fetch struct {
	uses int
	once sync.Once
}

var _ backend.Service = (*Snapshot)(nil)

// New returns an empty Snapshot over a Service.
func New(next backend.Service) *Snapshot {
	key := make([]byte, backend.FingerprintKeySize)
	_, _ = rand.Read(key) // crypto/rand aborts the program rather than fail
	return &Snapshot{next: next, key: key, limit: MaxObjects, seen: map[string]backend.Object{},
		places: map[backend.Query]string{}, fetches: map[subset]*fetch{}, fingerprints: map[string][]byte{}}
}

// Query implements backend.Service. The project of a query by id only says which objects to fetch: an object of another
// project is returned too.
func (s *Snapshot) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	byID := backend.Query{Kind: q.Kind, Project: q.Project, ID: q.ID}
	switch {
	case q.Kind == backend.KindToken, q.Kind == backend.KindVersion, q.Kind == backend.KindRecord:
		return s.next.Query(ctx, q)
	case isPlace(q):
		return s.queryPlace(ctx, q)
	case q.ID == "" || q != byID:
		return s.next.Query(ctx, q)
	}
	if o, ok := s.object(ctx, q); ok {
		return backend.Page{Objects: []backend.Object{o}, Deployment: s.knownDeployment()}, nil
	}
	asked := q.Project
	q.Project = ""
	page, err := s.next.Query(ctx, q)
	s.record(page)
	for _, o := range page.Objects {
		if o.Project != asked && q.Kind.InProject() { // the caller may know further ids of objects of that project
			s.fetchOnSecondUse(subset{project: o.Project, kind: q.Kind}, func() { s.fetchObjects(ctx, o.Project, q.Kind) })
		}
	}
	return page, err
}

// isPlace reports whether a query names one place, as an import does.
func isPlace(q backend.Query) bool {
	place := backend.Query{Kind: q.Kind, Project: q.Project, Environment: q.Environment, Scope: q.Scope, Name: q.Name}
	if q != place || q.Project == "" || q.Name == "" {
		return false
	}
	isEntry := q.Kind == backend.KindSecret || q.Kind == backend.KindScopedValue
	return !isEntry || q.Environment != "" && q.Scope != ""
}

// queryPlace returns the object in a place from the snapshot, after a fetch if necessary. The backend answers if the
// snapshot has none, because it may be new, or several.
func (s *Snapshot) queryPlace(ctx context.Context, q backend.Query) (backend.Page, error) {
	s.fetchOnSecondUse(subset{project: q.Project, kind: q.Kind}, func() { s.fetchObjects(ctx, q.Project, q.Kind) })
	if o, ok := s.inPlace(q); ok {
		return backend.Page{Objects: []backend.Object{o}, Deployment: s.knownDeployment()}, nil
	}
	page, err := s.next.Query(ctx, q)
	s.record(page)
	return page, err
}

func (s *Snapshot) inPlace(q backend.Query) (backend.Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.seen[s.places[q]]
	return o, ok && !s.written
}

// placeOf returns the query that names the place of an object.
func placeOf(o backend.Object) backend.Query {
	return backend.Query{Kind: o.Kind, Project: o.Project, Environment: o.Environment, Scope: o.Scope, Name: o.Name}
}

// object returns the object of a query by id from the snapshot, after a fetch if necessary.
func (s *Snapshot) object(ctx context.Context, q backend.Query) (backend.Object, bool) {
	if o, ok := s.known(q); ok {
		return o, true
	}
	if q.Project == "" && q.Kind.InProject() {
		return backend.Object{}, false // the project to fetch is not known
	}
	s.fetchOnSecondUse(subset{project: q.Project, kind: q.Kind}, func() { s.fetchObjects(ctx, q.Project, q.Kind) })
	return s.known(q)
}

func (s *Snapshot) known(q backend.Query) (backend.Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.seen[q.ID]
	return o, ok && o.Kind == q.Kind && !s.written
}

func (s *Snapshot) knownDeployment() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deployment
}

func (s *Snapshot) record(page backend.Page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if page.Deployment != "" {
		s.deployment = page.Deployment
	}
	for _, o := range page.Objects {
		s.seen[o.ID] = o
		if o.Held == "" {
			s.places[placeOf(o)] = o.ID
		}
	}
}

// fetchOnSecondUse calls fetchIt at the second use of a subset. Later uses wait until it returns. The first use fetches
// nothing, because for one object a direct query is cheaper.
func (s *Snapshot) fetchOnSecondUse(l subset, fetchIt func()) {
	s.mu.Lock()
	f := s.fetches[l]
	if f == nil {
		f = &fetch{}
		s.fetches[l] = f
	}
	f.uses++
	first := f.uses == 1 || s.written
	s.mu.Unlock()
	if !first {
		f.once.Do(fetchIt)
	}
}

// fetchObjects lists all objects of a kind. After an error, the objects that it
// did not list are queried directly, and that query reports the error if it stays.
func (s *Snapshot) fetchObjects(ctx context.Context, project string, kind backend.Kind) {
	q := backend.Query{Kind: kind, Project: project}
	if !kind.InProject() {
		q.Project = ""
	}
	var objects []backend.Object
	for o, err := range backend.List(ctx, s.next, q) {
		if err != nil {
			break
		}
		if objects = append(objects, o); len(objects) == s.limit {
			break
		}
	}
	s.record(backend.Page{Objects: objects})
}

// Resolve implements backend.Service. It passes every call on.
func (s *Snapshot) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	return s.next.Resolve(ctx, refs)
}

// Apply implements backend.Service.
func (s *Snapshot) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if !set.DryRun {
		s.mu.Lock()
		s.written = true
		s.mu.Unlock()
		return s.next.Apply(ctx, set)
	}
	if len(set.Changes) == 1 && set.FingerprintKey == nil {
		if o, ok := s.unchanged(ctx, set.Changes[0]); ok {
			return []backend.Outcome{{Action: backend.ActionUnchanged, Object: o}}, nil
		}
	}
	return s.next.Apply(ctx, set)
}

// unchanged reports whether a change would change nothing, compared with the snapshot.
func (s *Snapshot) unchanged(ctx context.Context, c backend.Change) (backend.Object, bool) {
	o, ok := s.known(backend.Query{Kind: c.Kind, ID: c.ID})
	if !ok || !isUpToDate(c, o) {
		return o, false
	}
	if c.Value.Len() == 0 {
		return o, true
	}
	s.fetchOnSecondUse(subset{project: o.Project, fingerprints: true}, func() { s.fetchFingerprints(ctx, o.Project) })
	s.mu.Lock()
	print := s.fingerprints[o.ID]
	s.mu.Unlock()
	return o, print != nil && backend.HasFingerprint(s.key, c.Value.Expose(), print)
}

// fetchFingerprints fetches the fingerprints of all secrets of a project that are in the snapshot. The audit log
// records this as one comparison.
func (s *Snapshot) fetchFingerprints(ctx context.Context, project string) {
	s.fetchOnSecondUse(subset{project: project, kind: backend.KindSecret},
		func() { s.fetchObjects(ctx, project, backend.KindSecret) })
	var changes []backend.Change
	s.mu.Lock()
	for _, o := range s.seen {
		if o.Kind == backend.KindSecret && o.Project == project {
			changes = append(changes, backend.Change{Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID})
		}
	}
	s.mu.Unlock()
	for len(changes) > 0 {
		n := min(len(changes), backend.MaxChanges)
		out, err := s.next.Apply(ctx, backend.ChangeSet{Changes: changes[:n], DryRun: true, FingerprintKey: s.key})
		if err != nil {
			return
		}
		s.mu.Lock()
		for i, o := range out {
			s.fingerprints[cmp.Or(o.Object.ID, changes[i].ID)] = o.Fingerprint
			if o.Err == nil && o.Object.ID != "" {
				s.seen[o.Object.ID] = o.Object // as it was when the fingerprint was made
			}
		}
		s.mu.Unlock()
		changes = changes[n:]
	}
}
