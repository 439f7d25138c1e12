// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
)

// MinAuditRetention is the shortest time for which the records of the audit log can be kept.
const MinAuditRetention = 24 * time.Hour

// expireTime limits the time that a command waits to delete old records.
const expireTime = time.Second

// CheckAuditRetention returns an error if a time is too short for the records of the audit log.
func CheckAuditRetention(d time.Duration) error {
	if d < MinAuditRetention {
		return backend.Errorf(backend.CodeInvalid, "audit retention %s is not valid", d).
			WithHint("use at least 24h, for example 365d for a year")
	}
	return nil
}

// auditRetention returns how long records are kept, or 0 if they are not deleted.
func (s settings) auditRetention(folder string) (time.Duration, error) {
	if s.AuditRetention == "" {
		return 0, nil
	}
	d, err := backend.ParseDuration(s.AuditRetention)
	if err != nil || d < MinAuditRetention {
		return 0, backend.Errorf(backend.CodeInvalid, "audit_retention %s in %s is not valid",
			backend.Quote(s.AuditRetention), filepath.Join(folder, configFile)).
			WithHint("use at least 24h, for example \"365d\" for a year")
	}
	return d, nil
}

// KeepRecords sets how long the records of the audit log are kept, instead of the time in config.json. Call it before
// KeepSwept.
func (p *Parts) KeepRecords(d time.Duration) { p.retention = d }

// expireRecords deletes some of the records that are too old, and reports whether there may be more.
func (p *Parts) expireRecords(ctx context.Context) (more bool, err error) {
	if p.retention == 0 {
		return false, nil
	}
	more, err = audit.Expire(ctx, p.Store, nil, p.retention)
	moreReads, readsErr := audit.Expire(ctx, p.Reads, nil, p.retention)
	return more || moreReads, errors.Join(err, readsErr)
}

// expireSome deletes some of the records that are too old. It reports no error: a later command deletes them.
func (p *Parts) expireSome(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, expireTime)
	defer cancel()
	_, _ = p.expireRecords(ctx)
}
