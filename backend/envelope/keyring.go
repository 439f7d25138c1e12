// SPDX-License-Identifier: MPL-2.0

package envelope

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

const (
	// DefaultTTL and DefaultMaxAge are how long a Keyring uses a key unasked,
	// and how long at most while the KMS does not answer.
	DefaultTTL    = 5 * time.Minute
	DefaultMaxAge = time.Hour

	// retryAfter is how long a KMS that did not answer is left alone while
	// there are cached keys: asking it takes seconds, at every read.
	retryAfter = 15 * time.Second
	// patience is how long a read that has a cached key waits for a KMS that
	// is slow to confirm it. The call goes on without it.
	patience = 2 * time.Second
	// fetchTimeout ends a KMS call that no caller's context does.
	fetchTimeout = 30 * time.Second
)

// WrappedKey is an environment key as it is stored.
type WrappedKey struct {
	ID          string
	Project     string
	Environment string // or backend.AnyEnvironment
	KMSKey      string // URI of the KMS key that wrapped it
	Blob        []byte
}

// Options configure a Keyring.
type Options struct {
	// Deployment is the id of the database. A copy of a wrapped key or of a
	// sealed value does not open in another deployment.
	Deployment string
	// OpenKey finds a KMS key by URI; nil means kms.Open. A Keyring asks for
	// each URI once, and keeps the key.
	OpenKey func(ctx context.Context, uri string) (kms.Key, error)
	// TTL is how long an environment key is used before the KMS is asked for it
	// again: how soon a disabled KMS key takes effect. 0 means DefaultTTL.
	TTL time.Duration
	// MaxAge is how long an environment key is used at most while the KMS is
	// unavailable, counted from when the KMS last gave it out. 0 means DefaultMaxAge.
	MaxAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Keyring unwraps environment keys and holds them for a while. It is safe for
// concurrent use.
//
// A key younger than TTL is used as it is. An older one is asked for again: if
// the KMS gives it out, it is as new; if the KMS refuses (ErrKeyUnusable), the
// key is forgotten at once; if the KMS is unavailable, the key is used on, and
// the KMS asked again every 15 seconds, until MaxAge. Concurrent callers that
// need the same key make one KMS call between them.
type Keyring struct {
	options Options
	flights singleflight.Group

	mu      sync.Mutex
	kmsKeys map[string]kms.Key
	held    map[identity]*holding
	health  map[string]Health
}

// identity is all of a WrappedKey. A row that was changed is never answered
// from what was held for the row before.
type identity struct{ id, project, environment, kmsKey, blob string }

func (w WrappedKey) identity() identity {
	return identity{w.ID, w.Project, w.Environment, w.KMSKey, string(w.Blob)}
}

// flight names the call that fetches it; quoting keeps the parts apart.
func (id identity) flight() string {
	return fmt.Sprintf("%q %q %q %q %q", id.id, id.project, id.environment, id.kmsKey, id.blob)
}

// holding is a cached key.
type holding struct {
	key     *Key
	fetched time.Time // when the KMS last gave it out
	retry   time.Time // not to be asked for again before, during an outage
}

// New makes a Keyring that holds nothing yet.
func New(o Options) *Keyring {
	if o.OpenKey == nil {
		o.OpenKey = kms.Open
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.TTL, o.MaxAge = cmp.Or(o.TTL, DefaultTTL), cmp.Or(o.MaxAge, DefaultMaxAge)
	o.TTL = min(o.TTL, o.MaxAge)
	return &Keyring{
		options: o,
		kmsKeys: map[string]kms.Key{},
		held:    map[identity]*holding{},
		health:  map[string]Health{},
	}
}

// Generate makes a new environment key for w, which has everything but a Blob, by one
// KMS call. It returns w with its Blob, to be stored, and the key, which the
// Keyring holds from then on. The errors are those of Key, and ErrInternal for
// a w that is not complete.
func (r *Keyring) Generate(ctx context.Context, w WrappedKey) (WrappedKey, *Key, error) {
	if err := w.check(); err != nil {
		return WrappedKey{}, nil, err
	}
	root, err := r.kmsKey(ctx, w.KMSKey)
	if err != nil {
		return WrappedKey{}, nil, err
	}
	plaintext, blob, err := root.GenerateDataKey(ctx, r.encryptionContext(w))
	if ctx.Err() == nil {
		r.note(w.KMSKey, err)
	}
	if err != nil {
		return WrappedKey{}, nil, err
	}
	w.Blob = blob
	key, err := r.hold(w, plaintext)
	if err != nil {
		return WrappedKey{}, nil, err
	}
	return w, key, nil
}

// Key returns the environment key that w is the wrapped form of, from memory where
// the rules of Keyring allow it. ErrKeyUnusable and ErrUnavailable are as
// kms.Key has them; ErrCorrupt says that w has no Blob. When ctx ends first,
// the error is ErrUnavailable around ctx's, and nobody else's call suffers.
func (r *Keyring) Key(ctx context.Context, w WrappedKey) (*Key, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	if len(w.Blob) == 0 {
		return nil, backend.Errorf(backend.CodeCorrupt, "environment key %s has lost its wrapped form", w.ID).
			WithHint("restore its row from a backup")
	}
	id := w.identity()
	fresh, stale := r.lookup(id)
	if fresh != nil {
		return fresh, nil
	}
	// The flight outlives the caller that happens to start it.
	flight := r.flights.DoChan(id.flight(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return r.fetch(ctx, w)
	})
	var tired <-chan time.Time
	if stale != nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		tired = timer.C
	}
	for {
		select {
		case landed := <-flight:
			if landed.Err != nil {
				return nil, landed.Err
			}
			return landed.Val.(*Key), nil
		case <-tired:
			tired = nil
			if key := r.postpone(id); key != nil { // unless it was refused this moment
				r.note(w.KMSKey, backend.Errorf(backend.CodeUnavailable, "KMS key %s has not answered for %v", w.KMSKey, patience))
				return key, nil
			}
		case <-ctx.Done():
			e := backend.Errorf(backend.CodeUnavailable, "environment key %s was not unwrapped before the call ended", w.ID)
			e.Err = ctx.Err()
			return nil, e
		}
	}
}

// fetch asks the KMS for a key. It runs once at a time for each identity.
func (r *Keyring) fetch(ctx context.Context, w WrappedKey) (*Key, error) {
	// Another flight may have landed between the caller's look and this one.
	if fresh, _ := r.lookup(w.identity()); fresh != nil {
		return fresh, nil
	}
	plaintext, err := r.unwrap(ctx, w)
	r.note(w.KMSKey, err)
	if err == nil {
		return r.hold(w, plaintext)
	}
	if errors.Is(err, backend.ErrUnavailable) {
		if key := r.postpone(w.identity()); key != nil {
			return key, nil
		}
		return nil, err
	}
	r.drop(w.identity())
	return nil, err
}

func (r *Keyring) unwrap(ctx context.Context, w WrappedKey) ([]byte, error) {
	root, err := r.kmsKey(ctx, w.KMSKey)
	if err != nil {
		return nil, err
	}
	return root.Decrypt(ctx, w.Blob, r.encryptionContext(w))
}

// encryptionContext says where an environment key belongs, in ids: the KMS writes it
// to its log, where names would tell more than they should.
func (r *Keyring) encryptionContext(w WrappedKey) map[string]string {
	return map[string]string{
		"pouncet:deployment":  r.options.Deployment,
		"pouncet:project":     w.Project,
		"pouncet:environment": w.Environment,
		"pouncet:scope-key":   w.ID,
	}
}

func (r *Keyring) kmsKey(ctx context.Context, uri string) (kms.Key, error) {
	r.mu.Lock()
	key, ok := r.kmsKeys[uri]
	r.mu.Unlock()
	if ok {
		return key, nil
	}
	key, err := r.options.OpenKey(ctx, uri)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.kmsKeys[uri]; ok {
		return first, nil // opened at the same time; it may be connected already
	}
	r.kmsKeys[uri] = key
	return key, nil
}

// AtHand returns a key without asking the KMS: nil if that would be needed.
func (r *Keyring) Cached(w WrappedKey) *Key {
	fresh, _ := r.lookup(w.identity())
	return fresh
}

// lookup returns a held key: as fresh, if it is to be used as it is; as stale,
// if the KMS is to be asked first, and the key used should it not answer.
func (r *Keyring) lookup(id identity) (fresh, stale *Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.live(id)
	switch now := r.options.Now(); {
	case h == nil:
		return nil, nil
	case now.Sub(h.fetched) < r.options.TTL, now.Before(h.retry):
		return h.key, nil
	default:
		return nil, h.key
	}
}

// postpone leaves the KMS alone for a while, and returns the key that is to be
// used meanwhile: nil if none is held, or none is young enough.
func (r *Keyring) postpone(id identity) *Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.live(id)
	if h == nil {
		return nil
	}
	h.retry = r.options.Now().Add(retryAfter)
	return h.key
}

