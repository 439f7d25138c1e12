// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
)

// How doctor --storage checks the database of an embedded backend, and what an upgrade of it reports.

// storageHelp is the help of doctor --storage.
const storageHelp = "--storage checks the database of the embedded backend instead: the file with its indexes, and " +
	"the signature of every row and record. It reports what another program changed, removed or restored from an " +
	"older copy. After you restored a backup or looked at each finding, --accept signs the rows as they are. At a " +
	"terminal, it asks first. With --database and --kms-key it checks the database of servers; PostgreSQL checks its " +
	"files itself. --delete-copy deletes the copy of the database that an upgrade made."

// openEmbedded opens the embedded backend of a command that needs its parts.
func (a *app) openEmbedded(ctx context.Context, purpose string) (*open.Parts, error) {
	if address, _ := a.setting(settingDatabase); address != "" {
		return a.openDatabase(ctx, address)
	}
	config, err := a.embeddedConfig(ctx, purpose)
	if wrong := (*usageError)(nil); errors.As(err, &wrong) {
		return nil, wrong.withHint("run it on the machine of the server")
	}
	if err != nil {
		return nil, err
	}
	config.MayRead = true
	parts, err := open.Embedded(ctx, config)
	if err == nil {
		a.reportUpgrade(parts.Upgrade)
	}
	return parts, err
}

// reportUpgrade says on standard error that this command upgraded the database. No later command repeats it, so --json
// prints it too.
func (a *app) reportUpgrade(u *open.Upgrade) {
	switch {
	case u == nil:
	case a.json:
		encode(a.err, map[string]any{"upgrade": upgradeJSON(u)})
	default:
		a.noteText("pouncet: " + u.Notice())
	}
}

// upgradeToken is the JSON form of a token that an upgrade signed.
type upgradeToken struct {
	ID   string       `json:"id"`
	Name string       `json:"name"`
	Role backend.Role `json:"role"`
}

func upgradeTokens(u *open.Upgrade) []upgradeToken {
	tokens := make([]upgradeToken, len(u.Tokens))
	for i, t := range u.Tokens {
		tokens[i] = upgradeToken{t.ID, t.Name, t.Role}
	}
	return tokens
}

func upgradeJSON(u *open.Upgrade) map[string]any {
	return map[string]any{"copy": u.Copy, "tokens": upgradeTokens(u)}
}

const (
	damagedHint = "restore the database from a backup, or delete each object by its id and set it again"
	recordsHint = "delete the records: pouncet doctor --storage --accept; a call that is repeated with the same key is " +
		"then made again"
)

// findingsHint is the hint of findings that are not accepted.
func findingsHint(found []signed.Finding) string {
	only := func(is func(signed.Finding) bool) bool {
		return !slices.ContainsFunc(found, func(f signed.Finding) bool { return !is(f) })
	}
	switch {
	case only(func(f signed.Finding) bool { return f.Damaged }):
		return damagedHint
	case only(func(f signed.Finding) bool { return f.Kind == signed.RecordKind }):
		return recordsHint
	}
	return "restore the database from a backup; if you know each change, accept them: pouncet doctor --storage --accept"
}

// checkStorage is doctor --storage.
func (a *app) checkStorage(ctx context.Context, accept bool) (err error) {
	parts, err := a.openEmbedded(ctx, "doctor --storage checks a database on this machine")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	stop := a.working("checking the database")
	damage := parts.CheckIntegrity(ctx)
	stop()
	if damage != nil && !errors.Is(damage, backend.ErrCorrupt) {
		return damage
	}
	summary, found, err := a.verifyAll(ctx, parts)
	if err != nil {
		return errors.Join(damage, err)
	}
	switch {
	case accept && damage != nil:
		return damage // damage can hide rows; accepting now would sign the table without them
	case accept && len(found) > 0:
		return a.acceptFindings(ctx, parts, found)
	}
	if damage != nil {
		found = append([]signed.Finding{{Kind: damagedFile, Problem: backend.AsError(damage).Message}}, found...)
	}
	if a.json {
		a.printJSON(map[string]any{"findings": append([]signed.Finding{}, found...)})
	} else {
		a.printFindings("", found)
	}
	if len(found) > 0 {
		return differsError{backend.Errorf(backend.CodeCorrupt, "%s not made by Pouncet in the database",
			backend.Plural(len(found), "change")).WithHint("%s", findingsHint(found))}
	}
	if !a.json {
		a.println("Every object and every record of the audit log is as Pouncet wrote it." + unprovedText(summary))
	}
	return nil
}

