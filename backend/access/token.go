// SPDX-License-Identifier: MPL-2.0

// Package access authenticates callers and checks their permissions.
//
// The client draws a token, and the backend stores only its SHA-256 hash.
// Authenticate returns the principal of a token, and Logins remembers it.
//
// A caller with an identity token of an issuer gets a session, whose token holds the trust and the subject, sealed. So
// each server knows it, and the row of the trust decides in each call.
//
// A token has a role, whose rights apply everywhere, or it has bindings, which give it the rights of a role at some
// places. Decide is the whole rule: a pure function of grants, a right and a place. The engine asks it, through a
// Directory, with the place of each object that a call concerns, because callers refer to objects by ids and links.
// Guard is a Service in front, which refuses what the role of a token never allows.
//
// # Limits
//
// Rights only add up: no binding takes a right away.
package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Prefix begins every token, so that secret scanners can detect it.
const Prefix = stored.TokenPrefix

const (
	randomBytes = 32 // 256 bits cannot be guessed, so a fast hash is enough
	checkDigits = 8
)

// NewToken returns a new random token and the hash that the backend stores. The
// token is Prefix, 32 random bytes in base64url and a checksum of eight hex
// digits, which detects a token that was cut off or mistyped.
func NewToken() (token string, hash []byte) {
	random := make([]byte, randomBytes)
	_, _ = rand.Read(random) // aborts the program rather than fail
	body := base64.RawURLEncoding.EncodeToString(random)
	token = Prefix + body + checksum(body)
	return token, HashToken(token)
}

// HashToken returns the SHA-256 of a token.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func checksum(body string) string {
	sum := sha256.Sum256([]byte(Prefix + body))
	return hex.EncodeToString(sum[:])[:checkDigits]
}

// WellFormed reports whether a token has the right form and checksum.
func WellFormed(token string) bool {
	rest, ok := strings.CutPrefix(token, Prefix)
	if !ok || len(rest) <= checkDigits {
		return false
	}
	body := rest[:len(rest)-checkDigits]
	return checksum(body) == rest[len(body):]
}

// checkForm refuses a text that is no token.
func checkForm(token string) error {
	switch {
	case token == "":
		return backend.Errorf(backend.CodeUnauthenticated, "a token is required").WithHint("set POUNCET_TOKEN")
	case !WellFormed(token):
		return backend.Errorf(backend.CodeUnauthenticated,
			"the token is not valid: it was cut off or mistyped, or is not a Pouncet token").
			WithHint("copy it again; a token begins with %s", Prefix)
	}
	return nil
}

// Authenticate returns the principal of a token. An unknown token and an expired
// one give the same ErrUnauthenticated. ErrDenied means that the token may not be
// used from the address of the caller, which the Origin in ctx has. Then
// the principal is returned too.
func Authenticate(ctx context.Context, s store.Store, token string, now time.Time) (backend.Principal, error) {
	if err := checkForm(token); err != nil {
		return backend.Principal{}, err
	}
	var p backend.Principal
	err := s.View(ctx, func(tx store.Tx) (err error) {
		p, err = principalOf(ctx, tx, HashToken(token), now)
		return err
	})
	return p, err
}

// principalOf returns the principal of the token with a hash, as Authenticate does.
func principalOf(ctx context.Context, tx store.Tx, hash []byte, now time.Time) (backend.Principal, error) {
	found, err := tx.TokenByHash(ctx, hash)
	unknown := backend.Errorf(backend.CodeUnauthenticated,
		"the token is unknown: it was revoked, has expired, or belongs to another backend").
		WithHint("an admin, or a user of the server's machine, creates a new one: pouncet token create")
	switch {
	case errors.Is(err, backend.ErrNotFound):
		return backend.Principal{}, unknown
	case err != nil:
		return backend.Principal{}, err
	case !found.ExpiresAt.IsZero() && !now.Before(found.ExpiresAt):
		return backend.Principal{}, unknown
	}
	p := backend.Principal{ID: found.ID, Name: found.Name, Role: found.Role, Kind: found.Principal}
	var a tokenAttributes
	if len(found.Attributes) > 0 && json.Unmarshal(found.Attributes, &a) != nil {
		return backend.Principal{}, backend.Errorf(backend.CodeCorrupt, "the attributes of token %s cannot be parsed",
			backend.Quote(found.Name)).WithHint("restore the database from a backup")
	}
	p.MadeBy = a.MadeBy
	return p, a.checkSource(ctx, found.Name)
}

// tokenAttributes are the stored attributes of a token that say whose it is, and from where it can be used.
type tokenAttributes struct {
	MadeBy       string   `json:"made_by"`
	SourceRanges []string `json:"source_ranges"`
}

// checkSource returns ErrDenied if a token may not be used from the address of the caller. A call without an address
// came through a Unix socket, from this machine.
func (a tokenAttributes) checkSource(ctx context.Context, name string) error {
	if len(a.SourceRanges) == 0 {
		return nil
	}
	address := cmp.Or(backend.OriginFrom(ctx).Address, thisMachine)
	from, err := netip.ParseAddr(address)
	if err == nil && slices.ContainsFunc(a.SourceRanges, func(text string) bool {
		p, ok := backend.ParseNetwork(text)
		return ok && p.Contains(from.Unmap().WithZone(""))
	}) {
		return nil
	}
	return backend.Errorf(backend.CodeDenied, "permission denied: token %q may not be used from address %s", name,
		address).WithHint("use it from one of its networks (--from); behind a proxy, check that the server trusts it " +
		"(--trusted-proxy)")
}

// thisMachine is the address of callers through a Unix socket.
const thisMachine = "127.0.0.1"
