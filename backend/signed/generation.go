// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Generation implements store.Tx. A transaction that has raised the generation has none. ErrCorrupt means that a
// generation is not genuine, or older than one that this process has seen.
func (t *tx) Generation(ctx context.Context) ([]byte, error) {
	if t.raised {
		return nil, nil
	}
	sealed, err := t.Tx.Generation(ctx)
	if err != nil {
		return nil, err
	}
	return sealed, t.checkCurrent(store.GenerationState, sealed)
}

// Contents implements store.Tx. ErrCorrupt means the same as for Generation.
func (t *tx) Contents(ctx context.Context) ([]byte, error) {
	sealed, err := t.Tx.Contents(ctx)
	if err != nil || sealed == nil {
		return nil, err
	}
	return sealed, t.checkCurrent(store.ContentsState, sealed)
}

// ProjectContents implements store.Tx. ErrCorrupt means the same as for Generation.
func (t *tx) ProjectContents(ctx context.Context, project string) (store.State, error) {
	st, err := t.Tx.ProjectContents(ctx, project)
	if err != nil || st.Sealed == nil {
		return store.State{}, err
	}
	return st, t.checkCurrent(st.Name, st.Sealed)
}

// checkCurrent returns an error if a state is not genuine, or older than one that this process has seen.
func (t *tx) checkCurrent(name string, sealed []byte) error {
	if sealed == nil && t.seen[name] == 0 {
		return nil // an earlier version wrote the database, and nothing was changed since
	}
	st, err := t.openStored(name, sealed)
	if err != nil {
		return err
	}
	if t.known == nil && st.counter > t.seen[name] { // a transaction that writes may not commit
		t.store.raiseSeen(t.timeline, map[string]uint64{name: st.counter})
	}
	return nil
}

// raise gives the generation new bytes at the end of the transaction.
func (t *tx) raise() { t.raised = true }

// raiseIfKept raises the generation if the kinds of an object, before and after a change, are those that a process
// keeps in memory.
func (t *tx) raiseIfKept(kinds ...backend.Kind) {
	for _, k := range kinds {
		k = backend.Kind(strings.TrimPrefix(strings.TrimPrefix(string(k), stored.DeletedKind), stored.KeptKind))
		if !isEntry(k) && !isDraft(k) && k != backend.KindUsage {
			t.raise()
		}
	}
}

// saveGeneration makes saveStates write the generation again. Every sealing has a new salt, so its bytes never return.
func (t *tx) saveGeneration(ctx context.Context) error {
	if !t.raised {
		return nil
	}
	present, err := t.State(ctx, store.GenerationState)
	if err != nil {
		return err
	}
	if present == nil && t.seen[store.GenerationState] == 0 {
		t.created[store.GenerationState] = true
	}
	t.add(store.GenerationState, sum{})
	return nil
}
