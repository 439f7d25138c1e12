// SPDX-License-Identifier: MPL-2.0

package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

// constantByte is every byte of fakeKMS's data key.
const constantByte = 0xa7

// fakeKMS has one data key and does not wrap it. It counts calls and can fail or hang. Other tests use a real KMS.
type fakeKMS struct {
	calls atomic.Int64
	err   error         // if set, calls return it
	block chan struct{} // if set, calls wait until it is closed
	short bool          // return a data key of one byte
}

func fakeOpener(f *fakeKMS) func(context.Context, string) (kms.Key, error) {
	return func(context.Context, string) (kms.Key, error) { return f, nil }
}

func (f *fakeKMS) URI() string { return "fake" }

func (f *fakeKMS) GenerateDataKey(ctx context.Context, c map[string]string) (plaintext, wrapped []byte, err error) {
	plaintext, err = f.Decrypt(ctx, nil, c)
	return plaintext, []byte("wrapped"), err
}

func (f *fakeKMS) Encrypt(ctx context.Context, _ []byte, c map[string]string) ([]byte, error) {
	_, err := f.Decrypt(ctx, nil, c)
	return []byte("wrapped again"), err
}

func (f *fakeKMS) Decrypt(ctx context.Context, _ []byte, _ map[string]string) ([]byte, error) {
	f.calls.Add(1)
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return nil, backend.Errorf(backend.CodeUnavailable, "fake KMS: %w", ctx.Err())
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.short {
		return []byte{1}, nil
	}
	return bytes.Repeat([]byte{constantByte}, 32), nil
}

var (
	outage  = backend.Errorf(backend.CodeUnavailable, "fake KMS does not answer")
	refusal = backend.Errorf(backend.CodeKeyUnusable, "fake KMS key is disabled")
)

func wrapped(id string) envelope.WrappedKey {
	return envelope.WrappedKey{ID: id, Project: "p", Environment: "e", KMSKey: "fake", Blob: []byte("wrapped")}
}

// The TTL is 5 minutes and the maximum age is 1 hour.
func TestKeyringRules(t *testing.T) {
	type step struct {
		at    time.Duration // after the start
		kms   error         // what the KMS returns from now on
		want  error         // what Key returns
		calls int64         // the total number of KMS calls
	}
	const m = time.Minute
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"before the TTL ends, the KMS is not called", []step{
			{0, nil, nil, 1}, {4 * m, outage, nil, 1}, {5*m - 1, refusal, nil, 1},
		}},
		{"after the TTL, the KMS is called and the TTL starts again", []step{
			{0, nil, nil, 1}, {5 * m, nil, nil, 2}, {9 * m, refusal, nil, 2}, {10 * m, nil, nil, 3},
		}},
		{"in an outage, the key is used until the maximum age", []step{
			{0, nil, nil, 1}, {5 * m, outage, nil, 2}, {30 * m, outage, nil, 3}, {60*m - 1, outage, nil, 4},
			{60 * m, outage, backend.ErrUnavailable, 5}, {61 * m, outage, backend.ErrUnavailable, 6}, {62 * m, nil, nil, 7},
		}},
		{"the maximum age counts from the last unwrapping", []step{
			{0, nil, nil, 1}, {50 * m, nil, nil, 2}, {51 * m, outage, nil, 2}, {109 * m, outage, nil, 3},
			{110 * m, outage, backend.ErrUnavailable, 4},
		}},
		{"in an outage, the KMS is called again after 15 seconds", []step{
			{0, nil, nil, 1}, {5 * m, outage, nil, 2}, {5*m + 14*time.Second, outage, nil, 2},
			{5*m + 15*time.Second, outage, nil, 3},
		}},
		{"the maximum age ends the pause of 15 seconds", []step{
			{0, nil, nil, 1}, {60*m - time.Second, outage, nil, 2}, {60 * m, outage, backend.ErrUnavailable, 3},
		}},
		{"after an outage, the TTL counts again", []step{
			{0, nil, nil, 1}, {5 * m, outage, nil, 2}, {6 * m, nil, nil, 3}, {10 * m, refusal, nil, 3},
			{11 * m, refusal, backend.ErrKeyUnusable, 4},
		}},
		{"a refusal removes the key", []step{
			{0, nil, nil, 1}, {5 * m, refusal, backend.ErrKeyUnusable, 2}, {5*m + 1, outage, backend.ErrUnavailable, 3},
		}},
		{"a refusal after an outage removes the key", []step{
			{0, nil, nil, 1}, {5 * m, outage, nil, 2}, {6 * m, refusal, backend.ErrKeyUnusable, 3},
			{7 * m, outage, backend.ErrUnavailable, 4},
		}},
		{"without a cached key, an outage is an error", []step{
			{0, outage, backend.ErrUnavailable, 1}, {1, refusal, backend.ErrKeyUnusable, 2}, {2, nil, nil, 3},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			now := start
			f := &fakeKMS{}
			r := envelope.New(envelope.Options{Deployment: "d", OpenKey: fakeOpener(f), Now: func() time.Time { return now }})
			for i, s := range c.steps {
				now, f.err = start.Add(s.at), s.kms
				k, err := r.Key(t.Context(), wrapped("k"))
				if !errors.Is(err, s.want) || (k == nil) != (s.want != nil) {
					t.Fatalf("step %d, at %v: got %v and %v, want %v", i, s.at, k, err, s.want)
				}
				if got := f.calls.Load(); got != s.calls {
					t.Fatalf("step %d, at %v: got %d calls in total, want %d", i, s.at, got, s.calls)
				}
			}
		})
	}
}

