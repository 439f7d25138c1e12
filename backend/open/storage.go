// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// CheckIntegrity returns an error if the file of the database, or that with the records of reads, is damaged. It reads
// the whole files, and compares each index with its table. PostgreSQL checks its files itself, and the ids of its
// objects are compared with them.
func (p *Parts) CheckIntegrity(ctx context.Context) error {
	for _, part := range []any{p.signed.Store, p.Reads} {
		if file, ok := part.(interface{ CheckIntegrity(context.Context) error }); ok {
			if err := file.CheckIntegrity(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Verify compares all rows of the database with their MACs and with the sums of each project, and decrypts the current
// version of each secret. It returns what was changed, removed or put back outside Pouncet.
func (p *Parts) Verify(ctx context.Context) ([]signed.Finding, error) {
	found, err := p.signed.Verify(ctx)
	if err != nil {
		return nil, err
	}
	faults, err := p.engine.Faults(ctx)
	if errors.Is(err, backend.ErrCorrupt) {
		return found, nil // a row that every call reads was changed: it is among the findings
	}
	for _, f := range faults {
		found = append(found, signed.Finding{Kind: string(f.Object.Kind), Name: f.Object.Name, ID: f.Object.ID,
			Project: f.Object.Project, Environment: f.Object.Environment, Problem: f.Problem, Damaged: true})
	}
	return found, err
}

// VerifyLogs compares all records of the audit log with their hashes, and these with the signed heads of the logs.
// known are the heads of an earlier time, which were kept elsewhere. It returns what was changed, removed or put back
// outside Pouncet.
func (p *Parts) VerifyLogs(
	ctx context.Context, known []merkle.Head,
) (summary signed.LogSummary, found []signed.Finding, err error) {
	summary, found, err = p.signed.VerifyLogs(ctx, p.Reads, known)
	if err != nil || len(found) == 0 {
		return summary, found, err
	}
	names, err := p.projectNames(ctx)
	for i, f := range found {
		if name, ok := names[f.Project]; ok {
			found[i].Project = name
		}
	}
	return summary, found, err
}

// VerifyAudit is VerifyLogs without Verify, which looks at all rows. So it also verifies that no log was removed
// together with the state that says that the log has begun.
func (p *Parts) VerifyAudit(ctx context.Context, known []merkle.Head) (signed.LogSummary, []signed.Finding, error) {
	summary, found, err := p.VerifyLogs(ctx, known)
	if err != nil {
		return summary, nil, err
	}
	begun, err := p.signed.VerifyBegun(ctx)
	return summary, append(begun, found...), err
}

// Checkpoint returns a signed checkpoint of the audit log.
func (p *Parts) Checkpoint(ctx context.Context) ([]byte, error) {
	return p.signed.Checkpoint(ctx, p.Reads, time.Now())
}

// FollowRecords lists the records of all logs. It is for the server itself, which copies them: it asks for no right.
func (p *Parts) FollowRecords(ctx context.Context, q backend.Query) (backend.Page, error) {
	return p.records.FollowAll(ctx, q)
}

// NextCheckpoint returns a signed checkpoint of a log that continues the one of the call before, and known: the heads
// of a checkpoint that was kept elsewhere. ErrCorrupt says that it does not. It is for one caller at a time.
func (p *Parts) NextCheckpoint(ctx context.Context, known []merkle.Head) ([]byte, error) {
	return p.signed.NextCheckpoint(ctx, p.Reads, &p.pushed, known, time.Now())
}

// OpenCheckpoint returns a checkpoint that this deployment has signed.
func (p *Parts) OpenCheckpoint(ctx context.Context, note []byte) (merkle.Checkpoint, error) {
	return p.signed.OpenCheckpoint(ctx, note)
}

// VerifierKey returns the key with which others verify checkpoints. It is not secret.
func (p *Parts) VerifierKey(ctx context.Context) (string, error) { return p.signed.VerifierKey(ctx) }

// Prove returns a proof that a record of the audit log is in a checkpoint. A nil checkpoint means a new one.
func (p *Parts) Prove(ctx context.Context, id merkle.LogID, number int64, checkpoint []byte) (merkle.Proof, error) {
	return p.signed.Prove(ctx, p.Reads, id, number, checkpoint, time.Now())
}

// projectNames returns the names of the projects, by their ids.
func (p *Parts) projectNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	for o, err := range backend.List(ctx, p.Engine, backend.Query{Kind: backend.KindProject}) {
		if errors.Is(err, backend.ErrCorrupt) {
			return names, nil // Verify reports it
		}
		if err != nil {
			return nil, err
		}
		names[o.ID] = o.Name
	}
	return names, nil
}

// Accept signs all rows as they are now, for the local user, and begins the trees of audit logs that do not fit their
// heads again. found is what Verify and VerifyLogs have found. The audit log gets it before anything is signed. Accept
// returns what it signed, which is more if rows were changed since. What is damaged stays damaged.
func (p *Parts) Accept(ctx context.Context, found []signed.Finding) ([]signed.Finding, error) {
	found = slices.DeleteFunc(slices.Clone(found), func(f signed.Finding) bool { return f.Damaged })
	if len(found) == 0 {
		return nil, nil
	}
	logs, err := p.restartLogs(ctx, found) // first, because a log without a valid head gets no record
	if err != nil {
		return nil, err
	}
	accepted, err := audit.Accept(withLocalUser(ctx), p.Store, nil, found, p.signed.Accept)
	return append(accepted, logs...), err
}

// restartLogs begins the trees of the logs among the findings again, and returns these findings.
func (p *Parts) restartLogs(ctx context.Context, found []signed.Finding) (logs []signed.Finding, err error) {
	names := map[store.LogKind][]string{}
	for _, f := range found {
		if f.Kind != signed.LogKind {
			continue
		}
		kind := store.LogKind(f.Name)
		if logs = append(logs, f); !slices.Contains(names[kind], f.ID) {
			names[kind] = append(names[kind], f.ID)
		}
	}
	for kind, of := range map[store.LogKind]store.RecordLog{store.ChangeLog: p.signed.Store, store.ReadLog: p.Reads} {
		if len(names[kind]) == 0 {
			continue
		}
		if err := p.signed.ForgetLogs(ctx, kind, names[kind]); err != nil {
			return nil, err
		}
		if err := of.RestartLogs(ctx, names[kind]); err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// RecordFindings records in the audit log what Verify has found.
func (p *Parts) RecordFindings(ctx context.Context, found []signed.Finding) error {
	return audit.ChangedOutside(ctx, p.Reads, nil, found)
}

// ReportUntrusted sets what is called with the error of a token that was changed outside Pouncet. Call it before the
// first request.
func (p *Parts) ReportUntrusted(report func(error)) { p.signed.Report(report) }

// CopyKept is how long the copy of an upgraded database is kept. The first opening after it removes the copy.
const CopyKept = 30 * 24 * time.Hour

// Copy is the copy of a database that an upgrade made. It has the keys of environments that were purged since.
type Copy struct {
	Path   string
	MadeAt time.Time
}

// copyIn returns the copy in a folder. Its path is "" if there is none.
func copyIn(folder string) Copy {
	path := sqlite.CopyPath(filepath.Join(folder, databaseFile))
	info, err := os.Stat(path)
	if err != nil {
		return Copy{}
	}
	return Copy{path, info.ModTime()}
}

// removeExpiredCopy removes the copy in a folder after CopyKept. If that fails, the next opening tries it again.
func removeExpiredCopy(folder string, now time.Time) {
	if c := copyIn(folder); c.Path != "" && now.Sub(c.MadeAt) > CopyKept {
		_ = os.Remove(c.Path)
	}
}

// Copy returns the copy of the database that an upgrade made. Its path is "" if there is none.
func (p *Parts) Copy() Copy {
	if p.folder == "" {
		return Copy{}
	}
	return copyIn(p.folder)
}

// DeleteCopy deletes the copy of the database that an upgrade made. It returns its path, or "" if there was none.
func (p *Parts) DeleteCopy() (string, error) {
	path := p.Copy().Path
	if path == "" {
		return "", nil
	}
	err := os.Remove(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", backend.Errorf(backend.CodeUnavailable, "deleting the copy of the database: %w", err).
			WithHint("delete the file %s", path)
	}
	return path, nil
}

// Copy returns the copy of the database that an upgrade made. Its path is "" if there is none, or if a server has the
// database.
func (b *Backend) Copy() Copy {
	if b.parts == nil {
		return Copy{}
	}
	return copyIn(b.parts.Location)
}

// Notice says in several lines what the upgrade did, for the person who runs the program. Rows without a signature may
// have any name, so the lines have no control characters.
func (u *Upgrade) Notice() string {
	var b strings.Builder
	if u.made {
		b.WriteString("The database was upgraded. Its rows are signed from now on.\n")
	} else {
		fmt.Fprintf(&b, "%s did not name the database of its folder, and does now.\n", configFile)
	}
	if u.Copy != "" {
		fmt.Fprintf(&b, "A copy of the old database is in %s. It is removed after %d days, or with: %s\n", u.Copy,
			CopyKept/(24*time.Hour), DeleteCopyCommand)
	}
	if len(u.Tokens) == 0 {
		b.WriteString("The database has no tokens.")
		return b.String()
	}
	fmt.Fprintf(&b, "It has %s. Delete each that nobody knows: pouncet token delete ID",
		backend.Plural(len(u.Tokens), "token"))
	for _, t := range u.Tokens {
		fmt.Fprintf(&b, "\n  %s, role %s, id %s", backend.Quote(t.Name), backend.Quote(string(t.Role)), backend.Quote(t.ID))
		if t.Untrusted != nil {
			b.WriteString(", changed outside Pouncet")
		}
	}
	return b.String()
}

// DeleteCopyCommand is the command that deletes the copy of an upgraded database.
const DeleteCopyCommand = "pouncet doctor --storage --delete-copy"
