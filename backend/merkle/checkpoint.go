// SPDX-License-Identifier: MPL-2.0

package merkle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Checkpoint names the heads of all logs of a deployment at a time. It is signed with Ed25519, as a signed note
// (golang.org/x/mod/sumdb/note). Kept elsewhere, it shows later that no record up to it was changed, removed or put
// elsewhere, and that no older copy took the place of the database.
//
// The text of the note begins with three lines: what it is, the deployment and the time. Each log follows with an empty
// line and three lines as in a C2SP tlog-checkpoint: its origin, its size and its root.
type Checkpoint struct {
	Deployment string
	At         time.Time // in seconds
	Heads      []Head    // sorted
}

// signerName is the name of the key of a deployment in signed notes.
func signerName(deployment string) string { return stored.CheckpointOrigin + deployment }

// origin names a log. The number of its first record follows if it is not 1.
func (h Head) origin(deployment string) string {
	o := fmt.Sprintf("%s%s/%s/%s", stored.CheckpointOrigin, deployment, h.Records, h.Log)
	if h.First != 1 {
		o += stored.CheckpointFirst + strconv.FormatInt(h.First, 10)
	}
	return o
}

// Text returns the text that is signed.
func (c Checkpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", stored.CheckpointTitle, c.Deployment, c.At.UTC().Format(time.RFC3339))
	for _, h := range c.Heads {
		fmt.Fprintf(&b, "\n%s\n%d\n%s\n", h.origin(c.Deployment), h.Size, h.Root)
	}
	return b.String()
}

// FileName returns a name for the file of a checkpoint. The names of a deployment sort by time.
func (c Checkpoint) FileName() string {
	return "pouncet-" + c.Deployment + "-" + c.At.UTC().Format("20060102T150405Z") + ".txt"
}

// ParseCheckpoint parses the text of a checkpoint. It accepts only what Text makes.
func ParseCheckpoint(text string) (Checkpoint, error) {
	blocks := strings.Split(strings.TrimSuffix(text, "\n"), "\n\n")
	title := strings.Split(blocks[0], "\n")
	if len(title) != 3 || title[0] != stored.CheckpointTitle {
		return Checkpoint{}, fmt.Errorf("it does not begin with the line %q", stored.CheckpointTitle)
	}
	at, err := time.Parse(time.RFC3339, title[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("its time cannot be parsed")
	}
	c := Checkpoint{Deployment: title[1], At: at}
	for _, block := range blocks[1:] {
		h, err := parseHead(c.Deployment, block)
		if err != nil {
			return Checkpoint{}, err
		}
		c.Heads = append(c.Heads, h)
	}
	if c.Text() != text {
		return Checkpoint{}, fmt.Errorf("it is not written as Pouncet writes it")
	}
	return c, nil
}

func parseHead(deployment, block string) (h Head, err error) {
	lines := strings.Split(block, "\n")
	if len(lines) != 3 {
		return h, fmt.Errorf("a log has %d lines instead of 3", len(lines))
	}
	name, from, isLater := strings.Cut(lines[0], stored.CheckpointFirst)
	h.First = 1
	if isLater {
		if h.First, err = strconv.ParseInt(from, 10, 64); err != nil {
			return h, fmt.Errorf("the first record of log %q is not a number", name)
		}
	}
	path, ok := strings.CutPrefix(name, stored.CheckpointOrigin+deployment+"/")
	kind, log, hasKind := strings.Cut(path, "/")
	if !ok || !hasKind {
		return h, fmt.Errorf("the origin %q is not that of a log of deployment %s", name, deployment)
	}
	h.LogID = LogID{Records: store.LogKind(kind), Log: log}
	if h.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || h.Size < 0 {
		return h, fmt.Errorf("the size of log %q is not a number", name)
	}
	if h.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return h, fmt.Errorf("the root of log %q is not a hash", name)
	}
	return h, nil
}

// Sign returns the checkpoint as a signed note.
func (c Checkpoint) Sign(key ed25519.PrivateKey) ([]byte, error) {
	verifier, err := VerifierKey(c.Deployment, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	const ed25519Keys = 1 // the byte that names the algorithm
	id := strings.Split(verifier, "+")[1]
	signer, err := note.NewSigner("PRIVATE+KEY+" + signerName(c.Deployment) + "+" + id + "+" +
		base64.StdEncoding.EncodeToString(append([]byte{ed25519Keys}, key.Seed()...)))
	if err != nil {
		return nil, fmt.Errorf("making the signing key: %w", err)
	}
	return note.Sign(&note.Note{Text: c.Text()}, signer)
}

// VerifierKey returns the key with which others verify the checkpoints of a deployment. It is not secret.
func VerifierKey(deployment string, key ed25519.PublicKey) (string, error) {
	return note.NewEd25519VerifierKey(signerName(deployment), key)
}

// OpenCheckpoint returns a checkpoint that the key has signed.
func OpenCheckpoint(signed []byte, verifierKey string) (Checkpoint, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(verifierKey))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the verifier key cannot be parsed")
	}
	signed = bytes.ReplaceAll(signed, []byte("\r\n"), []byte("\n")) // a mail program or an editor may add them
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("its signature is not that of key %s", verifier.Name())
	}
	c, err := ParseCheckpoint(opened.Text)
	if err == nil && signerName(c.Deployment) != verifier.Name() {
		err = fmt.Errorf("it names another deployment than its key")
	}
	return c, err
}