func TestTTLIsNeverLongerThanMaxAge(t *testing.T) {
	now := time.Now()
	f := &fakeKMS{}
	r := envelope.New(envelope.Options{
		OpenKey: fakeOpener(f), TTL: time.Hour, MaxAge: time.Minute, Now: func() time.Time { return now },
	})
	if _, err := r.Key(t.Context(), wrapped("k")); err != nil {
		t.Fatal(err)
	}
	now, f.err = now.Add(time.Minute), outage
	if _, err := r.Key(t.Context(), wrapped("k")); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestGenerateCachesTheKey(t *testing.T) {
	f := &fakeKMS{}
	r := envelope.New(envelope.Options{OpenKey: fakeOpener(f)})
	w, made := generate(t, r, "fake")
	if string(w.Blob) != "wrapped" || w.ID != unwrapped.ID || w.KMSKey != "fake" {
		t.Errorf("got %+v", w)
	}
	got, err := r.Key(t.Context(), w)
	if err != nil || got != made {
		t.Errorf("got %v and error %v, want the generated key", got, err)
	}
	if n := f.calls.Load(); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

func TestGenerateDuringAnOutage(t *testing.T) {
	r := envelope.New(envelope.Options{OpenKey: fakeOpener(&fakeKMS{err: outage})})
	w := unwrapped
	w.KMSKey = "fake"
	w, k, err := r.Generate(t.Context(), w)
	if !errors.Is(err, backend.ErrUnavailable) || k != nil || w.Blob != nil {
		t.Errorf("got %v, want ErrUnavailable and nothing else", err)
	}
}

func TestChangedRowIsNotReadFromTheCache(t *testing.T) {
	f := &fakeKMS{}
	r := envelope.New(envelope.Options{OpenKey: fakeOpener(f)})
	if _, err := r.Key(t.Context(), wrapped("k")); err != nil {
		t.Fatal(err)
	}
	f.err = refusal
	for name, change := range map[string]func(w *envelope.WrappedKey){
		"id":          func(w *envelope.WrappedKey) { w.ID = "another" },
		"project":     func(w *envelope.WrappedKey) { w.Project = "another" },
		"environment": func(w *envelope.WrappedKey) { w.Environment = "another" },
		"KMS key":     func(w *envelope.WrappedKey) { w.KMSKey = "another" },
		"blob":        func(w *envelope.WrappedKey) { w.Blob = []byte("another") },
	} {
		w := wrapped("k")
		change(&w)
		if _, err := r.Key(t.Context(), w); !errors.Is(err, backend.ErrKeyUnusable) {
			t.Errorf("changed %s: got %v, want ErrKeyUnusable from the KMS", name, err)
		}
	}
	if _, err := r.Key(t.Context(), wrapped("k")); err != nil {
		t.Errorf("unchanged row: %v", err)
	}
}

func TestIncompleteWrappedKeyIsRefused(t *testing.T) {
	f := &fakeKMS{}
	r := envelope.New(envelope.Options{OpenKey: fakeOpener(f)})
	for name, change := range map[string]func(w *envelope.WrappedKey){
		"id":          func(w *envelope.WrappedKey) { w.ID = "" },
		"project":     func(w *envelope.WrappedKey) { w.Project = "" },
		"environment": func(w *envelope.WrappedKey) { w.Environment = "" },
		"KMS key":     func(w *envelope.WrappedKey) { w.KMSKey = "" },
	} {
		w := wrapped("k")
		change(&w)
		if _, err := r.Key(t.Context(), w); !errors.Is(err, backend.ErrInternal) {
			t.Errorf("without %s: got %v, want ErrInternal", name, err)
		}
		if _, _, err := r.Generate(t.Context(), w); !errors.Is(err, backend.ErrInternal) {
			t.Errorf("generating without %s: got %v, want ErrInternal", name, err)
		}
	}
	w := wrapped("k")
	w.Blob = nil
	if _, err := r.Key(t.Context(), w); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("without blob: got %v, want ErrCorrupt", err)
	}
	if n := f.calls.Load(); n != 0 {
		t.Errorf("%d KMS calls for incomplete keys, want 0", n)
	}
	f.short = true
	if _, err := r.Key(t.Context(), wrapped("k")); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("a data key of one byte: got %v, want ErrKeyUnusable", err)
	}
}

