// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How a server stays away from a former primary. A primary that stood still while another one took its place does not
// know it for a moment when it continues: it answers reads with old data. Each promotion of a standby raises the number
// of the timeline. So a server remembers the highest number that a connection has told, and uses no connection with a
// lower one.

// timelineKey is where a connection keeps its timeline.
const timelineKey = "pouncet timeline"

// selectTimeline returns the timeline of a primary, and 0 on a standby.
const selectTimeline = "SELECT CASE WHEN pg_is_in_recovery() THEN 0 " +
	"ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint END"

// followTimeline makes the connections of a pool tell their timeline.
func (s *Store) followTimeline(config *pgxpool.Config) {
	check := config.ConnConfig.ValidateConnect
	config.ConnConfig.ValidateConnect = func(ctx context.Context, c *pgconn.PgConn) error {
		if check != nil {
			if err := check(ctx, c); err != nil {
				return err
			}
		}
		timeline, err := timelineOf(ctx, c)
		if err != nil {
			return err
		}
		c.CustomData()[timelineKey] = timeline
		return s.reach(timeline)
	}
	config.PrepareConn = func(_ context.Context, c *pgx.Conn) (usable bool, err error) {
		return connTimeline(c) >= s.timeline.Load(), nil
	}
}

// timelineOf asks for the timeline. A database that cannot tell it has none, and no standby replaces it.
func timelineOf(ctx context.Context, c *pgconn.PgConn) (int64, error) {
	results, err := c.Exec(ctx, selectTimeline).ReadAll()
	if sqlState(err) != "" {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(results[0].Rows[0][0]), 10, 64)
}

// reach notes a timeline, and refuses one that is lower than another one.
func (s *Store) reach(timeline int64) error {
	for {
		highest := s.timeline.Load()
		switch {
		case timeline < highest:
			return s.formerPrimaryError()
		case timeline == highest, s.timeline.CompareAndSwap(highest, timeline):
			return nil
		}
	}
}

func connTimeline(c *pgx.Conn) int64 {
	timeline, _ := c.PgConn().CustomData()[timelineKey].(int64)
	return timeline
}

// Timeline returns a number that rises when a standby takes the place of the primary.
func (s *Store) Timeline() int64 { return s.timeline.Load() }

// checkTimeline returns an error if a standby has taken the place of the primary that a call has read from.
func (s *Store) checkTimeline(read int64) error {
	if read < s.timeline.Load() {
		return s.formerPrimaryError()
	}
	return nil
}

// relyOn notes that a call has read from a primary with this timeline. What it reads from a replica is confirmed
// otherwise: see store.Call.Decide.
func relyOn(ctx context.Context, timeline int64) {
	if call := store.CallOf(ctx); call != nil && timeline > 0 {
		call.RelyOn(timeline)
	}
}

func (s *Store) formerPrimaryError() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "a new primary replaced that of database %s during the call",
		s.name).WithHint("try again; if it stays so, the URL leads to a former primary or to another database")
}
