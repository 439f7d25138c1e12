// SPDX-License-Identifier: MPL-2.0

package site

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// How long a session lasts.
const (
	idleLimit     = 30 * time.Minute // without a request
	absoluteLimit = 12 * time.Hour   // after which a person signs in again
	confirmLimit  = 10 * time.Minute // after which revealing a value asks for the credential again
	refreshAfter  = time.Minute      // the cookie is written again at most this often
)

// Session is who has signed in, and when. The browser keeps it, sealed. The server keeps nothing of it, so that any
// server of a deployment can open it.
type Session struct {
	ID        string    `json:"id"`
	Kept      string    `json:"kept"` // what Identity.SignIn has returned
	Began     time.Time `json:"began"`
	Seen      time.Time `json:"seen"`
	Confirmed time.Time `json:"confirmed"` // when the person has given the credential
	Noted     time.Time `json:"noted"`     // when it was last noted for the lists of all servers
	// Part is the part of the path of its pages that nobody can guess; "" for a browser that uses TLS.
	Part string `json:"part,omitempty"`
	// Trust is the id of the trust at whose issuer the person has signed in; "" for a credential that was typed.
	Trust string `json:"trust,omitempty"`
	// Done is the key of a text that says what the last form has done. The next page shows it once. It is here and not in
	// an address, so that no link can say that something was done.
	Done string `json:"done,omitempty"`
}

func newSession(kept string, now time.Time, secure bool) *Session {
	s := &Session{ID: rand.Text(), Kept: kept, Began: now, Seen: now, Confirmed: now}
	if !secure {
		s.Part = strings.ToLower(rand.Text())
	}
	return s
}

// isCurrent reports whether a session has not ended.
func (s *Session) isCurrent(now time.Time) bool {
	return now.Sub(s.Seen) < idleLimit && now.Sub(s.Began) < absoluteLimit && !now.Before(s.Began.Add(-time.Minute))
}

// Cipher returns the cipher that seals sessions. It is asked for each request, because the key of a deployment can be
// out of memory.
type Cipher func(ctx context.Context) (cipher.AEAD, error)

// maxCookie is the longest cookie that is opened, in bytes.
const maxCookie = 4096

func (s *Session) seal(a cipher.AEAD, data []byte) (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", backend.Errorf(backend.CodeInternal, "sealing a session: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(a.Seal(nil, nil, text, data)), nil
}

// openSession returns the session in a cookie, or nil if it is not genuine.
func openSession(a cipher.AEAD, cookie string, data []byte) *Session {
	if len(cookie) > maxCookie {
		return nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		return nil
	}
	text, err := a.Open(nil, nil, sealed, data)
	if err != nil {
		return nil
	}
	s := &Session{}
	if json.Unmarshal(text, s) != nil {
		return nil
	}
	return s
}

// cookieName is the name of the cookie. Browsers accept the prefix __Host- over TLS only, and refuse such a cookie if
// another host or a part of this one tries to set it. Without TLS the name has the port: browsers send a cookie to
// every port of its host, and two dashboards on one machine must not end each other's sessions.
func cookieName(secure bool, host string) string {
	if secure {
		return "__Host-pouncet-session"
	}
	if _, port, err := net.SplitHostPort(host); err == nil {
		return "pouncet-session-" + port
	}
	return "pouncet-session"
}

// setCookie gives the browser a session, or takes it away if the value is empty. The browser keeps it in memory: it
// ends with the browser. Without TLS it sends the cookie to the pages of the session only.
func setCookie(w http.ResponseWriter, r *http.Request, value, part string, secure bool) {
	c := &http.Cookie{
		Name: cookieName(secure, r.Host), Value: value, Path: "/", HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteStrictMode,
	}
	if !secure {
		c.Path = baseOf(part)
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// Ended remembers for all servers which sessions began, and which were ended early, as access.Sessions does.
type Ended interface {
	// Note keeps what lists show of a session, as JSON.
	Note(ctx context.Context, id string, about []byte) error
	// Noted returns the notes of the sessions that nobody has ended early, by the id of the session.
	Noted(ctx context.Context) (map[string][]byte, error)
	End(ctx context.Context, id string) error
	// HaveEnded returns which of some sessions have ended.
	HaveEnded(ctx context.Context, ids ...string) (map[string]bool, error)
}

// inMemory is the Ended of one process, whose sessions end with it. What the process knows of them is enough for lists.
type inMemory struct{ Site *Site }

// Note implements Ended.
func (m inMemory) Note(context.Context, string, []byte) error { return nil }

// Noted implements Ended.
func (m inMemory) Noted(context.Context) (map[string][]byte, error) { return nil, nil }

// End implements Ended.
func (m inMemory) End(_ context.Context, id string) error {
	m.Site.spent.add(id, m.Site.Now())
	return nil
}

// HaveEnded implements Ended.
func (m inMemory) HaveEnded(_ context.Context, ids ...string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, id := range ids {
		out[id] = m.Site.spent.has(id)
	}
	return out, nil
}

// hasEnded reports whether a session has ended before its time.
func (s *Site) hasEnded(ctx context.Context, id string) (bool, error) {
	all, err := s.Ended.HaveEnded(ctx, id)
	return all[id], err
}

// end ends a session, on every server of the deployment.
func (s *Site) end(ctx context.Context, id string) error {
	if err := s.Ended.End(ctx, id); err != nil {
		return err
	}
	s.known.forget(id)
	return nil
}

// spent remembers what this process accepts no more, such as a sign-in that was finished, until it would end anyway.
type spent struct {
	mu     sync.Mutex
	ids    map[string]time.Time
	looked time.Time // when it has last looked for those that have ended anyway
}

// maxEnded limits the memory for it. Failed attempts to sign in are limited, so nobody reaches it by guessing.
const maxEnded = 100_000

// add notes an id, and reports whether it was not noted before.
func (e *spent) add(id string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ids == nil {
		e.ids = map[string]time.Time{}
	}
	if len(e.ids) >= maxEnded && now.After(e.looked.Add(time.Minute)) {
		e.looked = now
		maps.DeleteFunc(e.ids, func(_ string, until time.Time) bool { return now.After(until) })
	}
	_, before := e.ids[id]
	if len(e.ids) < maxEnded {
		e.ids[id] = now.Add(absoluteLimit)
	}
	return !before
}

func (e *spent) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.ids[id]
	return ok
}
