// SPDX-License-Identifier: MPL-2.0

package oidc

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// candidate is a trust whose issuer a token names.
type candidate struct {
	row     store.Object
	trust   backend.Trust
	keys    []publicKey // of the trust itself
	keysErr error       // why these cannot be read
	subject string      // once the token is accepted
}

// knownTrusts keeps the trusts in memory by their issuer, as the store had them at one generation. Anyone can send a
// token with any issuer, so a login must not read all trusts.
type knownTrusts struct {
	mu         sync.Mutex // never held while the store is read
	generation []byte
	byIssuer   map[string][]candidate
}

// all returns the trusts by issuer, as a transaction reads them. The caller does not change them.
func (k *knownTrusts) all(ctx context.Context, tx store.Tx) (map[string][]candidate, error) {
	generation, err := tx.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if byIssuer := k.at(generation); byIssuer != nil {
		return byIssuer, nil
	}
	byIssuer, err := readTrusts(ctx, tx)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.generation, k.byIssuer = generation, byIssuer
	return byIssuer, nil
}

// at returns the trusts of a generation, or nil if they are not in memory.
func (k *knownTrusts) at(generation []byte) map[string][]candidate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation == nil || !bytes.Equal(k.generation, generation) {
		return nil
	}
	return k.byIssuer
}

func readTrusts(ctx context.Context, tx store.Tx) (map[string][]candidate, error) {
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindTrust, Project: stored.DeploymentKey})
	if err != nil {
		return nil, err
	}
	out := map[string][]candidate{}
	for _, row := range rows {
		t, err := access.ReadTrust(row)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(row.Name, stored.HeldName) {
			continue // it was deleted, or waits for its own change
		}
		c := candidate{row: row, trust: t}
		if len(t.Keys) > 0 {
			c.keys, c.keysErr = parseKeys(t.Keys)
		}
		out[t.Issuer] = append(out[t.Issuer], c)
	}
	return out, nil
}
