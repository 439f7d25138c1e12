// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Health returns an error if the backend cannot serve calls: see Problems.
func (p *Parts) Health(ctx context.Context) error {
	_, err := p.Problems(ctx)
	return err
}

// Problems checks whether the database can be read, written and trusted, and whether the KMS keys of the stored keys
// can be used. It returns all problems, and as err the first with which the backend cannot serve calls. A KMS key that
// the KMS refuses is no such problem: only the environments of this key need it. Nor is a full disk, as long as reads
// can be recorded.
//
// It calls a KMS key only if the last call failed, or if the deployment key has not been unwrapped for a while.
func (p *Parts) Problems(ctx context.Context) (problems []error, err error) {
	full := p.Store.Check(ctx)
	if full != nil && !errors.Is(full, backend.ErrStorageFull) {
		return []error{full}, full
	}
	low, err := p.Reads.Check(ctx)
	changed, access := p.signed.CheckAccess(ctx)
	for _, err := range []error{err, access, p.recheckKeys(ctx)} {
		if err != nil {
			return []error{err}, err
		}
	}
	problems = append(problems, changed...)
	for _, err := range []error{full, low} {
		if err != nil {
			problems = append(problems, err)
		}
	}
	if p.replica != nil && p.replica.Problem() != nil {
		problems = append(problems, p.replica.Problem())
	}
	for _, h := range p.Keys.Health() {
		if h.Err == nil {
			continue
		}
		problems = append(problems, h.Err)
		if err == nil && !errors.Is(h.Err, backend.ErrKeyUnusable) {
			err = h.Err
		}
	}
	return problems, err
}

// recheckKeys calls the KMS keys again that failed, and forgets those that no stored key needs.
func (p *Parts) recheckKeys(ctx context.Context) error {
	if !slices.ContainsFunc(p.Keys.Health(), func(h envelope.Health) bool { return h.Err != nil }) {
		return nil
	}
	keys, err := p.storedKeys(ctx)
	if err != nil {
		return err
	}
	p.Keys.Recheck(ctx, func(kmsKey string) bool {
		return slices.ContainsFunc(keys, func(w envelope.WrappedKey) bool { return w.KMSKey == kmsKey })
	})
	return nil
}

// callKMS unwraps one stored key with each KMS key, unless it is in memory. Problems returns the errors.
func (p *Parts) callKMS(ctx context.Context) {
	keys, _ := p.storedKeys(ctx) // an error is a problem of the database
	called := map[string]bool{}
	for _, w := range keys {
		if !called[w.KMSKey] {
			called[w.KMSKey] = true
			_, _ = p.Keys.Key(ctx, w)
		}
	}
}

// Problems checks a backend. For an embedded one, it returns the problems of Parts.Problems, calls each KMS key, and
// returns what other users may do with the folder. For a server, it returns the problems that the server reports.
func (b *Backend) Problems(ctx context.Context) ([]error, error) {
	if b.parts == nil {
		return httpapi.Problems(ctx, b.Service)
	}
	problems := exposures(b.parts.Location)
	b.parts.callKMS(ctx)
	found, _ := b.parts.Problems(ctx)
	return append(problems, found...), nil
}

// storedKeys returns the deployment key and the keys of all environments, without those that cannot be trusted.
func (p *Parts) storedKeys(ctx context.Context) ([]envelope.WrappedKey, error) {
	keys, err := signed.DeploymentKeys(ctx, p.Store)
	if err != nil {
		return nil, err
	}
	err = p.Store.View(ctx, func(tx store.Tx) error {
		projects, err := tx.ProjectIDs(ctx)
		for _, project := range projects {
			var rows []store.EnvironmentKey
			if rows, err = tx.EnvironmentKeys(ctx, project); err != nil {
				return err
			}
			for _, k := range rows {
				keys = append(keys, envelope.WrappedKey{
					ID: k.ID, Project: k.Project, Environment: k.Environment, KMSKey: k.KMSKey, Blob: k.Wrapped,
				})
			}
		}
		return err
	})
	return keys, err
}