// live is what is held under id, if it is below its maximum age. The caller
// holds mu.
func (r *Keyring) live(id identity) *holding {
	h := r.held[id]
	if h == nil || r.options.Now().Sub(h.fetched) >= r.options.MaxAge {
		delete(r.held, id)
		return nil
	}
	return h
}

func (r *Keyring) hold(w WrappedKey, plaintext []byte) (*Key, error) {
	if len(plaintext) != keySize {
		return nil, backend.Errorf(backend.CodeKeyUnusable, "environment key %s has %d bytes instead of %d", w.ID, len(plaintext), keySize).
			WithHint("restore its row from a backup")
	}
	key, err := newKey(r.options.Deployment, w, plaintext)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.held {
		r.live(id) // forgets those past their age, which nobody may ever ask for again
	}
	r.held[w.identity()] = &holding{key: key, fetched: r.options.Now()}
	return key, nil
}

func (r *Keyring) drop(id identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, id)
}

// check refuses a key without a place: an empty part in the encryption context
// would bind it to nothing.
func (w WrappedKey) check() error {
	if w.ID == "" || w.Project == "" || w.Environment == "" || w.KMSKey == "" {
		return backend.Errorf(backend.CodeInternal, "environment key %s lacks its id, project, environment or KMS key", backend.Quote(w.ID))
	}
	return nil
}
