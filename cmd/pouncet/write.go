// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// maxWriters is how many files are written at once. Writers wait for the disk.
const maxWriters = 16

// write writes files below a folder, several at once.
func (a *app) write(
	ctx context.Context, path string, targets []string, files []interpolate.File, p *progress,
) error {
	folder, err := openFolder(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	written := make([]bool, len(files))
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxWriters)
	for i, f := range files {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := writeFile(folder, targets[i], f.Data); err != nil {
				return err
			}
			written[i] = true
			p.step("written", int(done.Add(1)), len(files))
			return nil
		})
	}
	err = g.Wait()
	p.clear()
	synced := map[string]bool{}
	for i, target := range targets {
		if written[i] {
			if dir := filepath.Dir(target); !synced[dir] {
				synced[dir] = true
				_ = durable.SyncDirIn(folder, dir) // some file systems refuse it, and the files are complete
			}
			a.notef("wrote %s", filepath.Join(path, target))
		}
	}
	return err
}

// openFolder opens the folder to write to, and creates it if it does not
// exist. No path below an os.Root leads out of it, not even through a link.
func openFolder(path string) (*os.Root, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "creating folder %s: %w", path, err)
	}
	folder, err := os.OpenRoot(path)
	if err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "opening folder %s: %w", path, err)
	}
	return folder, nil
}

// writeFile writes a file that only its owner can read. A crash leaves either
// the complete new file or the previous one.
func writeFile(folder *os.Root, name string, data []byte) error {
	err := folder.MkdirAll(filepath.Dir(name), 0o700)
	if err == nil {
		err = durable.ReplaceIn(folder, name, data, 0o600)
	}
	if err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing %s: %w", filepath.Join(folder.Name(), name), err).
			WithHint("no part of the file was written; an earlier file is unchanged")
	}
	return nil
}
