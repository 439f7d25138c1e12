// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How the rows that match the references become values. The transaction has ended by then.

// open decrypts the matches, until ctx ends. It is called again after missing keys were fetched.
func (r *resolver) open(ctx context.Context, keys *keyset) []backend.Resolution {
	trusted := map[string]error{} // result of checking the row of an environment, by its id
	for i := range r.matches {
		if f := &r.matches[i]; f.err == nil {
			if _, done := trusted[f.environment.ID]; !done {
				trusted[f.environment.ID] = f.verifyRow(environmentRow, f.environment, keys)
			}
		}
	}
	out := make([]backend.Resolution, len(r.refs))
	inParallel(len(r.refs), func(i int) {
		if ctx.Err() != nil {
			return
		}
		resolution, err := r.openOne(r.refs[i], &r.matches[i], keys, trusted)
		if err != nil && !errors.Is(err, errNotReady) {
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
	if workers == 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var wg sync.WaitGroup
	var panicked atomic.Pointer[workerPanic]
	for w := range workers {
		wg.Go(func() {
			defer func() {
				if recover() != nil {
					panicked.Store(&workerPanic{debug.Stack()})
				}
			}()
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				f(i)
			}
		})
	}
	wg.Wait()
	if p := panicked.Load(); p != nil {
		panic(p)
	}
}

// workerPanic is a panic of another goroutine. It keeps the stack and not the argument, which may hold a value.
type workerPanic struct{ stack []byte }

// Error implements error, so that a program that ends by the panic shows where it began.
func (p *workerPanic) Error() string { return "panic in another goroutine:\n" + string(p.stack) }

// Stack returns the stack of the other goroutine.
func (p *workerPanic) Stack() []byte { return p.stack }

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
	if s := f.secret().Object; s.ID != "" {
		if err := r.access.check(f.project, s, ref.Reveal); err != nil {
			return none, err
		}
		if err := expired(s, r.now); err != nil {
			return none, err
		}
	}
	text, isJSON, err := f.value(ref, keys, r.prefetched)
	if err != nil {
		return none, err
	}
	if s := f.secret(); s.Object.ID != "" {
		out.Version, out.Secret, out.SecretID = f.version.Version, true, s.Object.ID
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
	if ref.Probe {
		return out, nil
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

// trust checks the rows that a value depends on: the rows of the environment, the
// entry and the link. It checks all three, so that every missing key is recorded.
func (f *match) trust(keys *keyset, trusted map[string]error, known map[string]prefetched) error {
	if err := cmp.Or(f.entry.Object.Untrusted, f.link.Object.Untrusted); err != nil {
		return err
	}
	var entry, link error
	if !known[f.entry.Object.ID].signed {
		entry = f.verifyRow(entryRow, f.entry.Object, keys)
	}
	if f.link.Object.ID != "" && !known[f.link.Object.ID].signed {
		link = f.verifyRow(linkRow, f.link.Object, keys)
	}
	return cmp.Or(trusted[f.environment.ID], entry, link)
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
