// SPDX-License-Identifier: MPL-2.0

package access_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

func TestTokensAreLongDifferentAndChecked(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		token, hash := access.NewToken()
		if seen[token] || len(token) < 50 || !strings.HasPrefix(token, access.Prefix) || len(hash) != 32 {
			t.Fatalf("a token of %d characters, hash of %d bytes", len(token), len(hash))
		}
		seen[token] = true
		if !access.WellFormed(token) {
			t.Fatal("a new token is not well-formed")
		}
		for i := range len(token) {
			mistyped := []byte(token)
			mistyped[i] ^= 1
			if access.WellFormed(string(mistyped)) {
				t.Fatalf("a change at %d is not detected", i)
			}
			if access.WellFormed(token[:i]) {
				t.Fatalf("a cut at %d is not detected", i)
			}
		}
	}
}

func TestAuthenticate(t *testing.T) {
	ctx := context.Background()
	s, err := sqlite.Create(ctx, filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	add := func(id string, expires time.Time) string {
		token, hash := access.NewToken()
		err := s.Update(ctx, func(tx store.Tx) error {
			return tx.InsertToken(ctx, store.Token{ID: id, Name: id, Role: backend.RoleRuntime, Hash: hash, CreatedAt: now,
				ExpiresAt: expires})
		})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	forever, short := add("forever", time.Time{}), add("short", now.Add(time.Hour))
	unknown, _ := access.NewToken()

	for name, c := range map[string]struct {
		token string
		at    time.Time
		want  string // the principal's name; "" for refused
	}{
		"no expiry":         {forever, now.AddDate(10, 0, 0), "forever"},
		"before it expires": {short, now.Add(time.Hour - time.Second), "short"},
		"at its expiry":     {short, now.Add(time.Hour), ""},
		"unknown":           {unknown, now, ""},
		"none":              {"", now, ""},
		"another scheme":    {"Bearer x", now, ""},
		"cut off":           {forever[:len(forever)-1], now, ""},
		"with a newline":    {forever + "\n", now, ""},
	} {
		p, err := access.Authenticate(ctx, s, c.token, c.at)
		if c.want == "" {
			if !errors.Is(err, backend.ErrUnauthenticated) || p != (backend.Principal{}) {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
			if c.token != "" && strings.Contains(err.Error(), c.token) {
				t.Errorf("%s: the error repeats the token", name)
			}
			continue
		}
		if err != nil || p.Name != c.want || p.Role != backend.RoleRuntime {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	_, expired := access.Authenticate(ctx, s, short, now.Add(2*time.Hour))
	_, never := access.Authenticate(ctx, s, unknown, now)
	if expired.Error() != never.Error() {
		t.Error("the errors for an expired and an unknown token differ")
	}
}

func TestGuardRefusesSingleReferences(t *testing.T) {
	next := &yes{}
	ctx := backend.WithPrincipal(context.Background(), backend.Principal{Name: "p", Role: backend.RoleRuntime})
	out, err := access.Guard(next).
		Resolve(ctx, []backend.Ref{{Name: "a", Reveal: true}, {Name: "b"}, {Name: "c", Reveal: true}, {Name: "d"}})
	if err != nil || len(out) != 4 {
		t.Fatal(len(out), err)
	}
	for i, want := range []string{"", "value of b", "", "value of d"} {
		if string(out[i].Value.Expose()) != want || (out[i].Err == nil) != (want != "") {
			t.Errorf("reference %d: %q, %v", i, out[i].Value.Expose(), out[i].Err)
		}
	}
	if next.refs != 2 {
		t.Errorf("%d references were passed on", next.refs)
	}
}
