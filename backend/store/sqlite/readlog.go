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
)

// ReadLog is a file with the records of reads, dry runs and refusals. It is not part of the database, so that reads do
// not wait for changes.
//
// Records that are appended at the same time share one commit. The first of them is committed at once. What arrives
// meanwhile forms the next batch. So one caller alone waits for one sync, and many callers share it.
//
// The file keeps free space for records on a full disk: see Reserve.
type ReadLog struct {
	store   *Store
	reserve atomic.Int64 // in bytes
	// full is set while the disk is too full to keep the reserve.
	full    atomic.Pointer[backend.Error]
	commits backend.CommitCount

	mu      sync.Mutex
	writing bool // a goroutine writes the batches
	waiting []*appending
	written int // bytes since the reserve was last checked; only the writing goroutine uses it

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
	path, err := filepath.Abs(path)
	if err != nil {
		return absolutePathError(path, err)
	}
	if err := checkAbsent(path); err != nil {
		return err
	}
	return build(ctx, path, func(path string) (*Store, error) { return newReadStore(path, options) }, deployment)
}

// OpenReadLog opens the file at path. The errors are those of Open. ErrCorrupt also means that the file belongs to
// another deployment.
func OpenReadLog(ctx context.Context, path, deployment string, options ...Option) (*ReadLog, error) {
	s, err := newReadStore(path, options)
	if err != nil {
		return nil, err
	}
	l := &ReadLog{store: s}
	l.reserve.Store(MinReserve)
	s.writer.setUp, s.readers.setUp = l.setUp, l.setUp
	s.close = sync.OnceValue(l.closeFile)
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if s.deployment != deployment {
		_ = s.Close() // nothing was written
		return nil, s.corruptError("%s belongs to another database: it has the id %s, and the database has %s", s.path,
			s.deployment, deployment)
	}
	l.keepReserve(ctx)
	return l, nil
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
func (l *ReadLog) Close() error { return l.store.Close() }

// CheckIntegrity returns an error if the file is damaged: see Store.CheckIntegrity.
func (l *ReadLog) CheckIntegrity(ctx context.Context) error { return l.store.CheckIntegrity(ctx) }

// DeleteRecords implements store.RecordLog.
func (l *ReadLog) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	return readTables.delete(ctx, l.store, before, limit, add)
}

// appending is a call of AppendRecords that waits.
type appending struct {
	ctx     context.Context
	records []store.Record
	size    int
	err     error
	done    chan struct{} // closed when err is set
}

// AppendRecords implements store.RecordLog.
func (l *ReadLog) AppendRecords(ctx context.Context, records ...store.Record) error {
	if err := ctx.Err(); err != nil {
		return l.store.translate(err)
	}
	a := &appending{ctx: ctx, records: records, done: make(chan struct{})}
	for _, r := range records {
		a.size += len(r.Detail) + 200 // the other columns and the index
	}
	l.mu.Lock()
	l.waiting = append(l.waiting, a)
	start := !l.writing
	l.writing = true
	l.mu.Unlock()
	if start {
		go l.writeBatches() // not in this goroutine, because the batches do not end with the context of this caller
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return l.store.translate(ctx.Err())
	}
}

// CommitCount counts the commits and the calls of AppendRecords that shared them.
func (l *ReadLog) CommitCount() *backend.CommitCount { return &l.commits }

// Waiting returns how many calls wait for the next batch.
func (l *ReadLog) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// writeBatches writes what waits until nothing waits any more.
func (l *ReadLog) writeBatches() {
	for {
		batch := l.next()
		if batch == nil {
			return
		}
		l.answer(batch)
		if int64(l.written) >= l.reserve.Load()/4 {
			l.written = 0
			l.keepReserve(context.Background())
		}
	}
}

// next removes the calls of the next batch, or returns nil if none waits.
func (l *ReadLog) next() []*appending {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, records, size := 0, 0, 0
	for _, a := range l.waiting {
		records, size = records+len(a.records), size+a.size
		if n > 0 && (records > maxBatch || size > maxBatchBytes) {
			break
		}
		n++
	}
	if n == 0 {
		l.waiting, l.writing = nil, false
		return nil
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return batch
}

// answer writes a batch and ends its calls, also if the driver panics.
func (l *ReadLog) answer(batch []*appending) {
	defer func() {
		if p := recover(); p != nil {
			for _, a := range batch {
				a.err = backend.Errorf(backend.CodeInternal, "writing records to %s: %v", l.store.path, p)
			}
		}
		for _, a := range batch {
			close(a.done)
		}
	}()
	wanted := make([]*appending, 0, len(batch))
	for _, a := range batch {
		if a.err = l.store.translate(a.ctx.Err()); a.err == nil { // its caller has left
			wanted = append(wanted, a)
		}
	}
	l.writeEach(wanted)
}

// writeEach writes calls in one transaction. If that fails, it writes each in its own, so that one call does not make
// the others fail. A call that fails because of the disk makes all later ones fail too, because the disk will not have
// changed.
func (l *ReadLog) writeEach(batch []*appending) {
	err := l.write(batch)
	if err == nil || len(batch) <= 1 {
		for _, a := range batch {
			a.err = err
		}
		return
	}
	err = nil
	for _, a := range batch {
		if a.err = err; err != nil {
			continue
		}
		if a.err = l.write([]*appending{a}); a.err != nil && !errors.Is(a.err, backend.ErrCorrupt) {
			err = a.err
		}
	}
}

// write commits calls in one transaction. The connection is closed after an error: what a failed sync has left on the
// disk is unknown, and a new connection reads it again.
func (l *ReadLog) write(batch []*appending) error {
	if len(batch) == 0 {
		return nil
	}
	var records []store.Record
	size := 0
	for _, a := range batch {
		records, size = append(records, a.records...), size+a.size
	}
	ctx := context.Background() // see conn.exec
	err := l.store.updateOnce(ctx, func(t *tx) error {
		if l.onWrite != nil {
			l.onWrite(len(records))
		}
		return readTables.append(ctx, t, records)
	})
	if err == nil {
		l.written += size
		l.commits.Count(len(batch))
	}
	return err
}

// updateOnce runs f in a write transaction, and closes the connection after any error.
func (s *Store) updateOnce(ctx context.Context, f func(*tx) error) error {
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	healthy := false
	defer func() { s.writer.release(c, healthy) }()
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
	if err := c.exec(ctx, "COMMIT"); err != nil {
		return s.translate(err)
	}
	healthy = true
	return nil
}
