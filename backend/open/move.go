// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"os"
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
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A move takes a backend from one database to another, with its deployment id. From its begin, no program can use the
// source; until its end, none can use the target. So it can be interrupted at any time and repeated: it continues where
// it was. The steps:
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

// MoveFolder moves the embedded backend that c names. target opens or creates the target for a deployment.
func MoveFolder(
	ctx context.Context, c Config, target func(ctx context.Context, deployment string) (transfer.Target, error),
	o MoveOptions,
) (Moved, error) {
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
	if m.to, err = target(ctx, files.Deployment()); err != nil {
		return Moved{}, err
	}
	defer m.to.Close() //nolint:errcheck // everything was committed
	return m.run(ctx)
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
	if len(found) > 0 {
		return errUntrustedRows("the backend", len(found))
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

func errUntrustedRows(where string, n int) error {
	return backend.Errorf(backend.CodeCorrupt, "%s has %s that cannot be trusted", where, backend.Plural(n, "row")).
		WithHint("see them with: pouncet doctor --storage")
}

// eachKey calls f for each environment key, and for the deployment key.
func eachKey(ctx context.Context, tx store.Tx, f func(store.EnvironmentKey) error) error {
	projects, err := tx.ProjectIDs(ctx)
	if err != nil {
		return err
	}
	for _, p := range append(projects, stored.DeploymentKey) {
		if p == "" {
			continue
		}
		keys, err := tx.EnvironmentKeys(ctx, p)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := f(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// pinnedKey returns the deployment key that the settings name.
func pinnedKey(ctx context.Context, from transfer.Database, s settings) (envelope.WrappedKey, error) {
	keys, err := deploymentKeys(ctx, from)
	if err != nil {
		return envelope.WrappedKey{}, err
	}
	for _, w := range keys {
		if s.Deployment != nil && w.ID == s.Deployment.Key && w.KMSKey == s.Deployment.KMSKey {
			return w, nil
		}
	}
	return envelope.WrappedKey{}, backend.Errorf(backend.CodeCorrupt,
		"the database does not have the deployment key that %s names", configFile).
		WithHint("restore %s and %s from the same backup", databaseFile, configFile)
}

// deploymentKeys reads the deployment keys of a database that may be left.
func deploymentKeys(ctx context.Context, from transfer.Database) ([]envelope.WrappedKey, error) {
	i := slices.IndexFunc(transfer.Tables, func(t transfer.Table) bool { return t.Name == "environment_key" })
	t := transfer.Tables[i]
	column := func(r transfer.Row, name string) any { return r[slices.Index(t.Columns, name)] }
	var out []envelope.WrappedKey
	for r, err := range from.Rows(ctx, t) {
		if err != nil {
			return nil, err
		}
		if column(r, "project") == stored.DeploymentKey && column(r, "environment") == stored.DeploymentKey {
			out = append(out, signed.DeploymentKey(column(r, "id").(string), column(r, "kms_key").(string),
				column(r, "wrapped").([]byte)))
		}
	}
	return out, nil
}

// run moves the rows.
func (m *move) run(ctx context.Context) (Moved, error) {
	out := Moved{Deployment: m.from.Deployment(), KMSKey: m.kmsKey, From: m.from.Place(), To: m.to.Place()}
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
			m.to.Place(), m.to.Deployment()).WithHint("move to an empty place")
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
		return backend.Errorf(backend.CodeCorrupt, "%s lacks the deployment key", m.to.Place())
	}
	rows := signed.New(m.to, m.keys, keys[i])
	found, err := rows.Verify(ctx)
	if err != nil {
		return err
	}
	faults, err := engine.New(rows, m.keys, engine.Options{Authorizer: access.Rights{}}).Faults(ctx)
	if err != nil {
		return err
	}
	if n := len(found) + len(faults); n > 0 {
		return errUntrustedRows(m.to.Place(), n)
	}
	return audit.Moved(withLocalUser(ctx), m.to, nil, m.from.Place(), m.to.Place())
}

// wrapAgain wraps the keys of the target under another KMS key. The deployment key is last, so that a repetition finds
// the others done.
func (m *move) wrapAgain(ctx context.Context) error {
	old := m.key
	current, err := signed.DeploymentKeys(ctx, m.to)
	if err != nil {
		return err
	}
	for _, w := range current {
		if w.ID == m.key.ID {
			old = w
		}
	}
	rows := signed.New(m.to, m.keys, old)
	var environments, deployments []store.EnvironmentKey
	if err := rows.View(ctx, func(tx store.Tx) error {
		environments, deployments = nil, nil
		return eachKey(ctx, tx, func(k store.EnvironmentKey) error {
			switch {
			case k.KMSKey != m.kmsKey:
			case k.Project == stored.DeploymentKey:
				deployments = append(deployments, k)
			default:
				environments = append(environments, k)
			}
			return nil
		})
	}); err != nil {
		return err
	}
	for _, keys := range [][]store.EnvironmentKey{environments, deployments} {
		for i, k := range keys {
			w, err := m.keys.Rewrap(ctx, envelope.WrappedKey{ID: k.ID, Project: k.Project, Environment: k.Environment,
				KMSKey: k.KMSKey, Blob: k.Wrapped}, m.KMSKey)
			if err != nil {
				return err
			}
			keys[i].KMSKey, keys[i].Wrapped = w.KMSKey, w.Blob
		}
	}
	replace := func(s store.Store, keys []store.EnvironmentKey) error {
		if len(keys) == 0 {
			return nil
		}
		return s.Update(ctx, func(tx store.Tx) error {
			for _, k := range keys {
				if err := tx.UpdateEnvironmentKey(ctx, k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := replace(rows, environments); err != nil {
		return err
	}
	return replace(m.to, deployments) // the deployment key is not signed
}

// UndoMove makes the source of a move that is not complete usable again, and empties the target. A nil target means
// that nothing was written there.
func UndoMove(ctx context.Context, from transfer.Source, to transfer.Target) error {
	if to != nil && to.Deployment() == from.Deployment() {
		progress, err := to.Progress(ctx)
		if err != nil {
			return err
		}
		if progress == transfer.Active {
			return backend.Errorf(backend.CodeConflict, "the move to %s is complete", to.Place()).
				WithHint("repeat the command without --undo, which marks the source; to go back, move it from there")
		}
		if err := to.Discard(ctx); err != nil {
			return err
		}
	}
	return from.Return(ctx)
}

// MoveSource opens the folder of an embedded backend that is being moved, for UndoMove.
func MoveSource(ctx context.Context, c Config) (transfer.Source, error) {
	folder, err := Locate(c)
	if err != nil {
		return nil, err
	}
	return filesIn(ctx, folder)
}

// MoveTarget opens the folder into which a backend is being moved, for UndoMove. ErrNotFound means that it has none.
func MoveTarget(ctx context.Context, folder string) (transfer.Target, error) {
	return filesIn(ctx, folder)
}

func filesIn(ctx context.Context, folder string) (sqlite.Files, error) {
	f, _, err := sqlite.OpenForTransfer(ctx, filepath.Join(folder, databaseFile), filepath.Join(folder, readsFile))
	return f, err
}

// MoveToFolder moves a backend into a new folder, whose KMS key is that of o. left says that the source was left
// before.
func MoveToFolder(
	ctx context.Context, from transfer.Source, left bool, folder string, o MoveOptions,
) (out Moved, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return out, absolutePathError(folder, err)
	}
	found, err := deploymentKeys(ctx, from)
	switch {
	case err != nil:
		return out, err
	case len(found) != 1 || found[0].KMSKey != o.KMSKey:
		return out, backend.Errorf(backend.CodeInvalid, "the deployment key of %s is not wrapped by KMS key %s", from.Place(),
			o.KMSKey).WithHint("name the key of its servers with --kms-key")
	}
	s := settings{KMSKey: o.KMSKey, Deployment: &deployment{from.Deployment(), found[0].ID, o.KMSKey}}
	trusted := newTrustedKeys(folder, s)
	trusted.named = o.OtherKMSKeys
	m := &move{MoveOptions: MoveOptions{Report: o.Report}, from: from, kmsKey: o.KMSKey, key: found[0], resuming: left,
		keys: keyring(from.Deployment(), trusted)}
	if s.OtherKMSKeys, err = otherKeys(ctx, m, o); err != nil {
		return out, err
	}
	trusted.keys = append(trusted.keys, s.OtherKMSKeys...)
	if !left {
		if err := m.verifySource(ctx); err != nil {
			return out, err
		}
	}
	if m.to, err = targetFolder(ctx, folder, from.Deployment(), s); err != nil {
		return out, err
	}
	defer m.to.Close() //nolint:errcheck // everything was committed
	return m.run(ctx)
}

// otherKeys returns the other KMS keys that the backend uses, if they are allowed.
func otherKeys(ctx context.Context, m *move, o MoveOptions) (other []string, err error) {
	i := slices.IndexFunc(transfer.Tables, func(t transfer.Table) bool { return t.Name == "environment_key" })
	t := transfer.Tables[i]
	column := slices.Index(t.Columns, "kms_key")
	for r, err := range m.from.Rows(ctx, t) {
		if err != nil {
			return nil, err
		}
		uri := r[column].(string)
		switch {
		case uri == o.KMSKey || slices.Contains(other, uri):
		case !o.OtherKMSKeys.Match(uri):
			return nil, backend.Errorf(backend.CodeDenied, "the backend uses KMS key %s", backend.Quote(uri)).
				WithHint("allow it with --allow-kms-key and a pattern for this key")
		default:
			other = append(other, uri)
		}
	}
	return other, nil
}

func (m *move) verifySource(ctx context.Context) error {
	found, err := signed.New(m.from, m.keys, m.key).Verify(ctx)
	if err == nil && len(found) > 0 {
		err = errUntrustedRows(m.from.Place(), len(found))
	}
	return err
}

// targetFolder opens or creates the files of a backend that is moved into a folder. It changes nothing in a folder with
// another backend.
func targetFolder(ctx context.Context, folder, deployment string, s settings) (transfer.Target, error) {
	database, reads := filepath.Join(folder, databaseFile), filepath.Join(folder, readsFile)
	if !Exists(folder) {
		if err := newTargetFolder(ctx, folder, deployment); err != nil {
			return nil, err
		}
	}
	empty, err := sqlite.IsBeingFilled(ctx, database, deployment)
	if err != nil {
		return nil, err
	}
	if empty {
		err := sqlite.CreateReadLog(ctx, reads, deployment)
		if err != nil && !errors.Is(err, backend.ErrExists) {
			return nil, err
		}
		if err := errors.Join(writeSettings(folder, s), writeFile(folder, gitignoreFile, "*\n")); err != nil {
			return nil, err
		}
	}
	f, _, err := sqlite.OpenForTransfer(ctx, database, reads)
	return f, err
}

func newTargetFolder(ctx context.Context, folder, deployment string) error {
	if err := checkFolder(folder); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.Chmod(folder, 0o700)); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "creating the backend's folder: %w", err).
			WithHint("choose a folder that you can write to")
	}
	return sqlite.CreateForTransfer(ctx, filepath.Join(folder, databaseFile), deployment)
}
