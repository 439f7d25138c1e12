// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Resolve implements backend.Service.
func (e *Engine) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	if len(refs) > backend.MaxRefs {
		return nil, backend.Errorf(backend.CodeTooLarge, "%d references are in one call; the limit is %d", len(refs),
			backend.MaxRefs).
			WithHint("resolve them in several calls")
	}
	prefetcher := e.startPrefetch(len(refs))
	var r *resolver
	err := e.store.View(e.withRead(ctx, refs), func(tx store.Tx) error { // it may run again: see store.WithStatesOnly
		r = &resolver{engine: e, now: e.now(), refs: refs, matches: make([]match, len(refs)),
			projects: map[string]*projectResult{}, prefetcher: prefetcher, contents: map[string][]byte{}}
		return r.read(ctx, tx)
	})
	prefetched := prefetcher.finish()
	if err != nil {
		return nil, err
	}
	r.prefetched = prefetched
	// The rows are read first, so that no transaction waits for the KMS.
	keys := newKeyset(e.keys)
	out := r.open(ctx, keys)
	for len(keys.missing) > 0 && ctx.Err() == nil {
		if err := keys.fetch(ctx); err != nil {
			return nil, err
		}
		out = r.open(ctx, keys)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range out {
		if p := r.matches[i].project; p != nil {
			out[i].ProjectID = p.row.ID
		}
	}
	return out, nil
}

// resolver is one Resolve call: its references, and the rows that match each.
type resolver struct {
	engine     *Engine
	now        time.Time
	access     principalAccess
	refs       []backend.Ref
	matches    []match
	projects   map[string]*projectResult
	prefetcher *prefetcher
	prefetched map[string]prefetched // results of the prefetcher, by object id
	readBytes  int                   // the size of the entries that were read
	hidden     bool                  // an entry was left out that the caller may not see
	contents   map[string][]byte     // see contentsOf, by the id of a project
}

// match holds the rows that one reference means.
type match struct {
	project     *project
	environment store.Object
	entry       store.Entry // the secret or the scoped value
	link        store.Entry // the secret that the scoped value links to
	version     store.Version
	verified    *verified // of a match from the cache; nil otherwise
	err         error
}

type projectResult struct {
	project *project
	err     error
}

// group identifies the references that one lookup can answer.
type group struct {
	project     string // id
	environment string // id
	kind        backend.Kind
}

func (r *resolver) read(ctx context.Context, tx store.Tx) (err error) {
	groups := map[group][]int{}
	if r.access, err = r.engine.accessOf(ctx, tx); err != nil {
		return err
	}
	if err := r.cached(ctx, tx); err != nil {
		return err
	}
	for i, ref := range r.refs {
		f := &r.matches[i]
		if f.project != nil {
			continue // from the cache
		}
		if err := r.locate(ctx, tx, ref, f); err != nil {
			if isRule(err) {
				f.err = err
				continue
			}
			return err
		}
		g := group{f.project.row.ID, f.environment.ID, ref.Kind}
		groups[g] = append(groups[g], i)
	}
	for g, members := range groups {
		if err := r.lookup(ctx, tx, g, members,
			func(i int) (*store.Entry, string) { return &r.matches[i].entry, r.refs[i].Name }); err != nil {
			return err
		}
		if g.kind == backend.KindScopedValue {
			if err := r.follow(ctx, tx, g, members); err != nil {
				return err
			}
		}
	}
	if err := r.versions(ctx, tx); err != nil {
		return err
	}
	if err := r.checkSize(); err != nil {
		return err
	}
	if err := r.explainMissing(ctx, tx); err != nil {
		return err
	}
	return r.keep(ctx, tx)
}

