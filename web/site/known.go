// SPDX-License-Identifier: MPL-2.0

package site

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// KnownSession is what a list shows of a session.
type KnownSession struct {
	ID          string    `json:"-"`
	Principal   string    `json:"principal"` // the name
	PrincipalID string    `json:"principal_id"`
	Began       time.Time `json:"began"`
	Seen        time.Time `json:"seen"`
	Address     string    `json:"address"`
	Browser     string    `json:"browser"`
}

// known remembers the sessions that this process has answered, to list and end them.
type known struct {
	mu       sync.Mutex
	sessions map[string]KnownSession
}

// noteAfter is how old the note of a session for the lists of all servers is when a request writes it again.
const noteAfter = 5 * time.Minute

// maxKnown limits the memory for known sessions.
const maxKnown = 10_000

// knownOf returns what a list shows of a session that makes a request.
func knownOf(s *Session, p backend.Principal, r *http.Request, now time.Time) KnownSession {
	return KnownSession{ID: s.ID, Principal: p.Name, PrincipalID: p.ID, Began: s.Began, Seen: now,
		Address: addressOf(r), Browser: browserOf(r.UserAgent())}
}

// note remembers a request of a session.
func (k *known) note(s KnownSession) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions == nil {
		k.sessions = map[string]KnownSession{}
	}
	if _, ok := k.sessions[s.ID]; !ok && len(k.sessions) >= maxKnown {
		return
	}
	k.sessions[s.ID] = s
}

// noteForAll notes a session for the lists of the other servers, from time to time. Without the note it is valid
// nevertheless: a full disk must not keep people out.
func (s *Site) noteForAll(r *http.Request, session *Session, p backend.Principal) {
	now := s.Now()
	if now.Sub(session.Noted) < noteAfter {
		return
	}
	about, err := json.Marshal(knownOf(session, p, r, now))
	if err == nil {
		err = s.Ended.Note(r.Context(), session.ID, about)
	}
	if err != nil {
		s.Log.Error("noting a session for the lists of all servers", "error", backend.AsError(err).Message)
		return
	}
	session.Noted = now
}

func (k *known) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions, id)
}

// all returns the sessions that this process has answered.
func (k *known) all() map[string]KnownSession {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.sessions)
}

// Sessions lists the sessions of the person, latest first. A person with the right bind everywhere gets the sessions of
// everybody.
func (q *Request) Sessions() ([]KnownSession, error) {
	now, known := q.Now(), q.known.all()
	noted, err := q.Ended.Noted(q.Context())
	if err != nil {
		return nil, err
	}
	all := make([]KnownSession, 0, len(noted))
	for id, about := range noted {
		var s KnownSession
		if json.Unmarshal(about, &s) != nil {
			continue // an earlier version let change sets have such keys
		}
		s.ID = id
		if here, ok := known[id]; ok && here.Seen.After(s.Seen) {
			s = here
		}
		if now.Sub(s.Seen) < idleLimit+noteAfter+refreshAfter { // another server may have seen it since
			all = append(all, s)
		}
	}
	missing, err := q.notNoted(known, noted)
	all = slices.DeleteFunc(append(all, missing...), func(s KnownSession) bool {
		return now.Sub(s.Began) >= absoluteLimit || !q.mayEnd(s)
	})
	slices.SortFunc(all, func(a, b KnownSession) int {
		return cmp.Or(b.Began.Compare(a.Began), strings.Compare(a.ID, b.ID))
	})
	return all, err
}

// notNoted returns the sessions that this process has answered, and that are in no list of all servers: the sessions of
// a local dashboard, and those that could not be noted.
func (q *Request) notNoted(known map[string]KnownSession, noted map[string][]byte) ([]KnownSession, error) {
	var ids []string
	for id, s := range known {
		switch _, ok := noted[id]; {
		case q.Now().Sub(s.Seen) >= idleLimit || q.Now().Sub(s.Began) >= absoluteLimit:
			q.known.forget(id)
		case !ok:
			ids = append(ids, id)
		}
	}
	ended, err := q.Ended.HaveEnded(q.Context(), ids...)
	var out []KnownSession
	for _, id := range ids {
		if ended[id] {
			q.known.forget(id)
		} else {
			out = append(out, known[id])
		}
	}
	return out, err
}

// MaySeeAll reports whether Sessions lists the sessions of everybody.
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
