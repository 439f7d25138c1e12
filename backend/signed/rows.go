// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A MAC covers these bytes of a row: its label, the deployment, and all columns except the MAC. Before the bytes of a
// column stands a byte for its type and, for texts and bytes, the length in 8 bytes. The lists of columns below never
// change: a new column needs a new label, and a new format byte at the start of the MAC.

// macFormat is the first byte of a MAC.
const macFormat = 2

const (
	typeText   = 't'
	typeBytes  = 'b'
	typeNumber = 'n'
)

// row holds the bytes of a row while they are written. sign and isGenuine release it: do not use it after them.
type row []byte

// rows reuses the memory of rows, because a lookup may verify thousands of them.
var rows = sync.Pool{New: func() any { return new(row) }}

func (s *signers) newRow(label string) row {
	return (*rows.Get().(*row))[:0].text(label).text(s.deployment)
}

func (r row) release() { rows.Put(&r) }

func (r row) text(s string) row {
	return append(binary.BigEndian.AppendUint64(append(r, typeText), uint64(len(s))), s...)
}

func (r row) bytes(b []byte) row {
	return append(binary.BigEndian.AppendUint64(append(r, typeBytes), uint64(len(b))), b...)
}

func (r row) number(n int64) row {
	return binary.BigEndian.AppendUint64(append(r, typeNumber), uint64(n))
}

func (r row) time(t time.Time) row { return r.number(t.UnixMicro()) }

func (s *signers) object(o store.Object) row {
	return s.newRow(stored.ObjectRow).
		text(string(o.Kind)).text(o.ID).text(o.Project).text(o.Environment).text(o.Scope).text(o.Name).text(o.Type).
		text(o.Link).number(o.Version).number(o.Revision).bytes(o.Attributes).bytes(o.MAC).time(o.CreatedAt).
		time(o.UpdatedAt)
}

func (s *signers) version(v store.Version) row {
	return s.newRow(stored.VersionRow).
		text(v.Project).text(v.Object).number(v.Version).text(v.EnvironmentKey).text(v.Type).text(v.SchemaHash).
		text(v.Form).bytes(v.Sealed).time(v.CreatedAt).text(v.CreatedBy).bytes(v.Attributes)
}

func (s *signers) environmentKey(k store.EnvironmentKey) row {
	return s.newRow(stored.EnvironmentKeyRow).
		text(k.ID).text(k.Project).text(k.Environment).text(k.KMSKey).bytes(k.Wrapped).time(k.CreatedAt)
}

func (s *signers) token(t store.Token) row {
	return s.newRow(stored.TokenRow).
		text(t.ID).text(t.Name).text(t.Description).text(string(t.Role)).text(string(t.Principal)).bytes(t.Hash).
		bytes(t.Attributes).number(t.Revision).time(t.CreatedAt).time(t.ExpiresAt)
}

func (s *signers) idempotencyRecord(r store.IdempotencyRecord) row {
	return s.newRow(stored.IdempotencyRow).text(r.Key).bytes(r.Request).bytes(r.Outcome).time(r.At)
}

// sign returns the MAC of a row.
func (s *signers) sign(r row) []byte {
	defer r.release()
	return s.rows.MAC(append(make([]byte, 0, 33), macFormat), r)
}

func (s *signers) isGenuine(r row, mac []byte) bool {
	defer r.release()
	return len(mac) > 0 && mac[0] == macFormat && s.rows.Verify(mac[1:], r)
}

const restoreOrAccept = "restore the database from a backup, or see what was changed: pouncet doctor --storage"

// untrustedObject returns the error of an object whose row was changed outside Pouncet.
func untrustedObject(o store.Object) error {
	kind := strings.TrimPrefix(strings.TrimPrefix(string(o.Kind), stored.DeletedKind), stored.KeptKind)
	err := backend.Errorf(backend.CodeCorrupt, "%s %s (%s) cannot be trusted: its row was changed outside Pouncet",
		backend.Kind(kind), backend.Quote(o.Name), o.ID)
	if isEntry(o.Kind) {
		return err.WithHint("restore the database from a backup, or delete the entry by its id and set it again; to list " +
			"all such rows: pouncet doctor --storage")
	}
	if isAccessRow(o) {
		return err.WithHint("delete it: pouncet %s delete %s; see what else was changed: pouncet doctor --storage", kind,
			o.ID)
	}
	return err.WithHint(restoreOrAccept)
}

func isEntry(k backend.Kind) bool { return k == backend.KindSecret || k == backend.KindScopedValue }

func isDraft(k backend.Kind) bool { return k == backend.KindDraft || k == backend.KindDraftChange }

// refusedByEngine reports whether the engine refuses objects of a kind itself if their Untrusted is set. The store must
// return such an object, so that the engine can delete it.
func refusedByEngine(k backend.Kind) bool {
	return isEntry(k) || isDraft(k) || strings.HasPrefix(string(k), stored.DeletedKind) ||
		strings.HasPrefix(string(k), stored.KeptKind)
}
