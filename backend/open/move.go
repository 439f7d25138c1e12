// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
)

// A move takes a backend from one database to another, with its deployment id. From its begin, no program can use the
// source; until its end, none can use the target. So it can be interrupted at any time and repeated: it continues where
// it was. The target exists before the source is left. So a move of a source that was left does not create another
// target: the backend could be in use in the first one. The steps:
//
//  1. Verify the rows of the source, and that the target is empty or has a part of this backend.
//  2. Leave the source.
//  3. Copy what the target lacks, and compare all rows.
//  4. Wrap the keys of the KMS key that the servers do not have again, verify all rows of the target, and decrypt the
//     current values.
//  5. Make the target active, and mark the source as left.

// MoveOptions say how a backend is moved.
type MoveOptions struct {
	// KMSKey wraps the keys again that the default KMS key of the source has wrapped. "" leaves them.
	KMSKey string
	// OtherKMSKeys are the other KMS keys that the backend may use. A folder has its own list.
	OtherKMSKeys kms.Patterns
	// Report is called after each table was copied.
	Report func(table string, rows int)
}

// Moved describes a backend that was moved.
type Moved struct {
	Deployment string `json:"deployment"`
	KMSKey     string `json:"kms_key"`
	From       string `json:"from"`
	To         string `json:"to"`
	Rows       int    `json:"rows"`
}

// move is a move that runs.
type move struct {
	MoveOptions
	from     transfer.Source
	to       transfer.Target
	keys     *envelope.Keyring
	key      envelope.WrappedKey // the deployment key, as the source has it
	kmsKey   string              // the default KMS key of the source
	resuming bool                // the source was left before
}

// OpenTarget opens the target of a move for a deployment. ErrNotFound means that it does not exist, and that create is
// false.
type OpenTarget func(ctx context.Context, deployment string, create bool) (transfer.Target, error)

// MoveFolder moves the embedded backend that c names.
func MoveFolder(ctx context.Context, c Config, target OpenTarget, o MoveOptions) (Moved, error) {
	folder, files, leaving, err := sourceFolder(ctx, c, o)
	if err != nil {
		return Moved{}, err
	}
	defer files.Close() //nolint:errcheck // everything was committed
	s, err := readSettings(folder)
	if err != nil {
		return Moved{}, err
	}
	trusted := newTrustedKeys(folder, s)
	trusted.local = true // the user names the new key
	m := &move{MoveOptions: o, from: files, keys: keyring(files.Deployment(), trusted), kmsKey: s.KMSKey,
		resuming: leaving}
	if o.KMSKey != "" {
		if err := createKeyFile(folder, o.KMSKey); err != nil {
			return Moved{}, err
		}
		trusted.keys = append(trusted.keys, o.KMSKey)
	}
	if m.key, err = pinnedKey(ctx, files, s); err != nil {
		return Moved{}, err
	}
	if err := m.openTarget(ctx, target); err != nil {
		return Moved{}, err
	}
	defer m.to.Close() //nolint:errcheck // everything was committed
	return m.run(ctx)
}

// openTarget opens or creates the target.
func (m *move) openTarget(ctx context.Context, target OpenTarget) (err error) {
	m.to, err = target(ctx, m.from.Deployment(), !m.resuming)
	if m.resuming && errors.Is(err, backend.ErrNotFound) {
		return backend.Errorf(backend.CodeConflict, "the backend in %s is already being moved to another location",
			m.from.Location()).
			WithHint("repeat the command with that location, or undo the move first: pouncet move --undo --to LOCATION")
	}
	return err
}

