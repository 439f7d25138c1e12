// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// LogKind is the kind of a Finding about the audit log.
const LogKind = "audit log"

// The problems of the audit log.
const (
	recordChanged  = "the record was changed outside Pouncet"
	recordMissing  = "the record was removed outside Pouncet"
	recordAdded    = "the record was added outside Pouncet"
	recordsDiffer  = "records were changed, removed or put elsewhere outside Pouncet"
	headChanged    = "its head was changed outside Pouncet"
	logShorter     = "it is shorter than at the checkpoint: an older copy took its place"
	logDiffers     = "its records up to the checkpoint are other ones"
	logMissing     = "it is in the checkpoint, and does not exist"
	logBeganAgain  = "it began again since the checkpoint"
	logHasNoRow    = "its head was removed outside Pouncet"
	logRemoved     = "all its records were removed outside Pouncet"
	statesDiffer   = "it does not say which logs have begun: a state was changed, removed or put back outside Pouncet"
	maxLogFindings = 100 // of one log
)

// LogSummary says what VerifyLogs has read.
type LogSummary struct {
	Logs int `json:"logs"`
	// Records have a hash, and Deleted ones have nothing else, because a retention has deleted them.
	Records int64 `json:"records"`
	Deleted int64 `json:"deleted"`
	// Unproved is the number of records that were written before records had a hash.
	Unproved int64 `json:"unproved"`
	// Heads are the heads of all logs, sorted by kind and name.
	Heads []merkle.Head `json:"-"`
}

// VerifyLogs compares all records of the audit log with their hashes, and these with the heads of their logs. known are
// the heads of an earlier time, which were kept elsewhere: each must be the head of the first records of its log.
func (s *Store) VerifyLogs(
	ctx context.Context, reads store.RecordLog, known []merkle.Head,
) (LogSummary, []Finding, error) {
	if err := s.heads.readKey(ctx); err != nil {
		return LogSummary{}, nil, err
	}
	begun, err := s.begun.all(ctx) // first, because a log may begin meanwhile
	if err != nil {
		return LogSummary{}, nil, err
	}
	v := &logVerifier{key: s.heads.key.Load(), known: map[merkle.LogID]merkle.Head{}, begun: begun}
	for _, h := range known {
		v.known[h.LogID] = h
	}
	for kind, from := range map[store.LogKind]store.RecordLog{store.ChangeLog: s.Store, store.ReadLog: reads} {
		if err := from.ViewRecords(ctx, func(tx store.RecordTx) error { return v.verify(ctx, kind, tx) }); err != nil {
			return LogSummary{}, nil, err
		}
	}
	for id := range v.known { // those that no log has
		v.note(id, "", logMissing)
		delete(v.begun, id)
	}
	for id := range v.begun {
		v.note(id, "", logRemoved)
	}
	slices.SortFunc(v.summary.Heads, func(a, b merkle.Head) int { return a.Compare(b.LogID) })
	slices.SortStableFunc(v.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Name, b.Name))
	})
	return v.summary, v.found, nil
}

// logVerifier collects what is wrong.
type logVerifier struct {
	key     *headKey
	known   map[merkle.LogID]merkle.Head // that have not been compared
	begun   map[merkle.LogID]bool        // that must have a head, and were not found
	summary LogSummary
	found   []Finding
}

func (v *logVerifier) note(id merkle.LogID, detail, problem string) {
	v.found = append(v.found, Finding{Kind: LogKind, Name: string(id.Records), ID: id.Log, Project: id.Log,
		Detail: detail, Problem: problem})
}

// verify verifies all logs of a kind.
func (v *logVerifier) verify(ctx context.Context, kind store.LogKind, tx store.RecordTx) error {
	logs, err := tx.Logs(ctx)
	if err != nil {
		return err
	}
	for _, l := range logs {
		check := &logCheck{logVerifier: v, id: merkle.LogID{Records: kind, Log: l.Log}, log: l, next: l.First}
		if err := check.run(ctx, tx); err != nil {
			return err
		}
	}
	strays, err := tx.LogsWithoutRow(ctx)
	for _, log := range strays {
		id := merkle.LogID{Records: kind, Log: log}
		v.note(id, "", logHasNoRow)
		delete(v.begun, id)
	}
	return err
}

// logCheck verifies one log.
type logCheck struct {
	*logVerifier
	id    merkle.LogID
	log   store.Log
	tree  merkle.Tree
	next  int64 // the number of the next record with a hash
	noted int
}

// note reports a problem of a record, or with 0 of the whole log.
func (c *logCheck) note(number int64, problem string) {
	if c.noted++; c.noted > maxLogFindings {
		return
	}
	detail := ""
	if number != 0 {
		detail = fmt.Sprintf("record %d", number)
	}
	c.logVerifier.note(c.id, detail, problem)
}