func TestConcurrentMissesMakeOneCall(t *testing.T) {
	f := &fakeKMS{block: make(chan struct{})}
	r := envelope.New(envelope.Options{OpenKey: fakeOpener(f)})
	keys := make([]*envelope.Key, 100)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			k, err := r.Key(t.Context(), wrapped("k"))
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	close(f.block)
	all.Wait()
	if n := f.calls.Load(); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	for _, k := range keys {
		if k != keys[0] {
			t.Fatal("callers got different keys")
		}
	}
}

func TestCancelledCallerDoesNotEndTheSharedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeKMS{block: make(chan struct{})}
		r := envelope.New(envelope.Options{OpenKey: fakeOpener(f)})
		cancelled, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := r.Key(cancelled, wrapped("k"))
			first <- err
		}()
		synctest.Wait() // the first caller has started the KMS call
		go func() {
			_, err := r.Key(t.Context(), wrapped("k"))
			second <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) || !errors.Is(err, backend.ErrUnavailable) {
			t.Errorf("cancelled caller: got %v, want ErrUnavailable around context.Canceled", err)
		}
		close(f.block)
		if err := <-second; err != nil {
			t.Errorf("second caller: %v", err)
		}
		if n := f.calls.Load(); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

// Times are asserted here because synctest's clock is exact.
func TestHangingKMSDelaysReadersWithACachedKeyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeKMS{}
		r := envelope.New(envelope.Options{OpenKey: fakeOpener(f)})
		key := func() (*envelope.Key, time.Duration, error) {
			start := time.Now()
			k, err := r.Key(t.Context(), wrapped("k"))
			return k, time.Since(start), err
		}
		cached, _, err := key()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		f.block = make(chan struct{})
		if k, took, err := key(); err != nil || k != cached || took != 2*time.Second {
			t.Errorf("with a cached key: got error %v after %v, want the key after 2s", err, took)
		}
		if _, took, err := key(); err != nil || took != 0 {
			t.Errorf("the next read: got error %v after %v, want the key after 0s", err, took)
		}
		time.Sleep(2 * time.Hour)
		if _, took, err := key(); !errors.Is(err, backend.ErrUnavailable) || took != 30*time.Second {
			t.Errorf("past the maximum age: got error %v after %v, want ErrUnavailable after 30s", err, took)
		}
	})
}