// sourceFolder opens the database of a folder that is to be moved. It verifies the rows, unless that was done before.
func sourceFolder(
	ctx context.Context, c Config, o MoveOptions,
) (folder string, f sqlite.Files, leaving bool, err error) {
	if folder, err = Locate(c); err != nil {
		return "", f, false, err
	}
	c.Path = folder
	database, reads := filepath.Join(folder, databaseFile), filepath.Join(folder, readsFile)
	parts, openErr := embedded(ctx, c, true)
	if openErr == nil {
		err = errors.Join(parts.checkMovable(ctx, o), parts.Close())
		if err != nil {
			return "", f, false, err
		}
	}
	f, leaving, err = sqlite.OpenForTransfer(ctx, database, reads)
	switch {
	case openErr != nil && (err != nil || !leaving):
		if err == nil {
			_ = f.Close()
		}
		return "", f, false, openErr
	case err != nil:
		return "", f, false, err
	}
	return folder, f, leaving, nil
}

// checkMovable refuses a backend with rows that cannot be trusted, or with keys that no server could unwrap.
func (p *Parts) checkMovable(ctx context.Context, o MoveOptions) error {
	found, err := p.Verify(ctx)
	if err != nil {
		return err
	}
	if n := blocking(found); n > 0 {
		return errUntrustedRows("the backend", n)
	}
	s, err := readSettings(p.Location)
	if err != nil {
		return err
	}
	return p.Store.View(ctx, func(tx store.Tx) error {
		return eachKey(ctx, tx, func(k store.EnvironmentKey) error {
			if !strings.HasPrefix(k.KMSKey, "file:") || strings.HasPrefix(k.KMSKey, "file:///") ||
				k.KMSKey == s.KMSKey && o.KMSKey != "" {
				return nil
			}
			e := backend.Errorf(backend.CodeInvalid, "KMS key %s is a file in the folder of the backend, which servers do not "+
				"have", k.KMSKey)
			if k.KMSKey == s.KMSKey {
				return e.WithHint("name the KMS key of the servers with --kms-key; the keys are wrapped again")
			}
			return e.WithHint("give the environment that uses it another key: pouncet env set NAME --kms-key URI")
		})
	})
}

// blocking returns how many findings prevent a move. A changed idempotency record is moved as it is: no call trusts it
// in the target either, and nobody can delete it there before the move has ended.
func blocking(found []signed.Finding) (n int) {
	for _, f := range found {
		if f.Kind != signed.RecordKind {
			n++
		}
	}
	return n
}

func errUntrustedRows(where string, n int) error {
	return backend.Errorf(backend.CodeCorrupt, "%s has %s that cannot be trusted", where, backend.Plural(n, "row")).
		WithHint("see them with: pouncet doctor --storage")
}

// run moves the rows.
func (m *move) run(ctx context.Context) (Moved, error) {
	out := Moved{Deployment: m.from.Deployment(), KMSKey: m.kmsKey, From: m.from.Location(), To: m.to.Location()}
	if m.KMSKey != "" {
		out.KMSKey = m.KMSKey
	}
	progress, err := m.checkTarget(ctx)
	if err != nil {
		return out, err
	}
	if err := m.from.Leave(ctx); err != nil {
		return out, err
	}
	if progress == transfer.Copying {
		if out.Rows, err = m.copy(ctx); err != nil {
			return out, err
		}
	}
	if progress != transfer.Active {
		if err := m.finish(ctx); err != nil {
			return out, err
		}
		if err := m.to.SetProgress(ctx, transfer.Active); err != nil {
			return out, err
		}
	}
	return out, m.from.Left(ctx)
}

// checkTarget refuses a target with another backend, or one that is in use.
func (m *move) checkTarget(ctx context.Context) (transfer.Progress, error) {
	progress, err := m.to.Progress(ctx)
	if err != nil {
		return progress, err
	}
	if m.to.Deployment() != m.from.Deployment() || progress == transfer.Active && !m.resuming {
		return progress, backend.Errorf(backend.CodeExists, "%s already holds a backend, with the deployment id %s",
			m.to.Location(), m.to.Deployment()).WithHint("move to a folder that does not exist yet, or to an empty database")
	}
	return progress, nil
}

