// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// statuses is the one table of errors on the wire, read in both directions.
// The body carries the code itself, so that two codes may share a status; the
// first row of a status is what an answer without a body of ours is taken for.
var statuses = []struct {
	code   backend.Code
	status int
}{
	{backend.CodeInvalid, http.StatusBadRequest},
	{backend.CodeUnauthenticated, http.StatusUnauthorized},
	{backend.CodeDenied, http.StatusForbidden},
	{backend.CodeNotFound, http.StatusNotFound},
	{backend.CodeConflict, http.StatusConflict},
	{backend.CodeExists, http.StatusConflict},
	{backend.CodeInUse, http.StatusConflict},
	{backend.CodeImmutable, http.StatusConflict},
	{backend.CodeTooLarge, http.StatusRequestEntityTooLarge},
	{backend.CodeQuota, http.StatusUnprocessableEntity},
	{backend.CodeInternal, http.StatusInternalServerError},
	{backend.CodeCorrupt, http.StatusInternalServerError},
	{backend.CodeUnavailable, http.StatusServiceUnavailable},
	{backend.CodeKeyUnusable, http.StatusFailedDependency},
	{backend.CodeStorageFull, http.StatusInsufficientStorage},
}

// statusOf is the HTTP status of a code.
func statusOf(code backend.Code) int {
	for _, row := range statuses {
		if row.code == code {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// codeOf is what a status means where the body says nothing.
func codeOf(status int) backend.Code {
	for _, row := range statuses {
		if row.status == status {
			return row.code
		}
	}
	if status == http.StatusTooManyRequests || status >= 500 {
		return backend.CodeUnavailable
	}
	return backend.CodeInternal
}