func (c *logCheck) run(ctx context.Context, tx store.RecordTx) error {
	c.summary.Logs++
	if c.begun[c.id] && len(c.log.Head) == 0 {
		c.note(0, logHasNoRow)
	}
	delete(c.begun, c.id)
	c.compareKnown()
	if err := c.readTiles(ctx, tx); err != nil {
		return err
	}
	if err := c.readRecords(ctx, tx); err != nil {
		return err
	}
	want, err := c.key.open(c.id.Records, c.log)
	switch {
	case err != nil:
		c.note(0, headChanged)
	case want.Size != c.tree.Size || want.Root() != c.tree.Root():
		c.note(0, recordsDiffer)
	}
	if known, ok := c.known[c.id]; ok {
		delete(c.known, c.id)
		problem := logShorter
		if known.First != c.log.First {
			problem = logBeganAgain
		}
		c.note(0, problem)
	}
	c.summary.Heads = append(c.summary.Heads, merkle.Head{LogID: c.id, First: c.log.First, Size: c.tree.Size,
		Root: c.tree.Root()})
	return nil
}

// add adds the hash of the next record.
func (c *logCheck) add(hash []byte) {
	c.tree.Add(merkle.Hash(hash))
	c.next++
	c.compareKnown()
}

// compareKnown compares the tree with the known head if it has the same size.
func (c *logCheck) compareKnown() {
	known, ok := c.known[c.id]
	if !ok || known.Size != c.tree.Size || known.First != c.log.First {
		return
	}
	delete(c.known, c.id)
	if known.Root != c.tree.Root() {
		c.note(0, logDiffers)
	}
}

// errEnough ends eachHash.
var errEnough = errors.New("the log has more hashes")

// eachHash calls each with the hash of every record of a log that has one, in their order, until each returns an error.
func eachHash(ctx context.Context, tx store.RecordTx, l store.Log, each func(merkle.Hash) error) error {
	next := l.First
	for tile := int64(0); ; tile += tilesAtOnce {
		tiles, err := tx.Tiles(ctx, l.Log, tile, tilesAtOnce)
		if err != nil {
			return err
		}
		for _, t := range tiles {
			for hash := range slices.Chunk(t.Hashes, store.HashSize) {
				if err := takeHash(l, next, hash, each); err != nil {
					return err
				}
				next++
			}
		}
		if len(tiles) < tilesAtOnce {
			break
		}
	}
	return recordHashes(ctx, tx, l, next, each)
}

// recordHashes does so with the records from a number on, none of which a retention has deleted.
func recordHashes(
	ctx context.Context, tx store.RecordTx, l store.Log, next int64, each func(merkle.Hash) error,
) error {
	for {
		records, err := tx.RecordsFrom(ctx, l.Log, next, recordsAtOnce)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Number != next {
				return headlessRecord(l, next)
			}
			if err := takeHash(l, next, r.Hash, each); err != nil {
				return err
			}
			next++
		}
		if len(records) < recordsAtOnce {
			return nil
		}
	}
}

func takeHash(l store.Log, number int64, hash []byte, each func(merkle.Hash) error) error {
	if len(hash) != store.HashSize {
		return headlessRecord(l, number)
	}
	return each(merkle.Hash(hash))
}

func headlessRecord(l store.Log, number int64) error {
	return backend.Errorf(backend.CodeCorrupt, "record %d of log %s was removed or changed outside Pouncet", number,
		backend.Quote(l.Log)).WithHint(restoreOrAccept)
}

// The limits of one query.
const (
	tilesAtOnce   = 64
	recordsAtOnce = 1000
)

// readTiles reads the hashes of deleted records. All tiles but the last one are full.
func (c *logCheck) readTiles(ctx context.Context, tx store.RecordTx) error {
	for number := int64(0); ; {
		tiles, err := tx.Tiles(ctx, c.id.Log, number, tilesAtOnce)
		if err != nil {
			return err
		}
		for _, tile := range tiles {
			if tile.Number != number || c.tree.Size != number*store.TileSize || len(tile.Hashes)%store.HashSize != 0 ||
				len(tile.Hashes) > store.TileSize*store.HashSize {
				c.note(0, recordsDiffer)
				return nil
			}
			for hash := range slices.Chunk(tile.Hashes, store.HashSize) {
				c.add(hash)
				c.summary.Deleted++
			}
			number++
		}
		if len(tiles) < tilesAtOnce {
			return nil
		}
	}
}

func (c *logCheck) readRecords(ctx context.Context, tx store.RecordTx) error {
	const lowest = -1 << 63
	for from := int64(lowest); ; {
		records, err := tx.RecordsFrom(ctx, c.id.Log, from, recordsAtOnce)
		if err != nil {
			return err
		}
		for _, r := range records {
			c.record(r)
		}
		if len(records) < recordsAtOnce {
			break
		}
		from = records[len(records)-1].Number + 1
	}
	if c.next < c.log.Next {
		c.missing(c.log.Next)
	}
	return nil
}

// missing reports the records before a number that are not there.
func (c *logCheck) missing(before int64) {
	for ; c.next < before && c.noted < maxLogFindings; c.next++ {
		c.note(c.next, recordMissing)
	}
	c.next = before
}

func (c *logCheck) record(r store.Numbered) {
	switch {
	case r.Number < c.log.First && r.Number > 0:
		c.summary.Unproved++
		return
	case r.Number < c.next, r.Number >= c.log.Next:
		c.note(r.Number, recordAdded)
		return
	case r.Number > c.next:
		c.missing(r.Number)
	}
	c.summary.Records++
	if !merkle.Fits(c.id.Records, r) {
		c.note(r.Number, recordChanged)
	}
	if len(r.Hash) != store.HashSize {
		c.next++
		return
	}
	c.add(r.Hash)
}
