// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"sync"
)

// InMemory creates a database in the memory of this process. It writes nothing to disk, and its content ends with the
// Store.
func InMemory(ctx context.Context) (*Store, error) {
	s := &Store{path: "in memory", busyTimeout: DefaultBusyTimeout, layout: mainLayout}
	s.queue.Begin, s.queue.Ended, s.states.store = s.beginBatch, s.translate, s
	// One connection both reads and writes: an in-memory database has no log that keeps readers and writers apart.
	address := memoryAddress()
	s.writer = newConnPool(address, 1)
	s.readers = s.writer
	// The database exists as long as a connection is open. This one stays, whatever happens to the other.
	keeper, err := s.writer.db.Conn(ctx)
	if err != nil {
		return nil, s.translate(err)
	}
	s.close = sync.OnceValue(func() error { return errors.Join(keeper.Close(), s.writer.close()) })
	id, err := newDeployment()
	if err == nil {
		err = s.writeInitial(ctx, id)
	}
	if err == nil {
		err = s.connect(ctx)
	}
	if err != nil {
		_ = s.Close() // there is nothing to lose
		return nil, err
	}
	return s, nil
}

// memoryAddress returns the address of a new in-memory database. SQLite shares it between connections because its name
// starts with a slash.
func memoryAddress() string {
	settings := connectionSettings(DefaultBusyTimeout, false)
	settings.Set("vfs", "memdb")
	return (&url.URL{Scheme: "file", Path: "/" + rand.Text(), RawQuery: settings.Encode()}).String()
}
