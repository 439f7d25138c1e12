// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// RecordLog holds records of the audit log. A record belongs to the log of a project or of the deployment, and has a
// number in it. The numbers of a log rise by one, from 1, and none is used again. Only its oldest records are deleted.
type RecordLog interface {
	// AppendRecords adds records, all or none. They are on disk when AppendRecords returns nil. If it returns an error
	// because ctx ended, they may be added nevertheless.
	AppendRecords(ctx context.Context, records ...Record) error

	// DeleteRecords deletes the oldest records of each log if they are older than before, at most limit in total. Their
	// hashes stay: see RecordTx. In the same transaction it adds, to each log with deleted records, the record that add
	// returns for their number. If no record is that old, it writes nothing.
	DeleteRecords(
		ctx context.Context, before time.Time, limit int, add func(log string, deleted int) Record,
	) (deleted int, err error)

	// UseProver sets what makes the hashes and heads of all further records. Call it before the first record. Without a
	// Prover, records have no hash.
	UseProver(p Prover)

	// ViewRecords runs f in a read transaction.
	ViewRecords(ctx context.Context, f func(RecordTx) error) error

	// RestartLogs makes the trees of some logs begin again with their next record: it removes their heads, and the hashes
	// of deleted records. The records stay.
	RestartLogs(ctx context.Context, logs []string) error
}

// Record is one line of the audit log.
type Record struct {
	Log       string // the id of a project, or "" for the deployment
	At        time.Time
	Principal string
	Role      backend.Role
	Verb      string // package audit lists the verbs
	Phase     string // "intent" before an accept, "outcome" after it, and "" for other verbs
	Code      string // "ok", or the code of the error
	Detail    []byte // JSON with ids and names, never values

	// Confirm makes AppendRecords add the records of a call only under a condition. It is not stored.
	Confirm *Confirmation
	// Resolved are the ids of the secrets whose values the call returns. AppendRecords notes the time and the principal of
	// the record for each of them, unless that was done less than ResolvedInterval before. If it cannot, the record is
	// added nevertheless.
	Resolved []string
}

// Confirmation is the condition that the primary has the generation under which a replica has answered a call.
type Confirmation struct {
	Generation []byte
	Changed    bool // AppendRecords sets it if the primary has another one, and then returns ErrChanged
}

// LogKind says which records a log holds.
type LogKind string

// The kinds of logs.
const (
	ChangeLog LogKind = "changes"
	ReadLog   LogKind = "reads" // and of dry runs and refusals
)

// Log is the row of a log.
type Log struct {
	Log  string // the id of a project, or "" for the deployment
	Next int64  // the number of the next record
	// First is the number of the first record with a hash. It is 1, or higher if the log is older than hashes.
	First int64
	Head  []byte // made by the Prover; empty before the first record with a hash
}

// Numbered is a record as it is stored.
type Numbered struct {
	Record
	Number int64
	Hash   []byte // made by the Prover; empty if the log is older than hashes
}

// Prover makes the hashes of records, and the heads of logs. A head stands for all records of a log with a hash, so a
// record that was changed, removed or put elsewhere does not fit it.
type Prover interface {
	// Ready returns an error if Extend could not work, for example because a key cannot be had. A RecordLog calls it
	// outside transactions, with the logs to which it will add records.
	Ready(ctx context.Context, kind LogKind, logs []string) error
	// Added says that records of these logs are on disk. A RecordLog calls it outside transactions.
	Added(kind LogKind, logs []string)
	// Extend sets the hashes of numbered records, which follow the last one of the log, and returns the head of the log
	// with them. It runs within transactions: it does not wait for anything. ErrCorrupt means that the head of the log is
	// not genuine.
	Extend(kind LogKind, before Log, records []Numbered) (head []byte, err error)
}

// Position is a place in a log, between the records with lower numbers and the others.
type Position struct {
	Log    string
	Number int64
}

// TileSize is how many hashes of deleted records a Tile holds, apart from the last one of a log.
const TileSize = 256

// HashSize is the size of the hash of a record, in bytes.
const HashSize = 32

// Tile holds hashes of deleted records. Tile n begins with the hash of record First + n*TileSize of its log.
type Tile struct {
	Number int64
	Hashes []byte
}

// RecordTx reads the records of all logs of one kind in a transaction.
type RecordTx interface {
	// Logs returns all logs, sorted by name.
	Logs(ctx context.Context) ([]Log, error)

	// RecordsFrom returns the records of a log with numbers from first on, at most limit, oldest first.
	RecordsFrom(ctx context.Context, log string, first int64, limit int) ([]Numbered, error)

	// RecordsBefore returns the records of a log with numbers below before, at most limit, newest first.
	RecordsBefore(ctx context.Context, log string, before int64, limit int) ([]Numbered, error)

	// RecordsOfEach returns, for each of some logs, the records with numbers below its position, newest first, or with
	// forward those from its position on, oldest first: at most limit of each log. The logs come in any order.
	RecordsOfEach(ctx context.Context, at []Position, forward bool, limit int) ([]Numbered, error)

	// LogsWithoutRow returns the logs that have records or tiles and are not among Logs, sorted. It reads all records.
	LogsWithoutRow(ctx context.Context) ([]string, error)

	// Tiles returns the hashes of the deleted records of a log, from tile first on, at most limit tiles.
	Tiles(ctx context.Context, log string, first int64, limit int) ([]Tile, error)
}

// NamesOfLogs returns the logs of records, sorted.
func NamesOfLogs(records []Record) []string {
	logs := map[string]bool{}
	for _, r := range records {
		logs[r.Log] = true
	}
	return slices.Sorted(maps.Keys(logs))
}

// NewLog returns the row of a log that has none yet.
func NewLog(name string) Log { return Log{Log: name, Next: 1, First: 1} }

// Extend gives records the next numbers of their logs, and hashes. known has the rows of all these logs. It returns the
// new rows, sorted by name.
func Extend(p Prover, kind LogKind, known map[string]Log, records []Record) (rows []Log, out []Numbered, err error) {
	byLog := map[string][]Numbered{}
	for _, r := range records {
		n := int64(len(byLog[r.Log]))
		byLog[r.Log] = append(byLog[r.Log], Numbered{Record: r, Number: known[r.Log].Next + n})
	}
	for _, name := range slices.Sorted(maps.Keys(byLog)) {
		row, added := known[name], byLog[name]
		if p != nil {
			if row.Head, err = p.Extend(kind, row, added); err != nil {
				return nil, nil, err
			}
		}
		row.Next += int64(len(added))
		rows, out = append(rows, row), append(out, added...)
	}
	return rows, out, nil
}

// TilesWith returns the tiles that change when records are deleted, the oldest of a log. last is the tile to which the
// first of them belongs, as it is stored, or an empty one. Records without a hash belong to no tile.
func TilesWith(l Log, last Tile, deleted []Numbered) []Tile {
	tiles := []Tile{last}
	for _, r := range deleted {
		if r.Number < l.First {
			continue
		}
		if at := &tiles[len(tiles)-1]; len(at.Hashes) < TileSize*HashSize {
			at.Hashes = append(at.Hashes, r.Hash...)
			continue
		}
		tiles = append(tiles, Tile{Number: tiles[len(tiles)-1].Number + 1, Hashes: slices.Clone(r.Hash)})
	}
	return tiles
}

// TileOf returns the number of the tile of a record.
func (l Log) TileOf(number int64) int64 { return max(number-l.First, 0) / TileSize }
