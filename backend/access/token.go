// SPDX-License-Identifier: MPL-2.0

// Package access decides who may come in, and what they may do.
//
// A token is drawn by whoever makes it and known to the backend by its SHA-256
// hash alone; [Authenticate] turns one into a principal. [Guard] is a Service
// that holds every call of a principal against the table of roles before it
// passes it on.
//
// # Limits
//
// A role holds for the whole backend: it does not know projects or
// environments.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Prefix begins every token, so that scanners for leaked secrets can tell one.
const Prefix = stored.TokenPrefix

const (
	randomBytes = 32 // 256 bits: nothing to guess, so that a fast hash is enough
	checkDigits = 8
)

// NewToken draws a token: Prefix, 32 random bytes in base64url, and eight hex
// digits of a checksum, by which a token that was cut or mistyped is told from
// one that is not known. hash is what the backend keeps.
func NewToken() (token string, hash []byte) {
	random := make([]byte, randomBytes)
	_, _ = rand.Read(random) // never fails: it aborts the program instead
	body := base64.RawURLEncoding.EncodeToString(random)
	token = Prefix + body + checksum(body)
	return token, HashToken(token)
}

// HashToken is the SHA-256 of a token.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func checksum(body string) string {
	sum := sha256.Sum256([]byte(Prefix + body))
	return hex.EncodeToString(sum[:])[:checkDigits]
}

// WellFormed reports whether a token has the form of one, checksum included.
func WellFormed(token string) bool {
	rest, ok := strings.CutPrefix(token, Prefix)
	if !ok || len(rest) <= checkDigits {
		return false
	}
	body := rest[:len(rest)-checkDigits]
	return checksum(body) == rest[len(body):]
}

// Authenticate returns the principal whose token it is. ErrUnauthenticated is the same for a token that is
// unknown and for one that has expired.
func Authenticate(ctx context.Context, s store.Store, token string, now time.Time) (backend.Principal, error) {
	if token == "" {
		return backend.Principal{}, backend.Errorf(backend.CodeUnauthenticated, "a token is required").WithHint("set POUNCET_TOKEN")
	}
	if !WellFormed(token) {
		return backend.Principal{}, backend.Errorf(backend.CodeUnauthenticated, "the token is not one of Pouncet's, or was cut or mistyped").
			WithHint("tokens begin with %s; copy it again", Prefix)
	}
	var found store.Token
	err := s.View(ctx, func(tx store.Tx) (err error) {
		found, err = tx.TokenByHash(ctx, HashToken(token))
		return err
	})
	unknown := backend.Errorf(backend.CodeUnauthenticated, "the token is not known: it was revoked, has expired, or belongs to another backend").
		WithHint("make another with \"pouncet token create\"")
	switch {
	case errors.Is(err, backend.ErrNotFound):
		return backend.Principal{}, unknown
	case err != nil:
		return backend.Principal{}, err
	case !found.ExpiresAt.IsZero() && !now.Before(found.ExpiresAt):
		return backend.Principal{}, unknown
	}
	return backend.Principal{ID: found.ID, Name: found.Name, Role: found.Role}, nil
}
