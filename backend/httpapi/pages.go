// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// pagesPath begins the paths of the pages for people.
const pagesPath = "/ui/"

// pages limits the requests for pages as it limits calls.
func (s *server) pages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			busy(w, backend.Errorf(backend.CodeUnavailable, "the server has too many requests at once"))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.options.CallTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// LogPrincipal adds to the access log who sends a request for a page.
func LogPrincipal(ctx context.Context, name string) {
	if n, ok := ctx.Value(requestLogKey{}).(*requestLog); ok {
		n.principal = name
	}
}
