// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Proving is the part of a store that knows who gives its records their hashes.
type Proving struct {
	prover Prover // nil if records get no hashes
}

// UseProver implements RecordLog.
func (p *Proving) UseProver(x Prover) { p.prover = x }

// Prover returns what gives records their hashes, or nil.
func (p *Proving) Prover() Prover { return p.prover }

// ProverReady returns an error if records of these logs could not get hashes.
func (p *Proving) ProverReady(ctx context.Context, kind LogKind, logs []string) error {
	if p.prover == nil {
		return nil
	}
	return p.prover.Ready(ctx, kind, logs)
}

// Proved adds records with add, and tells the prover before and after. If a log cannot be trusted, it asks the prover
// once more: another process may just have accepted the log as it is. Nothing was added then.
func (p *Proving) Proved(ctx context.Context, kind LogKind, records []Record, add func() error) error {
	logs := NamesOfLogs(records)
	if err := p.ProverReady(ctx, kind, logs); err != nil {
		return err
	}
	err := add()
	if p.prover != nil && errors.Is(err, backend.ErrCorrupt) {
		if err := p.prover.Ready(ctx, kind, logs); err != nil {
			return err
		}
		err = add()
	}
	if err != nil {
		return err
	}
	if p.prover != nil {
		p.prover.Added(kind, logs)
	}
	return nil
}
