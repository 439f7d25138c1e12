// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Check returns an error if a call could not read or write the database: the file was replaced, another process has
// locked it, or the disk is full. Its cost does not depend on the size of the database. CheckIntegrity looks for
// damage.
func (s *Store) Check(ctx context.Context) error {
	if err := s.checkFile(); err != nil {
		return err
	}
	err := s.View(ctx, func(t store.Tx) error {
		return t.(*tx).query(ctx, "SELECT id FROM deployment", nil, func(scanner) error { return nil })
	})
	if err != nil {
		return err
	}
	if err := s.checkWritable(); err != nil {
		return err
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	return s.checkLock(ctx)
}

// checkLock returns an error if another process has locked the database. If this one is writing, no other has.
func (s *Store) checkLock(ctx context.Context) error {
	if len(s.writer.idle) == 0 {
		return nil
	}
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	healthy := false
	defer func() { s.writer.release(c, healthy) }()
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	err = c.exec(ctx, "ROLLBACK")
	healthy = err == nil
	return s.translate(err)
}

// probeSize is how much checkSpace writes, in bytes: more than a small transaction needs.
const probeSize = 256 << 10

// checkSpace returns an error if the disk of the database is full. Only writing shows it: a quota has no other sign.
func (s *Store) checkSpace() error {
	if s.file == nil {
		return nil // the database is in memory
	}
	free, err := s.occupy(probeSize)
	if err == nil {
		err = free()
	}
	return err
}

// zeros is an endless file of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// occupy writes a file of some bytes beside the database. free removes it.
func (s *Store) occupy(size int64) (free func() error, err error) {
	f, err := os.CreateTemp(filepath.Dir(s.path), "."+filepath.Base(s.path)+".*.probe")
	if err != nil {
		return nil, s.probeError(err)
	}
	_, err = io.CopyN(f, zeros{}, size)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, s.probeError(errors.Join(err, os.Remove(f.Name())))
	}
	return func() error {
		if err := os.Remove(f.Name()); err != nil {
			return s.probeError(err)
		}
		return nil
	}, nil
}

func (s *Store) probeError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return s.fullError()
	}
	return fileError("writing beside", s.path, err)
}