// The refusal comes after the caller got the cached key.
func TestLateRefusalRemovesTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeKMS{}
		r := envelope.New(envelope.Options{OpenKey: fakeOpener(f)})
		if _, err := r.Key(t.Context(), wrapped("k")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		f.block, f.err = make(chan struct{}), refusal
		if _, err := r.Key(t.Context(), wrapped("k")); err != nil {
			t.Fatalf("while the KMS hangs: %v", err)
		}
		close(f.block)
		synctest.Wait()
		if _, err := r.Key(t.Context(), wrapped("k")); !errors.Is(err, backend.ErrKeyUnusable) {
			t.Errorf("got %v, want ErrKeyUnusable", err)
		}
	})
}

func TestHealth(t *testing.T) {
	start := time.Now()
	now := start
	f := &fakeKMS{}
	r := envelope.New(envelope.Options{OpenKey: fakeOpener(f), Now: func() time.Time { return now }})
	if got := r.Health(); len(got) != 0 {
		t.Errorf("before the first call: %v", got)
	}
	for _, c := range []struct {
		after, since time.Duration
		err          error
	}{
		{0, 0, nil},
		{10 * time.Minute, 0, nil},
		{20 * time.Minute, 20 * time.Minute, outage},
		{30 * time.Minute, 20 * time.Minute, outage},
		{40 * time.Minute, 20 * time.Minute, refusal},
		{50 * time.Minute, 50 * time.Minute, nil},
	} {
		now, f.err = start.Add(c.after), c.err
		_, _ = r.Key(t.Context(), wrapped("k"))
		got := r.Health()
		if len(got) != 1 || got[0].KMSKey != "fake" || !errors.Is(got[0].Err, c.err) ||
			!got[0].Since.Equal(start.Add(c.since)) {
			t.Errorf("after %v: got %v, want %v since %v", c.after, got, c.err, c.since)
		}
	}
	w := wrapped("k")
	w.KMSKey = "another"
	_, _ = r.Key(t.Context(), w)
	if got := r.Health(); len(got) != 2 || got[0].KMSKey != "another" || got[1].KMSKey != "fake" {
		t.Errorf("got %v, want both keys in order", got)
	}
}

func TestOpenKeyIsCalledOncePerURI(t *testing.T) {
	opened := map[string]int{}
	f := &fakeKMS{}
	refused := backend.Errorf(backend.CodeInvalid, "not a KMS key of this configuration")
	r := envelope.New(envelope.Options{OpenKey: func(_ context.Context, uri string) (kms.Key, error) {
		opened[uri]++
		if uri != "fake" {
			return nil, refused
		}
		return f, nil
	}})
	for _, id := range []string{"a", "b", "c"} {
		if _, err := r.Key(t.Context(), wrapped(id)); err != nil {
			t.Fatal(err)
		}
	}
	if opened["fake"] != 1 || f.calls.Load() != 3 {
		t.Errorf("opened %d times for %d KMS calls, want once for 3", opened["fake"], f.calls.Load())
	}
	w := wrapped("k")
	w.KMSKey = "aws-kms:///alias/another-configuration"
	if _, err := r.Key(t.Context(), w); !errors.Is(err, refused) {
		t.Errorf("got %v, want the error of OpenKey", err)
	}
	if _, _, err := r.Generate(t.Context(), w); !errors.Is(err, refused) {
		t.Errorf("generating: got %v, want the error of OpenKey", err)
	}
}
