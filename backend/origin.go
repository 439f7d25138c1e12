// SPDX-License-Identifier: MPL-2.0

package backend

import "context"

// Origin says where a call came from. It is zero for a call of an embedded backend.
type Origin struct {
	Address   string // the IP address of the caller
	RequestID string // the one in the log of the server and in the header X-Request-Id of its answer
}

type originKey struct{}

// WithOrigin returns a context whose calls came from o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom returns the origin of a context. It is zero if the context has none.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
