// SPDX-License-Identifier: MPL-2.0

package oidc_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend/oidc/oidctest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How an attacker makes tokens.

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sign(t *testing.T, k oidctest.Key, claims map[string]any) string {
	return k.Sign(mustJSON(t, claims))
}

// unsigned returns a token with an algorithm that needs no private key: none, or a MAC with the public key as secret.
func unsigned(t *testing.T, claims map[string]any, algorithm string, key crypto.Signer) string {
	t.Helper()
	head := base64.RawURLEncoding.EncodeToString(mustJSON(t, map[string]any{"alg": algorithm, "kid": "first"}))
	text := head + "." + base64.RawURLEncoding.EncodeToString(mustJSON(t, claims))
	if key == nil {
		return text + "."
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// embedded returns a token that has its public key in its header.
func embedded(t *testing.T, claims map[string]any) string {
	t.Helper()
	k := oidctest.NewECDSA("first")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.Private},
		&jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(mustJSON(t, claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// mirrored returns a token whose signature (r, s) is (r, -s), which is valid too.
func mirrored(t *testing.T, token string) string {
	t.Helper()
	n := strings.LastIndex(token, ".")
	sig, err := base64.RawURLEncoding.DecodeString(token[n+1:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(elliptic.P256().Params().N, s)
	s.FillBytes(sig[32:])
	return token[:n+1] + base64.RawURLEncoding.EncodeToString(sig)
}

// records lists verb, code and principal of all records, and their details.
func (f *fixture) records() string {
	f.Helper()
	var b strings.Builder
	logs := []store.RecordLog{f.parts[0].Store, f.parts[0].Reads}
	for _, log := range logs {
		err := log.ViewRecords(context.Background(), func(tx store.RecordTx) error {
			all, err := tx.RecordsFrom(context.Background(), "", 0, 1000)
			for _, r := range all {
				fmt.Fprintf(&b, "%s %s %s %s\n", r.Verb, r.Code, r.Principal, r.Detail)
			}
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	return b.String()
}
