// SPDX-License-Identifier: MPL-2.0

package site

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// KnownSession is a session that this process has answered.
type KnownSession struct {
	ID          string
	Principal   string // the name
	PrincipalID string
	Began, Seen time.Time
	Address     string
	Browser     string
}

// known remembers the sessions that this process has answered, to list and end them.
type known struct {
	mu       sync.Mutex
	sessions map[string]KnownSession
}

// maxKnown limits the memory for known sessions.
const maxKnown = 10_000

// note remembers a request of a session.
func (k *known) note(s *Session, p backend.Principal, r *http.Request, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions == nil {
		k.sessions = map[string]KnownSession{}
	}
	if _, ok := k.sessions[s.ID]; !ok && len(k.sessions) >= maxKnown {
		return
	}
	k.sessions[s.ID] = KnownSession{ID: s.ID, Principal: p.Name, PrincipalID: p.ID, Began: s.Began, Seen: now,
		Address: addressOf(r), Browser: browserOf(r.UserAgent())}
}

func (k *known) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions, id)
}

// current returns the sessions that have not ended, the latest first.
func (k *known) current(now time.Time) []KnownSession {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []KnownSession
	for id, s := range k.sessions {
		if now.Sub(s.Seen) >= idleLimit || now.Sub(s.Began) >= absoluteLimit {
			delete(k.sessions, id)
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b KnownSession) int {
		return cmp.Or(b.Began.Compare(a.Began), strings.Compare(a.ID, b.ID))
	})
	return out
}

// Sessions lists the sessions of the person or, for who may revoke all tokens, those of everybody.
func (q *Request) Sessions() ([]KnownSession, error) {
	all := slices.DeleteFunc(q.known.current(q.Now()), func(s KnownSession) bool { return !q.mayEnd(s) })
	ids := make([]string, len(all))
	for i, s := range all {
		ids[i] = s.ID
	}
	ended, err := q.Ended.HaveEnded(q.Context(), ids...) // another server may have ended some of them
	return slices.DeleteFunc(all, func(s KnownSession) bool { return ended[s.ID] }), err
}

// MaySeeAll reports whether Sessions lists those of everybody.
func (q *Request) MaySeeAll() bool {
	may := q.may()
	return may != nil && may.Everywhere(backend.RightBind)
}

func (q *Request) mayEnd(s KnownSession) bool {
	return s.PrincipalID == q.Principal.ID && s.Principal == q.Principal.Name || q.MaySeeAll()
}

// EndSession ends a session that Sessions lists.
func (q *Request) EndSession(id string) error {
	all, err := q.Sessions()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == id {
			if err := q.end(q.Context(), id); err != nil {
				return err
			}
			q.Log.Info("session ended", "address", q.address(), "principal", q.Principal.Name, "of", s.Principal)
			return nil
		}
	}
	return backend.Errorf(backend.CodeNotFound, "the session does not exist").
		WithHint("it may have ended; reload the list")
}

// browserOf names a browser and its system in a few words.
func browserOf(userAgent string) string {
	firstIn := func(names ...string) string {
		for _, n := range names {
			mark, shown, _ := strings.Cut(n, "=")
			if strings.Contains(userAgent, mark) {
				return cmp.Or(shown, mark)
			}
		}
		return ""
	}
	browser := firstIn("Edg/=Edge", "OPR/=Opera", "Firefox/=Firefox", "Chrome/=Chrome", "Safari/=Safari")
	system := firstIn("Android", "iPhone", "iPad", "Windows", "Mac OS X=macOS", "Linux")
	switch {
	case browser == "":
		return backend.ClientName(userAgent)
	case system == "":
		return browser
	}
	return browser + ", " + system
}