func (m *move) copy(ctx context.Context) (rows int, err error) {
	for _, t := range transfer.Tables {
		n, err := transfer.Copy(ctx, m.from, m.to, t)
		if err != nil {
			return rows, err
		}
		rows += n
		if m.Report != nil {
			m.Report(t.Name, n)
		}
	}
	for _, t := range transfer.Tables {
		if _, err := transfer.Compare(ctx, m.from, m.to, t); err != nil {
			return rows, err
		}
	}
	return rows, m.to.SetProgress(ctx, transfer.Copied)
}

// finish makes the rows of the target usable for its programs, and verifies them.
func (m *move) finish(ctx context.Context) error {
	if m.KMSKey != "" && m.KMSKey != m.kmsKey {
		if err := m.wrapAgain(ctx); err != nil {
			return err
		}
	}
	keys, err := signed.DeploymentKeys(ctx, m.to)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(w envelope.WrappedKey) bool { return w.ID == m.key.ID })
	if i < 0 {
		return backend.Errorf(backend.CodeCorrupt, "%s lacks the deployment key", m.to.Location())
	}
	rows := signed.New(m.to, m.keys, keys[i])
	found, err := rows.Verify(ctx)
	if err != nil {
		return err
	}
	faults, err := engine.New(rows, m.keys, engine.Options{Authorizer: access.NewDirectory()}).Faults(ctx)
	if err != nil {
		return err
	}
	if n := blocking(found) + len(faults); n > 0 {
		return errUntrustedRows(m.to.Location(), n)
	}
	return audit.Moved(withLocalUser(ctx), m.to, nil, m.from.Location(), m.to.Location())
}

// Undo says which move is undone.
type Undo struct {
	From transfer.Source
	Left bool            // the source was left
	To   transfer.Target // nil if the location holds nothing
	// Gone says that the target does not exist any more. Otherwise a source that was left has a target, so a location that
	// holds nothing is not the target.
	Gone bool
}

// UndoMove makes the source of a move that is not complete usable again, and empties the target. The source comes
// first: a target that is not complete can never be used, so an undo that was interrupted can be repeated.
func UndoMove(ctx context.Context, u Undo) error {
	if u.To == nil {
		if u.Left && !u.Gone {
			return backend.Errorf(backend.CodeConflict, "the location holds no part of the backend in %s; nothing was changed",
				u.From.Location()).WithHint("name the location of the unfinished move: pouncet move --undo --to LOCATION; if " +
				"its database was deleted, add --force")
		}
		return u.From.Return(ctx)
	}
	if u.To.Deployment() != u.From.Deployment() {
		return backend.Errorf(backend.CodeConflict, "%s holds another backend than %s", u.To.Location(),
			u.From.Location()).WithHint("name the location of the unfinished move: pouncet move --undo --to LOCATION")
	}
	progress, err := u.To.Progress(ctx)
	if err != nil {
		return err
	}
	if progress == transfer.Active {
		return backend.Errorf(backend.CodeConflict, "the move to %s is complete", u.To.Location()).
			WithHint("repeat the command without --undo, which marks the source; to go back, move it from there")
	}
	if err := u.From.Return(ctx); err != nil {
		return err
	}
	return u.To.Discard(ctx)
}

// MoveSource opens the folder of an embedded backend that is being moved, for UndoMove. It reports whether the folder
// was left.
func MoveSource(ctx context.Context, c Config) (from transfer.Source, left bool, err error) {
	folder, err := Locate(c)
	if err != nil {
		return nil, false, err
	}
	return filesIn(ctx, folder)
}

// MoveTarget opens the folder into which a backend is being moved, for UndoMove. ErrNotFound means that it has none.
func MoveTarget(ctx context.Context, folder string) (transfer.Target, error) {
	f, _, err := filesIn(ctx, folder)
	return f, err
}

func filesIn(ctx context.Context, folder string) (f sqlite.Files, left bool, err error) {
	return sqlite.OpenForTransfer(ctx, filepath.Join(folder, databaseFile), filepath.Join(folder, readsFile))
}
