// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A record needs space in two files: in the write-ahead log, and after a checkpoint in the file itself. The reserve is
// the size of the write-ahead log, which SQLite overwrites from its start after each checkpoint, and the free pages of
// the file, which SQLite uses before it makes the file larger. A row that is written and deleted leaves both.

// Reserve sets the space that the file keeps for records on a full disk, in bytes. It has no effect below MinReserve.
// Each record uses some of it, and it is refilled as long as the disk is not full.
func (l *ReadLog) Reserve(ctx context.Context, bytes int64) {
	if bytes <= MinReserve {
		return
	}
	l.reserve.Store(bytes)
	if c, err := l.store.writer.acquire(ctx); err == nil {
		l.store.writer.release(c, l.setUp(ctx, c) == nil)
	}
	l.keepReserve(ctx)
}

// Reserved returns the space that is free for records, in bytes.
func (l *ReadLog) Reserved(ctx context.Context) (int64, error) {
	var pages int64
	err := l.store.View(ctx, func(t store.Tx) error {
		_, err := t.(*tx).queryFirst(ctx, "PRAGMA freelist_count", nil, func(row scanner) error { return row.Scan(&pages) })
		return err
	})
	return pages * pageSize, err
}

// keepReserve refills the reserve if less than half of it is left. If the disk has too little free
// space, Check reports it. All other errors are left to the next record, which fails with them.
func (l *ReadLog) keepReserve(ctx context.Context) {
	err := l.makeReserve(ctx, l.reserve.Load())
	var full *backend.Error
	if errors.As(err, &full) && errors.Is(err, backend.ErrStorageFull) {
		l.full.Store(full)
		l.makeSmallReserve(ctx)
		return
	}
	if err == nil {
		l.full.Store(nil)
	}
}

// makeSmallReserve keeps as much as the disk has room for, if the reserve is used up.
func (l *ReadLog) makeSmallReserve(ctx context.Context) {
	for size := l.reserve.Load() / 2; size >= 2*minReserved; size /= 2 {
		free, err := l.Reserved(ctx)
		if err != nil || free >= minReserved {
			return
		}
		if err := l.makeReserve(ctx, size); !errors.Is(err, backend.ErrStorageFull) {
			return // the next record gets any other error
		}
	}
}

// makeReserve makes the reserve whole if less than half of the wanted bytes are left. All of it is written again,
// because SQLite uses free pages before it makes the file larger. So it is not done for every small part that is used.
func (l *ReadLog) makeReserve(ctx context.Context, want int64) error {
	free, err := l.Reserved(ctx)
	if err != nil {
		return err
	}
	log := int64(0)
	if info, err := os.Stat(l.store.path + "-wal"); err == nil {
		log = info.Size()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fileError("opening", l.store.path, err)
	}
	if free >= want/2 && log >= want {
		return nil
	}
	// After this commit, a checkpoint makes the file larger. On a full disk it would fail, and the write-ahead log could
	// not be used again from its start. So the space is occupied until just before the checkpoint.
	missing := want
	if log >= want {
		missing -= free
	}
	release, err := l.store.occupy(missing + missing/16)
	if err != nil {
		return err
	}
	if err := errors.Join(l.writeZeros(ctx, want), release()); err != nil {
		return err
	}
	if err := l.checkpoint(ctx); err != nil {
		return err
	}
	// This begins the log again from its start. Otherwise a process that opens the file later would find all of it in use.
	return l.writeZeros(ctx, 0)
}

// writeZeros adds and deletes a row of zeros, and so leaves free pages. They need not be overwritten. What others
// delete must be, so nobody else gets the connection until it overwrites again.
func (l *ReadLog) writeZeros(ctx context.Context, size int64) error {
	ctx = context.WithoutCancel(ctx)
	c, err := l.store.writer.acquire(ctx)
	if err != nil {
		return l.store.translate(err)
	}
	healthy := false // a connection that is closed leaves its place to one that overwrites
	defer func() { l.store.writer.release(c, healthy) }()
	if err := secureDelete(ctx, c, false); err != nil {
		return l.store.translate(err)
	}
	err = l.store.updateWith(ctx, c, func(t *tx) error {
		if _, err := t.exec(ctx, "INSERT INTO reserve (bytes) VALUES (zeroblob(?))", size); err != nil {
			return err
		}
		_, err := t.exec(ctx, "DELETE FROM reserve")
		return err
	})
	healthy = err == nil && secureDelete(ctx, c, true) == nil
	return err
}

// secureDelete changes whether SQLite overwrites what is deleted.
func secureDelete(ctx context.Context, c *conn, on bool) error {
	var now bool
	err := c.queryRow(ctx, fmt.Sprintf("PRAGMA secure_delete = %t", on), &now)
	if err == nil && now != on {
		err = backend.Errorf(backend.CodeInternal, "secure_delete of SQLite is %t", now)
	}
	return err
}

// checkpoint moves the write-ahead log into the file, as far as no reader needs it.
func (l *ReadLog) checkpoint(ctx context.Context) error {
	c, err := l.store.writer.acquire(ctx)
	if err != nil {
		return l.store.translate(err)
	}
	err = c.exec(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	l.store.writer.release(c, err == nil)
	return l.store.translate(err)
}

// Check returns an error if no record could be written: the file was replaced, another process has locked it, or the
// disk is full and the reserve is used up.
//
// low is the error of a full disk, or an almost full one, on which records can still be written.
func (l *ReadLog) Check(ctx context.Context) (low, err error) {
	s := l.store
	if err := s.checkFile(); err != nil {
		return nil, err
	}
	if err := s.checkLock(ctx); err != nil {
		return nil, err
	}
	l.keepReserve(ctx)
	full := l.full.Load()
	if full == nil {
		return nil, nil
	}
	free, err := l.Reserved(ctx)
	switch {
	case err != nil:
		return nil, err
	case free < minReserved:
		return nil, full
	}
	// The text does not say how much is left, so that the log of a server has it once.
	return backend.Errorf(backend.CodeStorageFull,
		"the disk of database %s is full or almost full: reads go on until the space for their records is used up, "+
			"and then fail too", s.path).
		WithHint("free some space"), nil
}

// minReserved is the free space in bytes with which a batch can still be written.
const minReserved = 64 << 10
