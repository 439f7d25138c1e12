// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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
	r := &resolver{now: e.now(), refs: refs, matches: make([]match, len(refs)), projects: map[string]*projectResult{},
		prefetcher: e.startPrefetch(len(refs))}
	err := e.store.View(ctx, func(tx store.Tx) error { return r.read(ctx, tx) })
	r.prefetched = r.prefetcher.finish()
	if err != nil {
		return nil, err
	}
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
	return out, nil
}

// resolver is one Resolve call: its references, and the rows that match each.
type resolver struct {
	now        time.Time
	refs       []backend.Ref
	matches    []match
	projects   map[string]*projectResult
	prefetcher *prefetcher
	prefetched map[string]prefetched // results of the prefetcher, by object id
	readBytes  int                   // the size of the entries that were read
}

// match holds the rows that one reference means.
type match struct {
	project     *project
	environment store.Object
	entry       store.Entry // the secret or the scoped value
	link        store.Entry // the secret that the scoped value links to
	version     store.Version
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

func (r *resolver) read(ctx context.Context, tx store.Tx) error {
	groups := map[group][]int{}
	for i, ref := range r.refs {
		f := &r.matches[i]
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
	return r.explainMissing(ctx, tx)
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
		p, err := loadProject(ctx, tx, ref.Project)
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
		if r.readBytes += entrySize(e); r.readBytes > mostReadBytes {
			stop() // and forget the rows that the query still gives
			return
		}
		candidates[e.Object.Name] = append(candidates[e.Object.Name], &e)
		r.prefetcher.offer(in, &e)
	})
	if r.readBytes > mostReadBytes {
		return errManyBytes()
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

func entrySize(e store.Entry) int { return len(e.Object.Attributes) + len(e.Current.Sealed) }

func errManyBytes() error {
	return backend.Errorf(backend.CodeTooLarge, "the references of the call read values of more than %d bytes",
		backend.MaxResolveBytes).WithHint("resolve them in several calls")
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
		return errManyBytes()
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
				return errManyBytes()
			}
			for _, i := range wanted[store.VersionKey{Project: v.Project, Object: v.Object, Version: v.Version}] {
				r.matches[i].version = v
			}
		}
	}
	for k, members := range wanted {
		for _, i := range members {
			if f := &r.matches[i]; f.version.Object == "" {
				f.err = backend.Errorf(backend.CodeNotFound, "secret %q has no version %d", r.refs[i].Name, k.Version).
					WithHint("the current version is %d", f.secret().Object.Version).At("version")
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
	if ref.Version == backend.PreviousVersion {
		if secret.Version < 2 {
			return 0, backend.Errorf(backend.CodeNotFound, "secret %q has no previous version: its value was written once",
				ref.Name).At("version")
		}
		return secret.Version - 1, nil
	}
	n, err := strconv.ParseInt(ref.Version, 10, 64)
	if err != nil || n < 1 {
		return 0, backend.Errorf(backend.CodeInvalid, "version %s is not valid", backend.Quote(ref.Version)).
			WithHint("use a number from 1, or %q", backend.PreviousVersion).At("version")
	}
	return n, nil
}

// open decrypts the matches, until ctx ends. It is called again after missing keys were fetched.
func (r *resolver) open(ctx context.Context, keys *keyset) []backend.Resolution {
	trusted := map[string]error{} // result of checking the row of an environment, by its id
	for i := range r.matches {
		if f := &r.matches[i]; f.err == nil {
			if _, done := trusted[f.environment.ID]; !done {
				trusted[f.environment.ID] = f.project.verifyRow(f.environment, keys)
			}
		}
	}
	out := make([]backend.Resolution, len(r.refs))
	inParallel(len(r.refs), func(i int) {
		if ctx.Err() != nil {
			return
		}
		resolution, err := r.openOne(r.refs[i], &r.matches[i], keys, trusted)
		if err != nil && !errors.Is(err, errKeyMissing) {
			resolution = backend.Resolution{Err: backend.AsError(err)}
		}
		out[i] = resolution
	})
	return out
}

// prefetchMinimum is the number of values from which another goroutine saves time.
const prefetchMinimum = 64

// inParallel calls f for 0 to n-1, on all processors if n is large enough:
// decrypting a value takes a few microseconds, as does starting a goroutine. A panic of f ends the caller, as without
// goroutines, and not the process.
func inParallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n/prefetchMinimum+1)
	var wg sync.WaitGroup
	var panicked atomic.Pointer[any]
	for w := range workers {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panicked.Store(&p)
				}
			}()
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				f(i)
			}
		})
	}
	wg.Wait()
	if p := panicked.Load(); p != nil {
		panic(*p)
	}
}