// verifyAll verifies the rows of the database and the audit log.
func (a *app) verifyAll(ctx context.Context, parts *open.Parts) (signed.LogSummary, []signed.Finding, error) {
	defer a.working("verifying the rows and the audit log")()
	found, err := parts.Verify(ctx)
	if err != nil {
		return signed.LogSummary{}, nil, err
	}
	summary, ofLogs, err := parts.VerifyLogs(ctx, nil)
	return summary, append(found, ofLogs...), err
}

// unprovedText says how many records of the audit log have no hash.
func unprovedText(s signed.LogSummary) string {
	if s.Unproved == 0 {
		return ""
	}
	return " This was not checked for " + backend.Plural(int(s.Unproved), "record") +
		" of earlier versions, which have no hashes."
}

// acceptFindings signs the rows as they are, after a question at a terminal.
func (a *app) acceptFindings(ctx context.Context, parts *open.Parts, found []signed.Finding) error {
	if isTerminal(a.in) {
		if !a.json {
			a.printFindings("", found)
		}
		typed, _, err := a.answer(ctx, "These rows will be signed as they are. Type accept to confirm: ")
		if err != nil {
			return err
		}
		if typed != "accept" {
			return backend.Errorf(backend.CodeInvalid, "nothing was accepted: the word accept was not typed").
				WithHint("run the command again, and type accept")
		}
	}
	accepted, err := parts.Accept(ctx, found)
	if err != nil {
		return err
	}
	_, left, err := a.verifyAll(ctx, parts)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"accepted": append([]signed.Finding{}, accepted...),
			"findings": append([]signed.Finding{}, left...)})
	} else {
		a.printFindings("accepted: ", accepted)
		a.printFindings("", left)
	}
	if len(left) > 0 {
		return differsError{backend.Errorf(backend.CodeCorrupt, "%s cannot be accepted", backend.Plural(len(left), "row")).
			WithHint(damagedHint)}
	}
	return nil
}

// damagedFile is the kind of a finding about the file as a whole.
const damagedFile = "database"

func (a *app) printFindings(prefix string, found []signed.Finding) {
	for _, f := range found {
		// A row may have any text in it, and each finding is one line.
		a.println(strings.Join(strings.Fields(prefix+findingText(f)), " "))
	}
}

func findingText(f signed.Finding) string {
	if f.Kind == damagedFile {
		return f.Problem
	}
	var places []string
	if f.ID != "" {
		places = append(places, f.ID)
	}
	if f.Detail != "" {
		places = append(places, f.Detail)
	}
	if f.Environment != "" {
		places = append(places, "environment "+f.Environment)
	}
	if f.Project != "" && f.Kind != string(backend.KindProject) {
		places = append(places, "project "+f.Project)
	}
	text := backend.Kind(f.Kind).String() + " " + backend.Quote(f.Name)
	if len(places) > 0 {
		text += " (" + strings.Join(places, ", ") + ")"
	}
	return text + ": " + f.Problem
}

// deleteCopy is doctor --storage --delete-copy.
func (a *app) deleteCopy(ctx context.Context) (err error) {
	parts, err := a.openEmbedded(ctx, "doctor --storage --delete-copy deletes a file on this machine")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	path, err := parts.DeleteCopy()
	if err != nil {
		return err
	}
	switch {
	case a.json:
		a.printJSON(map[string]any{"deleted": path})
	case path == "":
		a.println("There is no copy.")
	default:
		a.println("deleted " + path)
	}
	return nil
}

// copyWithKey returns the path of the copy that an upgrade made, if it has the keys of an environment or project that
// was purged.
func copyWithKey(s backend.Service, purged backend.Outcome) string {
	b, ok := s.(*open.Backend)
	if !ok || purged.Object.Kind != backend.KindEnvironment && purged.Object.Kind != backend.KindProject {
		return ""
	}
	c := b.Copy()
	if !purged.Object.CreatedAt.Before(c.MadeAt) {
		return ""
	}
	return c.Path
}

// noteCopy says that the copy with this path, if there is one, still has the keys of a purged object.
func (a *app) noteCopy(purged backend.Outcome, path string) {
	if path == "" {
		return
	}
	a.notef("pouncet: the copy %s still has the keys of %s %s; delete it: %s", path,
		purged.Object.Kind, backend.Quote(purged.Object.Name), open.DeleteCopyCommand)
}
