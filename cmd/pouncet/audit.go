// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/push"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func (a *app) auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Show and verify the audit log",
		Long: wrap("The audit log has a record of each call that reads values, changes something or is refused. It holds " +
			"no values. The records of each project are the leaves of Merkle trees, so that a record that was changed or " +
			"removed is found."),
		Example: "  pouncet audit list --project shop --since 2h\n  pouncet audit verify --since checkpoint.txt",
		Args:    onlyCommands,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.auditListCommand(), a.auditTailCommand(), a.auditExportCommand())
	c.AddCommand(a.auditVerifyCommand(), a.auditCheckpointCommand(), a.auditKeyCommand(), a.auditProofCommand())
	return c
}

// auditFlags adds the flags that name the database of a command that reads all of the audit log.
func (a *app) auditFlags(c *cobra.Command) {
	a.addDatabaseFlag(c)
	c.Flags().StringVar(&a.kmsKey, "kms-key", "", "with --database: `URI` of the KMS key of the servers (POUNCET_KMS_KEY)")
}

// withParts returns the function of a command that needs the database itself.
func (a *app) withParts(
	f func(ctx context.Context, parts *open.Parts, args []string) error,
) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		parts, err := a.openEmbedded(c.Context(), "pouncet audit reads a database on this machine")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, parts.Close()) }()
		return f(c.Context(), parts, args)
	}
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var since, proof, key string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Compare all records with their hashes and with a checkpoint",
		Long: wrap("Compares every record of the audit log with its hash, and every log with its signed head. It reports "+
			"each record that another program changed, removed, added or put elsewhere. With --since, it also compares the log "+
			"with a checkpoint that was kept elsewhere: the log must have all records of that time, unchanged. That finds an "+
			"older copy of the whole database too.") + "\n\n" +
			wrap("With --proof, it verifies one record instead, with the verifier key of the backend. It needs no backend.") +
			"\n\n" + wrap("The exit code is 0 if everything fits, and 5 otherwise."),
		Example: "  pouncet audit verify --since checkpoint.txt\n" +
			"  pouncet audit verify --proof proof.json --verifier-key pouncet/01a2…",
		Args: arguments(0, 0, "no arguments"),
	}
	a.auditFlags(c)
	c.Flags().StringVar(&since, "since", "", "`file` with a checkpoint; - is standard input")
	c.Flags().StringVar(&proof, "proof", "", "`file` with the proof of one record; - is standard input")
	c.Flags().StringVar(&key, "verifier-key", "", "with --proof: the verifier `key`, or @FILE with it")
	verify := a.withParts(func(ctx context.Context, parts *open.Parts, _ []string) error {
		return a.verifyAudit(ctx, parts, since)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case proof != "" && (since != "" || a.database != ""):
			return exclusive(c, "--proof and --since or --database")
		case proof != "" && key == "":
			return usage(c, "--proof requires --verifier-key")
		case proof == "" && key != "":
			return usage(c, "--verifier-key requires --proof")
		case proof != "":
			return a.verifyProof(c.Context(), proof, key)
		}
		return verify(c, args)
	}
	return c
}

// maxAuditInput limits what is read from standard input, in bytes.
const maxAuditInput = 16 << 20

// readAuditInput reads a file, or standard input for -.
func (a *app) readAuditInput(ctx context.Context, what, path string) ([]byte, error) {
	if path != "-" {
		return readNamed(ctx, what, path)
	}
	content, err := interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.in, maxAuditInput)) })
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "reading the %s: %w", what, err)
	}
	return content, nil
}

// auditJSON is the result of audit verify.
type auditJSON struct {
	signed.LogSummary
	Since    string           `json:"since,omitempty"` // the time of the checkpoint
	Findings []signed.Finding `json:"findings"`
}