func (r *resolver) openOne(
	ref backend.Ref, f *match, keys *keyset, trusted map[string]error,
) (backend.Resolution, error) {
	var none backend.Resolution
	if f.err != nil {
		return none, f.err
	}
	if err := f.trust(keys, trusted, r.prefetched); err != nil {
		return none, err
	}
	out := backend.Resolution{
		ID: f.entry.Object.ID, Environment: f.project.environmentName(f.entry.Object.Environment),
		Scope: f.entry.Object.Scope, Version: f.entry.Object.Revision,
	}
	if err := expired(f.secret().Object, r.now); err != nil {
		return none, err
	}
	text, isJSON, err := f.value(ref, keys, r.prefetched)
	if err != nil {
		return none, err
	}
	if s := f.secret(); s.Object.ID != "" {
		out.Version, out.Secret = f.version.Version, true
	}
	for _, field := range f.fields(ref) {
		part, err := backend.Pick(text, field)
		if err != nil {
			return none, aboutReference(err, ref)
		}
		text, isJSON = part, true
	}
	if isJSON {
		// A JSON string means its text.
		var s string
		if text[0] == '"' && json.Unmarshal(text, &s) == nil {
			text, isJSON = []byte(s), false
		}
	}
	out.Value, out.JSON = backend.NewPlaintext(text), isJSON
	return out, nil
}

// fields returns the paths to select, one inside the other: first the path of
// the link, then the path of the reference.
func (f *match) fields(ref backend.Ref) []string {
	var out []string
	if f.link.Object.ID != "" {
		if a, err := decodeAttributes(f.entry.Object); err == nil && a.LinkField != "" {
			out = append(out, a.LinkField)
		}
	}
	if ref.Field != "" {
		out = append(out, ref.Field)
	}
	return out
}

// trust checks the rows that a value depends on: those of the environment, the
// entry and the link. It checks all three, so that every missing key is recorded.
func (f *match) trust(keys *keyset, trusted map[string]error, known map[string]prefetched) error {
	if err := cmp.Or(f.entry.Object.Untrusted, f.link.Object.Untrusted); err != nil {
		return err
	}
	var entry, link error
	if !known[f.entry.Object.ID].signed {
		entry = f.project.verifyRow(f.entry.Object, keys)
	}
	if f.link.Object.ID != "" && !known[f.link.Object.ID].signed {
		link = f.project.verifyRow(f.link.Object, keys)
	}
	return cmp.Or(trusted[f.environment.ID], entry, link)
}

// verifyRow checks the MAC of a row under a key of the environment that the row
// belongs to.
func (p *project) verifyRow(o store.Object, keys *keyset) error {
	if o.Untrusted != nil {
		return o.Untrusted
	}
	id, err := signer(o)
	if err != nil {
		return err
	}
	home := o.Environment
	if isEnvironment(o.Kind) {
		home = o.ID
	}
	w, ok := p.environmentKeyByID(id)
	if !ok || w.Environment != home {
		return corrupt(o, "its row is signed with a key of another environment, or with a missing key")
	}
	key, err := keys.get(w)
	if err != nil {
		return err
	}
	return verify(key, o, p.row.Name)
}

// expired refuses an expired secret. Few secrets have an expiry, so it decodes
// the attributes only if they name one.
func expired(secret store.Object, now time.Time) error {
	if !bytes.Contains(secret.Attributes, []byte(`"expires_at"`)) {
		return nil
	}
	a, err := decodeAttributes(secret)
	if err != nil || a.ExpiresAt.IsZero() || now.Before(a.ExpiresAt) {
		return err
	}
	return backend.Errorf(backend.CodeDenied, "secret %q expired at %s", shownName(secret),
		a.ExpiresAt.Format(time.RFC3339)).
		WithHint("set a new value and a later expiry").At("expires_at")
}

// value returns what a reference means, before any field is selected.
func (f *match) value(
	ref backend.Ref, keys *keyset, known map[string]prefetched,
) (text []byte, isJSON bool, err error) {
	s := f.secret()
	if s.Object.ID == "" {
		a, err := decodeAttributes(f.entry.Object)
		return a.JSON, true, err
	}
	if ref.Reveal {
		a, err := decodeAttributes(s.Object)
		if err != nil {
			return nil, false, err
		}
		if a.Visibility == backend.Restricted {
			return nil, false, backend.Errorf(backend.CodeDenied,
				"secret %q is restricted: its value cannot be shown to a person", s.Object.Name).
				WithHint("refer to it in a configuration, or set a new value")
		}
	}
	if f.version.Object != s.Object.ID {
		return nil, false, corrupt(s.Object, "its version %d does not exist", s.Object.Version)
	}
	if f.version.Untrusted != nil {
		return nil, false, f.version.Untrusted
	}
	if k := known[s.Object.ID]; k.text != nil && k.version == f.version.Version {
		return k.text, f.version.IsJSON(), nil
	}
	w, ok := f.project.environmentKeyByID(f.version.EnvironmentKey)
	if !ok {
		return nil, false, corrupt(s.Object, "the environment key of version %d does not exist", f.version.Version)
	}
	key, err := keys.get(w)
	if err != nil {
		return nil, false, err
	}
	text, err = openVersion(key, s.Object, f.version)
	return text, f.version.IsJSON(), err
}

// aboutReference adds the reference to an error about its content.
func aboutReference(err *backend.Error, ref backend.Ref) *backend.Error {
	e := *err
	e.Message = ref.Kind.String() + " " + strconv.Quote(ref.Name) + ": " + err.Message
	return &e
}
