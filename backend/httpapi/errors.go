// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// statuses maps the codes of errors to HTTP statuses, for server and client. Two codes can share a status, because the
// body of a response holds the code. For a response without such a body, the first row of its status gives the code.
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

// statusOf returns the HTTP status of a code.
func statusOf(code backend.Code) int {
	for _, row := range statuses {
		if row.code == code {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// codeOf returns the code of a response whose body holds none.
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
