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
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

const (
	// DefaultTTL is how long a Keyring uses a key before it asks the KMS again.
	DefaultTTL = 5 * time.Minute
	// DefaultMaxAge is how long a Keyring uses a key while the KMS is unavailable.
	DefaultMaxAge = time.Hour

	// retryAfter is the pause after a failed KMS call while a cached key can be used. Without the pause every read
	// would wait seconds for the KMS.
	retryAfter = 15 * time.Second
	// slowAfter is how long a read with a cached key waits for the KMS. Then it uses the cached key; the KMS call
	// continues.
	slowAfter = 2 * time.Second
	// fetchTimeout limits a KMS call. The caller's context does not end it, because others may wait for the same call.
	fetchTimeout = 30 * time.Second
)

const restoreDatabase = "restore the database from a backup"

// WrappedKey is an environment key as the database stores it.
type WrappedKey struct {
	ID          string
	Project     string
	Environment string // or backend.AnyEnvironment
	KMSKey      string // the URI of the KMS key that wrapped it
	Blob        []byte
}

// Options configure a Keyring.
type Options struct {
	// Deployment is the id of the database. Wrapped keys and sealed values do not open in another deployment.
	Deployment string
	// OpenKey opens a KMS key by its URI; nil means kms.Open. A Keyring opens each URI once and keeps the key.
	OpenKey func(ctx context.Context, uri string) (kms.Key, error)
	// TTL is how long a Keyring uses an environment key before it asks the KMS again. A disabled KMS key takes effect
	// after TTL at the latest. 0 means DefaultTTL.
	TTL time.Duration
	// MaxAge is how long a Keyring uses an environment key while the KMS is unavailable, counted from the last time
	// that the KMS unwrapped it. 0 means DefaultMaxAge.
	MaxAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Keyring unwraps environment keys and caches them. It is safe for concurrent use.
//
// It uses a key younger than TTL without a call. For an older key it calls the KMS:
//   - The KMS unwraps it: the key is used and its age starts again.
//   - The KMS refuses (ErrKeyUnusable): the key is removed from the cache.
//   - The KMS is unavailable: the cached key is used until MaxAge. The KMS is called again after 15 seconds.
//
// Concurrent callers that need the same key share one KMS call.
type Keyring struct {
	Lookups backend.CacheCount // of keys in memory

	options Options
	unwraps singleflight.Group

	mu      sync.Mutex
	kmsKeys map[string]kms.Key
	cached  map[identity]*cachedKey
	health  map[string]Health
}

// identity holds all fields of a WrappedKey, so that a changed row never gets the cached key of the earlier row.
type identity struct{ id, project, environment, kmsKey, blob string }

func (w WrappedKey) identity() identity {
	return identity{w.ID, w.Project, w.Environment, w.KMSKey, string(w.Blob)}
}

// callKey names the shared KMS call. The quotes keep the parts apart.
func (id identity) callKey() string {
	return fmt.Sprintf("%q %q %q %q %q", id.id, id.project, id.environment, id.kmsKey, id.blob)
}

type cachedKey struct {
	key     *Key
	fetched time.Time // when the KMS last unwrapped it
	retry   time.Time // during an outage: when to call the KMS again
}

// New returns an empty Keyring.
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
		cached:  map[identity]*cachedKey{},
		health:  map[string]Health{},
	}
}

// Generate makes a new environment key for w with one KMS call. All fields of w but Blob are required. Generate returns
// w with its Blob, for the caller to store, and the key, which is now cached. It returns the same errors as Key.
func (r *Keyring) Generate(ctx context.Context, w WrappedKey) (WrappedKey, *Key, error) {
	if err := w.check(); err != nil {
		return WrappedKey{}, nil, err
	}
	root, err := r.kmsKey(ctx, w.KMSKey)
	if err != nil {
		return WrappedKey{}, nil, err
	}
	plaintext, blob, err := root.GenerateDataKey(ctx, r.encryptionContext(w))
	if err != nil {
		r.recordOutage(ctx, w.KMSKey, err)
		return WrappedKey{}, nil, err
	}
	w.Blob = blob
	r.recordHealth(w, nil)
	key, err := r.cache(w, plaintext)
	if err != nil {
		return WrappedKey{}, nil, err
	}
	return w, key, nil
}

// Rewrap wraps the environment key of w under another KMS key. It returns the wrapped key, for the caller to store. The
// environment key stays the same, and so does everything that it seals and signs. It returns the same errors as Key.
func (r *Keyring) Rewrap(ctx context.Context, w WrappedKey, kmsKey string) (WrappedKey, error) {
	key, err := r.Key(ctx, w)
	if err != nil {
		return WrappedKey{}, err
	}
	root, err := r.kmsKey(ctx, kmsKey)
	if err != nil {
		return WrappedKey{}, err
	}
	w.KMSKey = kmsKey
	w.Blob, err = root.Encrypt(ctx, key.environmentKey(), r.encryptionContext(w))
	if err != nil {
		r.recordOutage(ctx, w.KMSKey, err)
		return WrappedKey{}, err
	}
	r.recordHealth(w, nil)
	_, err = r.cache(w, key.environmentKey())
	return w, err
}

