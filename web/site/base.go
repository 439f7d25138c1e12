// SPDX-License-Identifier: MPL-2.0

package site

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Without TLS, the pages of a session are below a path that nobody can guess: /ui/~PART/ instead of /ui/. A browser
// sends a cookie to every port of its host, so a program of another user at another port could get the cookie of a
// session. The cookie is for this path only, and the other program does not know where it would have to lead the
// browser. The path is no credential: it may be in the history of the browser, and it changes with each sign-in.
//
// The pages themselves know the paths below Root only. Links, redirects and cookies get the path of the session here.

// private begins the part of a path that belongs to one session.
const private = Root + "~"

type partKey struct{}

// unwrapped takes the part of a session out of the path of a request. partOf returns it afterwards.
func unwrapped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if part, ok := strings.CutPrefix(r.URL.Path, private); ok {
			part, _, _ = strings.Cut(part, "/")
			r = r.WithContext(context.WithValue(r.Context(), partKey{}, part))
			u := *r.URL
			u.Path, u.RawPath = canonical(r.URL.Path), canonical(r.URL.RawPath)
			r.URL = &u
		}
		next.ServeHTTP(w, r)
	})
}

// canonical returns a path without the part of a session.
func canonical(p string) string {
	if after, ok := strings.CutPrefix(p, private); ok {
		_, rest, _ := strings.Cut(after, "/")
		return Root + rest
	}
	return p
}

// partOf returns the part of the path of a request that belongs to a session; "" for none.
func partOf(r *http.Request) string {
	part, _ := r.Context().Value(partKey{}).(string)
	return part
}

// baseOf returns the path of the dashboard for a session with a part.
func baseOf(part string) string {
	if part == "" {
		return Root
	}
	return private + part + "/"
}

// withPart returns a path of the dashboard for a session with a part.
func withPart(part, p string) string {
	rest, ok := strings.CutPrefix(p, Root)
	if part == "" || !ok || strings.HasPrefix(p, private) {
		return p
	}
	return baseOf(part) + rest
}

// URL returns a path of the dashboard as the browser of the person needs it.
func (q *Request) URL(p string) string { return withPart(partOf(q.R), p) }

// next returns the path and the query in the field next, if they belong to a page, without the part of a session.
func next(r *http.Request) string { return pageAt(r.FormValue("next")) }

// pageAt returns the path and the query of a page, or Root for an address outside the dashboard.
func pageAt(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.Contains(address, `\`) {
		return Root
	}
	p := canonical(path.Clean(u.Path))
	if !strings.HasPrefix(p, Root) || isSignIn(p) {
		return Root
	}
	return (&url.URL{Path: p, RawQuery: u.RawQuery}).String()
}

// pageOf returns the page that a request asks for.
func pageOf(r *http.Request) string {
	return pageAt((&url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}).String())
}