// locate sets the project and the environment of a reference.
func (r *resolver) locate(ctx context.Context, tx store.Tx, ref backend.Ref, f *match) error {
	if ref.Kind != backend.KindSecret && ref.Kind != backend.KindScopedValue {
		return backend.Errorf(backend.CodeInvalid,
			"a reference of kind %q is not supported: a reference names a secret or a scoped value", ref.Kind)
	}
	if err := backend.CheckName(ref.Kind, ref.Name); err != nil {
		return err
	}
	if err := backend.CheckScope(scopeOf(ref)); err != nil {
		return err
	}
	loaded, ok := r.projects[ref.Project]
	if !ok {
		p, err := r.engine.loadProject(ctx, tx, ref.Project, r.access)
		loaded = &projectResult{p, err}
		r.projects[ref.Project] = loaded
		if err == nil {
			r.prefetcher.useKeys(p)
		}
	}
	if loaded.err != nil {
		return loaded.err
	}
	f.project = loaded.project
	if ref.Environment == backend.AnyEnvironment {
		return backend.Errorf(backend.CodeInvalid,
			"environment %q is not valid for a reference: a reference needs one environment", backend.AnyEnvironment).
			WithHint("name the environment").At("environment")
	}
	var err error
	f.environment, err = f.project.environment(ref.Environment)
	return err
}

func scopeOf(ref backend.Ref) string { return scopeOrProject(ref.Scope) }

// lookup sets, for every member of a group that wants one, the entry of the
// wanted name that is nearest in the lookup order.
func (r *resolver) lookup(
	ctx context.Context, tx store.Tx, g group, members []int, want func(i int) (into *store.Entry, name string),
) error {
	l := store.Lookup{Kind: g.kind, Project: g.project, Environments: []string{g.environment, backend.AnyEnvironment}}
	scopes, names := map[string]bool{backend.ProjectScope: true}, map[string]bool{}
	for _, i := range members {
		if _, name := want(i); name != "" {
			scopes[scopeOf(r.refs[i])], names[name] = true, true
		}
	}
	if len(names) == 0 {
		return nil
	}
	for s := range scopes {
		l.Scopes = append(l.Scopes, s)
	}
	for n := range names {
		l.Names = append(l.Names, n)
	}
	in := r.matches[members[0]].project
	candidates := make(map[string][]*store.Entry, len(names))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := tx.Lookup(ctx, l, func(e store.Entry) {
		if !r.access.seesRow(in, e.Object) {
			r.hidden = true
			return
		}
		if r.readBytes += r.entrySize(in, e); r.readBytes > mostReadBytes {
			stop() // and forget the rows that the query still gives
			return
		}
		candidates[e.Object.Name] = append(candidates[e.Object.Name], &e)
		r.prefetcher.offer(in, &e)
	})
	if r.readBytes > mostReadBytes {
		return errManyBytes(mostReadBytes)
	}
	if err != nil {
		return err
	}
	for _, i := range members {
		if into, name := want(i); name != "" {
			*into = nearest(candidates[name], scopeOf(r.refs[i]), g.environment)
		}
	}
	return nil
}

// mostReadBytes limits the entries that a call reads. Those of all scopes and environments with a name are read.
const mostReadBytes = 2 * backend.MaxResolveBytes

// entrySize returns the bytes of an entry. A value that the caller may not have counts as the longest one, so that the
// limit does not tell its length.
func (r *resolver) entrySize(in *project, e store.Entry) int {
	if e.Object.Kind == backend.KindSecret && r.access.check(in, e.Object, false) != nil {
		return len(e.Object.Attributes) + backend.DefaultMaxValueBytes
	}
	return len(e.Object.Attributes) + len(e.Current.Sealed)
}

func errManyBytes(limit int) error {
	return backend.Errorf(backend.CodeTooLarge, "the references of the call read values of more than %d bytes", limit).
		WithHint("resolve them in several calls")
}

// checkSize refuses references whose values are too large together. Each reference reads, decrypts and returns its own
// copy.
func (r *resolver) checkSize() error {
	total := 0
	for i := range r.matches {
		f := &r.matches[i]
		total += len(f.version.Sealed)
		if f.secret().Object.ID == "" {
			total += len(f.entry.Object.Attributes)
		}
	}
	if total > backend.MaxResolveBytes {
		return errManyBytes(backend.MaxResolveBytes)
	}
	return nil
}

