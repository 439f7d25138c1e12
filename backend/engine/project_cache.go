// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"context"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// ProjectLookups counts the lookups in the cache of projects.
func (e *Engine) ProjectLookups() *backend.CacheCount { return &e.projects.lookups }

// RowLookups counts the lookups in the cache of the rows that references mean.
func (e *Engine) RowLookups() *backend.CacheCount { return &e.matches.lookups }

// projectCache keeps projects with their environments, types and wrapped keys in memory, as the store had them at one
// generation. A transaction uses it only if it reads the same generation, so a change by any process is seen by the
// next call.
type projectCache struct {
	mu         sync.Mutex
	lookups    backend.CacheCount
	generation []byte
	projects   map[string]*project // by the name or id they were asked for
	bytes      int
}

// maxCacheBytes limits the memory of a projectCache.
const maxCacheBytes = 64 << 20

// get returns a copy of a project, or nil. The rows of the copy are shared: they must not be changed.
func (c *projectCache) get(generation []byte, nameOrID string) *project {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.projects[nameOrID]
	if !ok || !bytes.Equal(c.generation, generation) {
		return nil
	}
	out := *p
	return &out
}

// latest returns a copy of a project as a call has read it last, or nil. It may be out of date.
func (c *projectCache) latest(nameOrID string) *project {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.projects[nameOrID]
	if !ok {
		return nil
	}
	out := *p
	return &out
}

// id returns the id of a project that a transaction with this generation may take from memory, or "".
func (c *projectCache) id(generation []byte, nameOrID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.projects[nameOrID]
	if !ok || !bytes.Equal(c.generation, generation) {
		return ""
	}
	return p.row.ID
}

// latestID returns the id of the project that latest returns, or "".
func (c *projectCache) latestID(nameOrID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.projects[nameOrID]
	if !ok {
		return ""
	}
	return p.row.ID
}

func (c *projectCache) put(generation []byte, nameOrID string, p *project) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := p.size()
	if !bytes.Equal(c.generation, generation) || c.bytes+size > maxCacheBytes {
		c.generation, c.projects, c.bytes = generation, map[string]*project{}, 0
	}
	if size <= maxCacheBytes {
		kept := *p
		c.projects[nameOrID] = &kept
		c.bytes += size
	}
}

// rowBytes is about the memory of a row without its attributes.
const rowBytes = 1024

// size estimates the memory of a project.
func (p *project) size() int {
	n := rowBytes * (1 + len(p.environments) + len(p.types) + len(p.environmentKeys))
	for _, o := range p.environments {
		n += len(o.Attributes)
	}
	for _, t := range p.types {
		n += 2 * len(t.row.Attributes) // they are kept decoded too
	}
	return n
}

// loadProject reads a project by name or id, or takes it from the cache. ErrNotFound lists the existing projects.
func (e *Engine) loadProject(
	ctx context.Context, tx store.Tx, nameOrID string, a principalAccess,
) (*project, error) {
	p, err := e.cachedProject(ctx, tx, nameOrID, a)
	switch {
	case err != nil || a.seesAll:
		return p, err
	case !a.seesProject(p.row.ID):
		return nil, missingProject(ctx, tx, nameOrID, a)
	}
	p.sees = func(environment string) bool { return a.seesEnvironment(p.row.ID, environment) }
	return p, nil
}

func (e *Engine) cachedProject(
	ctx context.Context, tx store.Tx, nameOrID string, a principalAccess,
) (*project, error) {
	generation, err := tx.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if generation != nil {
		p := e.projects.get(generation, nameOrID)
		e.projects.lookups.Count(p != nil)
		if p != nil {
			return p, nil // a copy
		}
	}
	p, err := loadProject(ctx, tx, nameOrID, a)
	if err == nil {
		e.homes.put(nameOrID, p.row.ID)
	}
	if err == nil && generation != nil {
		e.projects.put(generation, nameOrID, p)
	}
	return p, err
}