func (a *app) verifyAudit(ctx context.Context, parts *open.Parts, since string) error {
	var known merkle.Checkpoint
	if since != "" {
		text, err := a.readAuditInput(ctx, "checkpoint", since)
		if err != nil {
			return err
		}
		if known, err = parts.OpenCheckpoint(ctx, text); err != nil {
			return err
		}
	}
	stop := a.working("verifying the audit log")
	summary, found, err := parts.VerifyAudit(ctx, known.Heads)
	stop()
	if err != nil {
		return err
	}
	if a.json {
		out := auditJSON{LogSummary: summary, Findings: append([]signed.Finding{}, found...)}
		if since != "" {
			out.Since = known.At.UTC().Format("2006-01-02T15:04:05Z")
		}
		a.printJSON(out)
	} else {
		a.printFindings("", found)
	}
	if len(found) > 0 {
		return differsError{backend.Errorf(backend.CodeCorrupt, "%s not made by Pouncet in the audit log",
			backend.Plural(len(found), "change")).WithHint("find out who could write the database since the last checkpoint; " +
			"then accept the log as it is: pouncet doctor --storage --accept")}
	}
	if !a.json {
		a.println(summaryText(summary))
		if since != "" {
			a.println("The log has every record of the checkpoint of " + formatTime(known.At) + ".")
		}
	}
	return nil
}

func summaryText(s signed.LogSummary) string {
	text := fmt.Sprintf("Every record is as Pouncet wrote it: %s in %s.", backend.Plural(int(s.Records), "record"),
		backend.Plural(s.Logs, "log"))
	if s.Deleted > 0 {
		text += fmt.Sprintf(" A retention has deleted %s, whose hashes are left.",
			backend.Plural(int(s.Deleted), "other record"))
	}
	return text + unprovedText(s)
}

func (a *app) auditCheckpointCommand() *cobra.Command {
	to := ""
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print a signed checkpoint of the audit log",
		Long: wrap("Prints how many records each log has, and the root of its tree, signed with a key of the backend. Keep "+
			"checkpoints where nobody who can write the database can change them. Later, pouncet audit verify --since "+
			"compares the log with one. Everybody who has the verifier key can verify a checkpoint: see pouncet audit key.") +
			"\n\n" + wrap("With --to, it goes to a file, a bucket with the API of S3 or a webhook. A path or key that ends "+
			"with / gets a new file for each checkpoint. If the target has one already, the log must continue it. A bucket "+
			"takes its credentials from the AWS environment."),
		Example: "  pouncet audit checkpoint > checkpoint.txt\n  pouncet audit checkpoint --to /mnt/elsewhere/checkpoints/",
		Args:    arguments(0, 0, "no arguments"),
	}
	a.auditFlags(c)
	c.Flags().StringVar(&to, "to", "",
		"send it to this `target`: a path, s3://BUCKET/KEY?endpoint=URL or the https:// address of a webhook")
	var target push.Target
	write := a.withParts(func(ctx context.Context, parts *open.Parts, _ []string) error {
		if to != "" {
			return a.keepCheckpoint(ctx, parts, target)
		}
		note, err := parts.Checkpoint(ctx)
		switch {
		case err != nil:
			return err
		case a.json:
			a.printJSON(map[string]any{"checkpoint": string(note)})
			return nil
		}
		a.printText(strings.TrimSuffix(string(note), "\n"))
		return nil
	})
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if c.Flags().Changed("to") {
			if target, err = push.Parse(to); err != nil {
				return &usageError{backend.AsError(err)}
			}
		}
		return write(c, args)
	}
	return c
}

// keepCheckpoint sends a checkpoint to a target. The log must continue the last checkpoint that the target has.
func (a *app) keepCheckpoint(ctx context.Context, parts *open.Parts, target push.Target) error {
	p := push.NewPusher(parts, target, 0)
	p.Warn = func(text string) { a.notef("%s", text) }
	where, err := p.Push(ctx)
	switch {
	case err != nil:
		return err
	case a.json:
		a.printJSON(map[string]any{"target": where})
	default:
		a.println("wrote " + where)
	}
	return nil
}

func (a *app) auditKeyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Print the key that verifies checkpoints",
		Long: wrap("Prints the public key with which others verify checkpoints and proofs of this backend. It is not " +
			"secret, and stays the same as long as the backend exists."),
		Example: "  pouncet audit key > verifier-key.txt",
		Args:    arguments(0, 0, "no arguments"),
	}
	a.auditFlags(c)
	c.RunE = a.withParts(func(ctx context.Context, parts *open.Parts, _ []string) error {
		key, err := parts.VerifierKey(ctx)
		switch {
		case err != nil:
			return err
		case a.json:
			a.printJSON(map[string]any{"key": key})
		default:
			a.println(key)
		}
		return nil
	})
	return c
}

