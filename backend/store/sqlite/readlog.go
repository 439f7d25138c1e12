// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// ReadLog is a file with the records of reads, dry runs and refusals. It is not part of the database, so that reads do
// not wait for changes.
//
// Records that are appended at the same time share one commit: see queue.Records.
//
// The file keeps free space for records on a full disk: see Reserve.
type ReadLog struct {
	store   *Store
	reserve atomic.Int64 // in bytes
	// full is set while the disk is too full to keep the reserve.
	full    atomic.Pointer[backend.Error]
	commits backend.CommitCount

	queue queue.Records
	notes queue.Notes
	size  int // bytes since the reserve was last checked; only the writing goroutine uses it

	onWrite func(records int) // tests set it: it runs in each transaction
}

var _ store.RecordLog = (*ReadLog)(nil)

const (
	// maxBatch and maxBatchBytes limit the records of one commit: a batch has at least one call.
	maxBatch      = 128
	maxBatchBytes = 256 << 10
	// MinReserve is the reserve of a new ReadLog, in bytes.
	MinReserve = 1 << 20
	// pageSize is the size of the pages of SQLite in bytes.
	pageSize = 4096
	// maxReadWAL is the size in bytes to which SQLite cuts the write-ahead log, after somebody has read the file for so
	// long that it grew.
	maxReadWAL = 64 << 20
)

//go:embed read_migrations/*.sql
var readMigrations embed.FS

// readLayout has another application id, "Poua" in ASCII, so that nobody mistakes the file for the database.
var readLayout = layout{applicationID: 0x506f7561, migrations: readMigrations, schema: readSchemaHash,
	beginRead: "SELECT id, NULL FROM deployment"}

// CreateReadLog creates the file for the records of a deployment, with mode 0600. ErrExists means that the file exists;
// of several concurrent calls, one succeeds.
func CreateReadLog(ctx context.Context, path, deployment string, options ...Option) error {
	return createReadLog(ctx, path, deployment, options)
}

func createReadLog(ctx context.Context, path, deployment string, options []Option, last ...statement) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return absolutePathError(path, err)
	}
	if err := checkAbsent(path); err != nil {
		return err
	}
	return build(ctx, path, func(path string) (*Store, error) { return newReadStore(path, options) }, deployment,
		last...)
}

// OpenReadLog opens the file at path. It returns the same errors as Open. ErrCorrupt also means that the file belongs
// to another deployment.
func OpenReadLog(ctx context.Context, path, deployment string, options ...Option) (*ReadLog, error) {
	s, err := newReadStore(path, options)
	if err != nil {
		return nil, err
	}
	l := &ReadLog{store: s}
	l.queue = queue.Records{MaxRecords: maxBatch, MaxBytes: maxBatchBytes, Write: l.write, Written: l.written,
		Apart: func(error) bool { return true }, Ended: s.translate, Place: s.path}
	l.reserve.Store(MinReserve)
	s.writer.setUp, s.readers.setUp = l.setUp, l.setUp
	s.close = sync.OnceValue(l.closeFile)
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if err := l.checkDeployment(deployment); err != nil {
		return nil, err
	}
	l.keepReserve(ctx)
	return l, nil
}

// checkDeployment closes the file and returns an error if it belongs to another deployment.
func (l *ReadLog) checkDeployment(deployment string) error {
	s := l.store
	if s.deployment == deployment {
		return nil
	}
	_ = s.Close() // nothing was written
	return s.corruptError("%s belongs to another database: it has the id %s, and the database has %s", s.path,
		s.deployment, deployment)
}

func newReadStore(path string, options []Option) (*Store, error) {
	s, err := newStore(path, options)
	if err != nil {
		return nil, err
	}
	if s.schema == schemaHash { // a test may have another layout
		s.layout = readLayout
	}
	s.pools(2)
	return s, nil
}

