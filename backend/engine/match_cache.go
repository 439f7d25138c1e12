// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// matchCache keeps the rows that references mean in memory, with sealed values, as the store had them with one content
// of their project. A transaction uses them only if the content is the same, so a change by any process is seen by the
// next call. Each call decrypts the rows, and checks the rights of its caller and the expiry of the secret. It verifies
// the rows unless that was done with the same key: see verified.
type matchCache struct {
	mu       sync.Mutex
	lookups  backend.CacheCount
	projects map[string]*projectMatches // by id
	bytes    int
}

// projectMatches holds what references of one project mean.
type projectMatches struct {
	contents []byte
	matches  map[backend.Ref]*match
	bytes    int
}

// maxMatchBytes limits the memory of a matchCache.
const maxMatchBytes = 32 << 20

// matchKey leaves out what the rows do not depend on.
func matchKey(r backend.Ref) backend.Ref {
	return backend.Ref{Kind: r.Kind, Environment: r.Environment, Scope: r.Scope, Name: r.Name}
}

// verified remembers with which keys the rows of a match in memory were found genuine. The rows do not change, so they
// are verified once with each key: a key that was fetched from the KMS again is another one. Weak pointers do not keep
// a key in memory longer than the keyring does.
type verified [matchRows]atomic.Pointer[weak.Pointer[envelope.Key]]

// The rows of a match that are signed with a key of the environment.
const (
	environmentRow = iota
	entryRow
	linkRow
	matchRows
)

// verifyRow is project.verifyRow for one row of a match. It needs the key in any case.
func (f *match) verifyRow(which int, o store.Object, keys *keyset) error {
	if f.verified == nil {
		return f.project.verifyRow(o, keys)
	}
	key, err := f.project.keyOfRow(o, keys)
	if err != nil {
		return err
	}
	with := weak.Make(key)
	if known := f.verified[which].Load(); known != nil && *known == with {
		return nil
	}
	err = verify(key, o, f.project.row.Name)
	if err == nil {
		f.verified[which].Store(&with)
	}
	return err
}

// get returns the rows of a reference, which must not be changed, or nil.
func (c *matchCache) get(project string, contents []byte, r backend.Ref) *match {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.projects[project]
	if p == nil || !bytes.Equal(p.contents, contents) {
		return nil
	}
	return p.matches[matchKey(r)]
}

// has reports whether the rows of a reference are there, with any contents of its project.
func (c *matchCache) has(project string, r backend.Ref) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.projects[project]
	if p == nil {
		return false
	}
	_, ok := p.matches[matchKey(r)]
	return ok
}

func (c *matchCache) put(project string, contents []byte, r backend.Ref, m match) {
	m.version, m.verified = store.Version{}, &verified{}
	size := 4*rowBytes + len(m.entry.Object.Attributes) + len(m.entry.Current.Sealed) + len(m.link.Object.Attributes) +
		len(m.link.Current.Sealed)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.projects == nil || c.bytes+size > maxMatchBytes {
		c.projects, c.bytes = map[string]*projectMatches{}, 0
	}
	p := c.projects[project]
	if p == nil || !bytes.Equal(p.contents, contents) {
		if p != nil {
			c.bytes -= p.bytes
		}
		p = &projectMatches{contents: contents, matches: map[backend.Ref]*match{}}
		c.projects[project] = p
	}
	if _, ok := p.matches[matchKey(r)]; !ok {
		p.matches[matchKey(r)] = &m
		p.bytes, c.bytes = p.bytes+size, c.bytes+size
	}
}

// isTrusted reports whether all rows of a match are there and genuine.
func (f *match) isTrusted() bool {
	for _, e := range []store.Entry{f.entry, f.link} {
		if e.Object.Untrusted != nil || e.Current.Untrusted != nil {
			return false
		}
	}
	return f.err == nil && f.entry.Object.ID != ""
}

// seesMatch reports whether a principal may see all that a match means. The match was made for a caller from whom
// nothing was hidden, so it is then the nearest entry for this one too.
func (a principalAccess) seesMatch(m *match) bool {
	return a.seesAll || a.seesEnvironment(m.project.row.ID, m.environment.ID) && a.seesRow(m.project, m.entry.Object) &&
		(m.link.Object.ID == "" || a.seesRow(m.project, m.link.Object))
}

// cached takes the rows of references from the cache. Calls with many references read rows and decrypt values at the
// same time, which is as fast.
func (r *resolver) cached(ctx context.Context, tx store.Tx) error {
	if len(r.refs) >= prefetchMinimum {
		return nil
	}
	generation, err := tx.Generation(ctx)
	if err != nil || generation == nil {
		return err
	}
	for i, ref := range r.refs {
		var contents []byte
		project := r.engine.projects.id(generation, ref.Project)
		if project != "" {
			if contents, err = r.contentsOf(ctx, tx, project); err != nil {
				return err
			}
		}
		if contents == nil {
			r.engine.matches.lookups.Count(false)
			continue
		}
		m := r.engine.matches.get(project, contents, ref)
		ok := m != nil && r.access.seesMatch(m)
		r.engine.matches.lookups.Count(ok)
		if ok {
			r.matches[i] = *m
			r.readBytes += r.entrySize(m.project, m.entry) + r.entrySize(m.project, m.link)
		}
	}
	return nil
}

// contentsOf returns the bytes that say whether what was read of a project is still right, or nil.
func (r *resolver) contentsOf(ctx context.Context, tx store.Tx, project string) ([]byte, error) {
	if known, ok := r.contents[project]; ok {
		return known, nil
	}
	st, err := tx.ProjectContents(ctx, project)
	if err == nil {
		r.contents[project] = st.Sealed
	}
	return st.Sealed, err
}

// keep adds the rows of references to the cache.
func (r *resolver) keep(ctx context.Context, tx store.Tx) error {
	if len(r.refs) >= prefetchMinimum || r.hidden {
		return nil
	}
	for i := range r.matches {
		if fromCache := r.matches[i].verified != nil; fromCache || !r.matches[i].isTrusted() {
			continue
		}
		project := r.matches[i].project.row.ID
		contents, err := r.contentsOf(ctx, tx, project)
		if err != nil {
			return err
		}
		if contents != nil {
			r.engine.matches.put(project, contents, r.refs[i], r.matches[i])
		}
	}
	return nil
}
