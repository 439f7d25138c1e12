// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Revision tokens: an answer says up to which change of the database its call has seen. A client presents the tokens
// that it has got, and its calls see these changes, even on another server and from a replica.

// revisionHeader carries the token of an answer, and in a request the tokens that the client presents, separated by
// commas.
const revisionHeader = "Pouncet-Revision"

// latestRevision in place of a token asks for all changes.
const latestRevision = "latest"

// maxRevisions limits the tokens of a request. A client has as many as it makes calls at the same time.
const maxRevisions = 256

// maxToken is the longest token that a client keeps.
const maxToken = 64

// Begin returns the context of a call that sees the changes of revision tokens, or with latest all changes. The call's
// token is for the answer; it is "" if there is none.
type Begin func(
	ctx context.Context, tokens []string, latest bool,
) (call context.Context, token func() string, err error)

// begin begins the call of a request.
func (s *server) begin(ctx context.Context, r *http.Request) (context.Context, func() string, error) {
	if s.options.Begin == nil {
		return ctx, func() string { return "" }, nil
	}
	var tokens []string
	latest := false
	for part := range strings.SplitSeq(strings.Join(r.Header.Values(revisionHeader), ","), ",") {
		switch part = strings.TrimSpace(part); part {
		case "":
		case latestRevision:
			latest = true
		default:
			tokens = append(tokens, part)
		}
	}
	if len(tokens) > maxRevisions {
		return nil, nil, backend.Errorf(backend.CodeInvalid, "%d revision tokens are in one request; the limit is %d",
			len(tokens), maxRevisions).WithHint("send the tokens of the last answers")
	}
	return s.options.Begin(ctx, tokens, latest)
}

// revisions holds the tokens that a client will present. It got them with answers, and no later request has presented
// them. Without one, it asks for all changes, because another process of its user may have made one.
type revisions struct {
	mu     sync.Mutex
	tokens []string
}

// present returns the tokens for a request, and the value of its header.
func (r *revisions) present() (tokens []string, header string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tokens) == 0 {
		return nil, latestRevision
	}
	return slices.Clone(r.tokens), strings.Join(r.tokens, ",")
}

// keep adds the token of an answer, which stands for those that its request has presented.
func (r *revisions) keep(token string, presented []string) {
	if token == "" || len(token) > maxToken || strings.ContainsAny(token, ", \t") {
		return // the server makes none, or this is not the answer to a call
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = slices.DeleteFunc(r.tokens, func(t string) bool { return t == token || slices.Contains(presented, t) })
	if r.tokens = append(r.tokens, token); len(r.tokens) > maxRevisions {
		r.tokens = r.tokens[1:]
	}
}