// setUp makes the write-ahead log stay when the file is closed, because its space is a part of the reserve. SQLite
// begins to use it again from its start after a checkpoint, so a checkpoint must come before it is full.
func (l *ReadLog) setUp(ctx context.Context, c *conn) error {
	if err := keepWAL(ctx, c); err != nil {
		return err
	}
	pages := min(1000, l.reserve.Load()/2/pageSize)
	_, err := c.c.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d", pages,
		maxReadWAL))
	return err
}

// closeFile closes the file. Without a limit of its size, SQLite keeps the write-ahead log as it is.
func (l *ReadLog) closeFile() error {
	errs := []error{l.store.readers.close()}
	if c, err := l.store.writer.acquire(context.Background()); err == nil {
		err := c.exec(context.Background(), "PRAGMA journal_size_limit = -1")
		l.store.writer.release(c, err == nil)
	}
	return errors.Join(append(errs, l.store.writer.close())...)
}

// Path returns the absolute path of the file.
func (l *ReadLog) Path() string { return l.store.Path() }

// Close waits for the records that are being written and closes the file. Later calls return ErrUnavailable.
func (l *ReadLog) Close() error {
	l.queue.Wait()
	return l.store.Close()
}

// CheckIntegrity returns an error if the file is damaged: see Store.CheckIntegrity.
func (l *ReadLog) CheckIntegrity(ctx context.Context) error { return l.store.CheckIntegrity(ctx) }

// DeleteRecords implements store.RecordLog.
func (l *ReadLog) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	return readTables.delete(ctx, l.store, before, limit, add)
}

// AppendRecords implements store.RecordLog.
func (l *ReadLog) AppendRecords(ctx context.Context, records ...store.Record) error {
	return l.store.Proved(ctx, store.ReadLog, records, func() error { return l.queue.Append(ctx, records) })
}

// CommitCount counts the commits and the calls of AppendRecords that shared them.
func (l *ReadLog) CommitCount() *backend.CommitCount { return &l.commits }

// Waiting returns how many calls wait for the next batch.
func (l *ReadLog) Waiting() int { return l.queue.Waiting() }

// written makes room again after records were written, and writes the notes that no reader waited for.
func (l *ReadLog) written() {
	if late := l.notes.Late(); late != nil {
		_ = l.commit(nil, late) // another reader notes them, in a minute
	}
	if int64(l.size) >= l.reserve.Load()/4 {
		l.size = 0
		l.keepReserve(context.Background())
	}
}

// write commits calls in one transaction. The connection is closed after an error: what a failed sync has left on the
// disk is unknown, and a new connection reads it again. If the notes are in the way, the records are written without.
func (l *ReadLog) write(b *queue.Batch) error {
	due := l.notes.Due(b.Records)
	err := l.commit(b.Records, due.Soon)
	if err == nil {
		l.notes.Written(due)
	} else if due.Soon != nil {
		err = l.commit(b.Records, nil)
	}
	if err == nil {
		l.size += b.Size
		l.commits.Count(b.Calls)
	}
	return err
}

func (l *ReadLog) commit(records []store.Record, notes []queue.Note) error {
	ctx := context.Background() // see conn.exec
	return l.store.updateOnce(ctx, func(t *tx) error {
		if l.onWrite != nil && len(records) > 0 {
			l.onWrite(len(records))
		}
		if err := readTables.append(ctx, t, records); err != nil {
			return err
		}
		return noteResolved(ctx, t, notes)
	})
}

// updateOnce runs f in a write transaction, and closes the connection after any error.
func (s *Store) updateOnce(ctx context.Context, f func(*tx) error) error {
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	healthy := false
	defer func() { s.writer.release(c, healthy) }()
	err = s.updateWith(ctx, c, f)
	healthy = err == nil
	return err
}

// updateWith runs f in a write transaction of a connection, which the caller closes after any error.
func (s *Store) updateWith(ctx context.Context, c *conn, f func(*tx) error) error {
	if err := s.checkFile(); err != nil {
		return err
	}
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	t := &tx{store: s, conn: c, writable: true}
	defer func() { t.ended = true }()
	if err := f(t); err != nil {
		return err
	}
	return s.translate(c.exec(ctx, "COMMIT"))
}