func (a *app) auditProofCommand() *cobra.Command {
	var records, checkpoint string
	deployment := false
	c := &cobra.Command{
		Use:   "proof NUMBER",
		Short: "Print a proof that one record is in the log",
		Long: wrap("Prints one record with a checkpoint and the hashes that lead from the record to the checkpoint. " +
			"Everybody who has the verifier key of the backend can verify it, without any other record: see pouncet audit " +
			"verify --proof. NUMBER is the number of the record in the log of the project."),
		Example: "  pouncet audit proof 17 --project shop --records changes > proof.json",
		Args:    arguments(1, 1, "one number"),
	}
	a.auditFlags(c)
	c.Flags().StringVar(&records, "records", string(store.ChangeLog),
		"`changes`, or reads for the records of reads and refusals")
	c.Flags().BoolVar(&deployment, "deployment", false, "the log of the deployment instead of that of a project")
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "`file` with an earlier checkpoint to use; - is standard input")
	prove := a.withParts(func(ctx context.Context, parts *open.Parts, args []string) error {
		number, _ := strconv.ParseInt(args[0], 10, 64) // it was checked
		return a.prove(ctx, parts, number, store.LogKind(records), deployment, checkpoint)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		_, err := strconv.ParseInt(args[0], 10, 64)
		switch {
		case err != nil:
			return usage(c, "the number of the record is not a number")
		case records != string(store.ChangeLog) && records != string(store.ReadLog):
			return usage(c, "--records takes changes or reads")
		case deployment && a.project != "":
			return exclusive(c, "--deployment and --project")
		}
		return prove(c, args)
	}
	return c
}

func (a *app) prove(
	ctx context.Context, parts *open.Parts, number int64, kind store.LogKind, deployment bool, checkpoint string,
) (err error) {
	id := merkle.LogID{Records: kind}
	if !deployment {
		page, err := parts.Engine.Query(ctx, backend.Query{Kind: backend.KindProject, Name: a.projectName()})
		if err != nil {
			return err
		}
		if len(page.Objects) == 0 {
			return backend.Errorf(backend.CodeNotFound, "project %s does not exist", backend.Quote(a.projectName())).
				WithHint("list the projects: pouncet project list")
		}
		id.Log = page.Objects[0].ID
	}
	var note []byte
	if checkpoint != "" {
		if note, err = a.readAuditInput(ctx, "checkpoint", checkpoint); err != nil {
			return err
		}
	}
	proof, err := parts.Prove(ctx, id, number, note)
	if err != nil {
		return err
	}
	a.printJSON(proof)
	return nil
}

// verifyProof verifies the proof of one record.
func (a *app) verifyProof(ctx context.Context, path, key string) error {
	text, err := a.readAuditInput(ctx, "proof", path)
	if err != nil {
		return err
	}
	if file, ok := strings.CutPrefix(key, "@"); ok {
		content, err := a.readAuditInput(ctx, "key", file)
		if err != nil {
			return err
		}
		key = string(content)
	}
	var proof merkle.Proof
	if err := json.Unmarshal(text, &proof); err != nil {
		return backend.Errorf(backend.CodeInvalid, "the proof is invalid JSON").
			WithHint("use the output of pouncet audit proof")
	}
	c, err := proof.Check(key)
	if err != nil {
		return differsError{backend.Errorf(backend.CodeCorrupt, "the proof is not valid: %w", err).
			WithHint("ask for the proof again, and compare the key with the one that pouncet audit key prints")}
	}
	if a.json {
		a.printJSON(map[string]any{"record": json.RawMessage(proof.Record), "deployment": c.Deployment,
			"checkpoint_at": c.At})
		return nil
	}
	a.println(proof.Record)
	a.println("The record is in the log of deployment " + c.Deployment + " at the checkpoint of " + formatTime(c.At) + ".")
	return nil
}
