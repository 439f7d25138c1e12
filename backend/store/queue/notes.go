// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Notes chooses which secrets of a batch of records are noted as resolved. It remembers those that this process has
// noted in the last store.ResolvedInterval, so that a secret that is read all the time costs its readers nothing. Only
// the goroutine that writes the records uses it.
type Notes struct {
	// noted holds the times of the notes since began, and older holds the times of the notes before. So what is too old
	// is forgotten without a search.
	noted, older map[noteKey]time.Time
	began        time.Time
	late         []Note
}

type noteKey struct{ project, secret string }

// Note is what a record notes: the secrets of a project that a principal got at a time.
type Note struct {
	store.Resolved
	Project string
	Secrets []string
}

// DueNotes are the notes of a batch. Soon is for the transaction of its records. Many notes are in late instead, so
// that no reader waits for them.
type DueNotes struct{ Soon, late []Note }

const (
	// maxSoon is how many secrets are noted in the transaction of their records.
	maxSoon = 32
	// maxNoted limits what Notes remembers. Beyond it, a secret may be noted again, which the database then refuses.
	maxNoted = 50_000
)

// Due returns what is to be noted of a batch.
func (n *Notes) Due(records []store.Record) DueNotes {
	var due []Note
	count, chosen := 0, map[noteKey]bool{}
	for _, r := range records {
		note := Note{Resolved: store.Resolved{At: r.At, By: r.Principal}, Project: r.Log}
		for _, id := range r.Resolved {
			k := noteKey{r.Log, id}
			if !chosen[k] && !n.isRecent(k, r.At) {
				chosen[k] = true
				note.Secrets = append(note.Secrets, id)
			}
		}
		if count += len(note.Secrets); note.Secrets != nil {
			due = append(due, note)
		}
	}
	if count > maxSoon {
		return DueNotes{late: due}
	}
	return DueNotes{Soon: due}
}

func (n *Notes) isRecent(k noteKey, at time.Time) bool {
	last, ok := n.noted[k]
	if !ok {
		last, ok = n.older[k]
	}
	return ok && at.Sub(last) < store.ResolvedInterval
}

// Written remembers the notes that were written with a batch, and which of them Late must return.
func (n *Notes) Written(due DueNotes) {
	n.late = append(n.late, due.late...)
	n.remember(due.Soon)
}

// Late returns what is left to be noted, once. It is remembered as noted: if that fails, a later read notes it.
func (n *Notes) Late() []Note {
	due := n.late
	n.late = nil
	n.remember(due)
	return due
}

func (n *Notes) remember(notes []Note) {
	for _, note := range notes {
		if n.noted == nil || note.At.Sub(n.began) >= store.ResolvedInterval || len(n.noted) >= maxNoted {
			n.noted, n.older, n.began = make(map[noteKey]time.Time, len(note.Secrets)), n.noted, note.At
		}
		for _, id := range note.Secrets {
			n.noted[noteKey{note.Project, id}] = note.At
		}
	}
}