// Key returns the environment key that w wraps, from memory where the rules of Keyring allow it. ErrKeyUnusable and
// ErrUnavailable mean the same as in kms.Key. ErrCorrupt means that w has no Blob. ErrInternal means that another field
// is missing. When ctx ends first, the error is ErrUnavailable and wraps ctx's error; other callers are not affected.
func (r *Keyring) Key(ctx context.Context, w WrappedKey) (*Key, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	if len(w.Blob) == 0 {
		return nil, backend.Errorf(backend.CodeCorrupt, "environment key %s is stored without its wrapped bytes", w.ID).
			WithHint(restoreDatabase)
	}
	id := w.identity()
	fresh, stale := r.lookup(id)
	r.Lookups.Count(fresh != nil)
	if fresh != nil {
		return fresh, nil
	}
	// Other callers may wait for the same call, so it does not end with the context of the caller that starts it.
	call := r.unwraps.DoChan(id.callKey(), func() (key any, err error) {
		// A panic in this goroutine would end the process.
		defer func() {
			if p := recover(); p != nil {
				err = backend.Errorf(backend.CodeInternal, "unwrapping environment key %s: internal error", w.ID)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return r.fetch(ctx, w)
	})
	var slow <-chan time.Time
	if stale != nil {
		timer := time.NewTimer(slowAfter)
		defer timer.Stop()
		slow = timer.C
	}
	for {
		select {
		case result := <-call:
			if result.Err != nil {
				return nil, result.Err
			}
			return result.Val.(*Key), nil
		case <-slow:
			slow = nil
			if key := r.postpone(id); key != nil { // nil if the KMS has just refused the key
				r.recordHealth(w, backend.Errorf(backend.CodeUnavailable,
					"KMS key %s has not answered for %v", w.KMSKey, slowAfter))
				return key, nil
			}
		case <-ctx.Done():
			e := backend.Errorf(backend.CodeUnavailable, "the call ended before environment key %s was unwrapped", w.ID)
			e.Err = ctx.Err()
			return nil, e
		}
	}
}

// fetch calls the KMS for a key and updates the cache. For each identity, one fetch runs at a time.
func (r *Keyring) fetch(ctx context.Context, w WrappedKey) (*Key, error) {
	// An earlier call may have ended after the caller looked into the cache.
	if fresh, _ := r.lookup(w.identity()); fresh != nil {
		return fresh, nil
	}
	plaintext, err := r.unwrap(ctx, w)
	r.recordHealth(w, err)
	if err == nil {
		return r.cache(w, plaintext)
	}
	if errors.Is(err, backend.ErrUnavailable) {
		if key := r.postpone(w.identity()); key != nil {
			return key, nil
		}
		return nil, err
	}
	r.forget(w.identity())
	return nil, err
}

func (r *Keyring) unwrap(ctx context.Context, w WrappedKey) ([]byte, error) {
	root, err := r.kmsKey(ctx, w.KMSKey)
	if err != nil {
		return nil, err
	}
	return root.Decrypt(ctx, w.Blob, r.encryptionContext(w))
}

// encryptionContext says where an environment key belongs. It holds ids only, because the KMS writes it to its log and
// names would reveal too much there.
func (r *Keyring) encryptionContext(w WrappedKey) map[string]string {
	return map[string]string{
		stored.ContextDeployment:     r.options.Deployment,
		stored.ContextProject:        w.Project,
		stored.ContextEnvironment:    w.Environment,
		stored.ContextEnvironmentKey: w.ID,
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
		return first, nil // another caller opened it at the same time, and it may be connected already
	}
	r.kmsKeys[uri] = key
	return key, nil
}

// Cached returns a key from memory without a KMS call, or nil if it takes one.
func (r *Keyring) Cached(w WrappedKey) *Key {
	fresh, _ := r.lookup(w.identity())
	if fresh != nil { // otherwise the caller calls Key, which counts
		r.Lookups.Count(true)
	}
	return fresh
}

// lookup returns a cached key: as fresh, if it can be used without a call; as stale, if the KMS must be called first
// and the key is only for an outage.
func (r *Keyring) lookup(id identity) (fresh, stale *Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.usable(id)
	switch now := r.options.Now(); {
	case c == nil:
		return nil, nil
	case now.Sub(c.fetched) < r.options.TTL, now.Before(c.retry):
		return c.key, nil
	default:
		return nil, c.key
	}
}

// postpone delays the next KMS call for a key by retryAfter and returns the key to use until then, or nil if no usable
// key is cached.
func (r *Keyring) postpone(id identity) *Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.usable(id)
	if c == nil {
		return nil
	}
	c.retry = r.options.Now().Add(retryAfter)
	return c.key
}

// usable returns the cached key if it is below its maximum age, and removes it otherwise. The caller holds mu.
func (r *Keyring) usable(id identity) *cachedKey {
	c := r.cached[id]
	if c == nil || r.options.Now().Sub(c.fetched) >= r.options.MaxAge {
		delete(r.cached, id)
		return nil
	}
	return c
}

func (r *Keyring) cache(w WrappedKey, plaintext []byte) (*Key, error) {
	if len(plaintext) != keySize {
		return nil, backend.Errorf(backend.CodeKeyUnusable, "environment key %s has %d bytes instead of %d",
			w.ID, len(plaintext), keySize).WithHint(restoreDatabase)
	}
	key, err := newKey(r.options.Deployment, w, plaintext)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.cached {
		r.usable(id) // removes a key past its maximum age, even if no caller ever asks for it again
	}
	r.cached[w.identity()] = &cachedKey{key: key, fetched: r.options.Now()}
	return key, nil
}

func (r *Keyring) forget(id identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.cached, id)
}

// check refuses a key with an empty id: an empty part of the encryption context would not bind the key to anything.
func (w WrappedKey) check() error {
	if w.ID == "" || w.Project == "" || w.Environment == "" || w.KMSKey == "" {
		return backend.Errorf(backend.CodeInternal, "environment key %s has no id, project, environment or KMS key",
			backend.Quote(w.ID))
	}
	return nil
}
