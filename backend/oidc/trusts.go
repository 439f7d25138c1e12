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
	trusts     *sortedTrusts
}

// sortedTrusts are the trusts as logins look for them.
type sortedTrusts struct {
	byIssuer       map[string][]candidate
	inCertificates []candidate
}

// all returns the trusts as a transaction reads them. The caller does not change them.
func (k *knownTrusts) all(ctx context.Context, tx store.Tx) (sortedTrusts, error) {
	generation, err := tx.Generation(ctx)
	if err != nil {
		return sortedTrusts{}, err
	}
	if known := k.at(generation); known != nil {
		return *known, nil
	}
	all, err := readTrusts(ctx, tx)
	if err != nil {
		return sortedTrusts{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.generation, k.trusts = generation, &all
	return all, nil
}

// at returns the trusts of a generation, or nil if they are not in memory.
func (k *knownTrusts) at(generation []byte) *sortedTrusts {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation == nil || !bytes.Equal(k.generation, generation) {
		return nil
	}
	return k.trusts
}

func readTrusts(ctx context.Context, tx store.Tx) (sortedTrusts, error) {
	out := sortedTrusts{byIssuer: map[string][]candidate{}}
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindTrust, Project: stored.DeploymentKey})
	if err != nil {
		return out, err
	}
	for _, row := range rows {
		t, err := access.ReadTrust(row)
		if err != nil {
			return out, err
		}
		if strings.HasPrefix(row.Name, stored.HeldName) {
			continue // it was deleted, or waits for its own change
		}
		c := candidate{row: row, trust: t}
		if len(t.Keys) > 0 {
			c.keys, c.keysErr = parseKeys(t.Keys)
		}
		if t.Certificate {
			out.inCertificates = append(out.inCertificates, c)
			continue
		}
		out.byIssuer[t.Issuer] = append(out.byIssuer[t.Issuer], c)
	}
	return out, nil
}
