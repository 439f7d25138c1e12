// SPDX-License-Identifier: MPL-2.0

package open

import "github.com/pouncet/terraform-provider-pouncet/backend"

// Counters count what a backend has done since it was opened, for metrics.
type Counters struct {
	// Caches are the lookups in each cache, by its name.
	Caches map[string]*backend.CacheCount
	// Commits are the durable commits of the database and of the records of reads, by the name of the log. A database that
	// does not count them is missing.
	Commits map[string]*backend.CommitCount
	// Waiting returns how many calls wait until their records of reads are written.
	Waiting func() int
	// Replica counts the reads that a replica could have answered; nil without a replica. ReplicaProblem returns why it is
	// not used.
	Replica        *ReplicaCounts
	ReplicaProblem func() error
}

// counted is a database, or a log of reads, that counts its commits.
type counted interface{ CommitCount() *backend.CommitCount }

// Counters returns the counters of the backend.
func (p *Parts) Counters() Counters {
	c := Counters{
		Caches: map[string]*backend.CacheCount{
			"key": &p.Keys.Lookups, "project": p.engine.ProjectLookups(), "row": p.engine.RowLookups(),
		},
		Commits: map[string]*backend.CommitCount{},
		Waiting: func() int { return 0 },
	}
	if p.replica != nil {
		c.Replica, c.ReplicaProblem = &p.replica.counts, p.replica.Problem
	}
	if s, ok := p.signed.Store.(counted); ok {
		c.Commits["changes"] = s.CommitCount()
	}
	var reads any = p.Reads
	if s, ok := reads.(counted); ok {
		c.Commits["reads"] = s.CommitCount()
	}
	if s, ok := reads.(interface{ Waiting() int }); ok {
		c.Waiting = s.Waiting
	}
	return c
}
