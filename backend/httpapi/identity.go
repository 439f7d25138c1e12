// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// deny answers a request whose caller is not known or not allowed.
func (s *server) deny(ctx context.Context, w http.ResponseWriter, r *http.Request, verb backend.Verb, err error) {
	if errors.Is(err, errManyLogins) {
		busy(w, errManyLogins)
		return
	}
	s.options.Refused(ctx, asked(verb, r), err)
	refuse(w, err)
}

// allow refuses a principal that may not use a verb at all. The error is about revealing values if the client says that
// the request does, because the request itself is not read.
func (s *server) allow(p backend.Principal, verb backend.Verb, r *http.Request) error {
	err := s.options.Allow(p, verb)
	if err != nil {
		return cmp.Or(s.options.Allow(p, asked(verb, r)), err)
	}
	return nil
}

// asked returns the verb that a request asks for, as far as that is known before its body is read.
func asked(verb backend.Verb, r *http.Request) backend.Verb {
	if verb == backend.VerbResolve && r.Header.Get(revealHeader) != "" {
		return backend.VerbReveal
	}
	return verb
}

// errManyLogins refuses a request whose token could not be checked, because so many others are being checked.
var errManyLogins = backend.Errorf(backend.CodeUnavailable, "the server checks too many tokens at once")

// principal returns who sends a request. Callers without a valid token cannot queue up: each check reads the database.
func (s *server) principal(ctx context.Context, r *http.Request) (backend.Principal, error) {
	select {
	case s.logins <- struct{}{}:
		defer func() { <-s.logins }()
	default:
		return backend.Principal{}, errManyLogins
	}
	return s.authenticate(ctx, bearerToken(r))
}

func bearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// remembered returns who sends a request, and the context of its call: see Options.Remembered.
func (s *server) remembered(
	ctx context.Context, r *http.Request,
) (call context.Context, p backend.Principal, verified func() bool, err error) {
	if s.options.Remembered != nil {
		if call, p, verified := s.options.Remembered(ctx, bearerToken(r)); verified != nil {
			return call, p, verified, nil
		}
	}
	p, err = s.principal(ctx, r)
	return ctx, p, func() bool { return true }, err
}