// nearest returns the first of the candidates in the lookup order, or the zero
// Entry if the reference can see none.
func nearest(candidates []*store.Entry, scope, environment string) store.Entry {
	best := &store.Entry{}
	rank := 0
	for _, c := range candidates {
		if n := backend.LookupRank(c.Object.Scope, c.Object.Environment, scope, environment); n > rank {
			best, rank = c, n
		}
	}
	return *best
}

// follow looks up the secrets that scoped values link to, in the environment and
// scope of each reference.
func (r *resolver) follow(ctx context.Context, tx store.Tx, g group, members []int) error {
	g.kind = backend.KindSecret
	err := r.lookup(ctx, tx, g, members, func(i int) (*store.Entry, string) {
		return &r.matches[i].link, r.matches[i].entry.Object.Link
	})
	if err != nil {
		return err
	}
	setAside := map[int]*store.Entry{} // the secrets that a link means before those with the name: see held.go
	for _, i := range members {
		if linkIsHeld(r.matches[i].entry.Object) {
			setAside[i] = &store.Entry{}
		}
	}
	if len(setAside) == 0 {
		return nil
	}
	err = r.lookup(ctx, tx, g, members, func(i int) (*store.Entry, string) {
		if setAside[i] == nil {
			return nil, ""
		}
		return setAside[i], reserved + r.matches[i].entry.Object.Link
	})
	for i, s := range setAside {
		f := &r.matches[i]
		f.link = nearest([]*store.Entry{s, &f.link}, scopeOf(r.refs[i]), g.environment)
	}
	return err
}

// secret returns the secret that a reference means, directly or by a link. Its
// Object.ID is "" if it means none.
func (f *match) secret() store.Entry {
	if f.entry.Object.Kind == backend.KindSecret {
		return f.entry
	}
	return f.link
}

// versions determines the version that each reference means and reads, in one
// statement, those that are not current.
func (r *resolver) versions(ctx context.Context, tx store.Tx) error {
	wanted := map[store.VersionKey][]int{}
	var keys []store.VersionKey
	for i, ref := range r.refs {
		f := &r.matches[i]
		s := f.secret()
		if f.err == nil && s.Object.ID != "" { // before anything depends on the size of the value
			if f.err = r.access.check(f.project, s.Object, ref.Reveal); f.err != nil {
				continue
			}
		}
		if f.err == nil && f.entry.Object.Kind == backend.KindScopedValue {
			if f.err = r.access.checkScopedValue(f.project, f.entry.Object, ref.Reveal); f.err != nil {
				continue
			}
		}
		f.version = s.Current
		if f.err != nil || ref.Version == "" || f.entry.Object.ID == "" {
			continue
		}
		n, err := versionNumber(ref, s.Object)
		if err != nil {
			f.err = err
			continue
		}
		k := store.VersionKey{Project: s.Object.Project, Object: s.Object.ID, Version: n}
		if wanted[k] == nil {
			keys = append(keys, k)
		}
		wanted[k] = append(wanted[k], i)
		f.version = store.Version{}
	}
	if len(keys) == 0 {
		return nil
	}
	for step := range slices.Chunk(keys, versionsStep) {
		versions, err := tx.Versions(ctx, step)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if r.readBytes += len(v.Sealed); r.readBytes > mostReadBytes {
				return errManyBytes(mostReadBytes)
			}
			for _, i := range wanted[store.VersionKey{Project: v.Project, Object: v.Object, Version: v.Version}] {
				r.matches[i].version = v
			}
		}
	}
	for k, members := range wanted {
		for _, i := range members {
			if f := &r.matches[i]; f.version.Object == "" {
				f.err = missingVersion(f.secret().Object, k.Version)
			}
		}
	}
	return nil
}

// versionsStep is how many versions are read at a time.
const versionsStep = 200

func versionNumber(ref backend.Ref, secret store.Object) (int64, error) {
	if secret.Kind != backend.KindSecret {
		return 0, backend.Errorf(backend.CodeInvalid, "scoped value %q has no versions: it does not link to a secret",
			ref.Name).At("version")
	}
	return numberOf(ref.Version, secret)
}
