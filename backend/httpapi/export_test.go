// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// StatusOf and Listed give the test access to the table of statuses.
func StatusOf(code backend.Code) int { return statusOf(code) }

func Listed(code backend.Code) bool {
	for _, row := range statuses {
		if row.code == code {
			return codeOf(row.status) != ""
		}
	}
	return false
}

// RequestType is a route with the type of its request.
type RequestType struct {
	Method, Path string
	Body         reflect.Type // nil without a body
}

// Requests returns the routes of a server, with the types that the handlers decode.
func Requests() []RequestType {
	var all []RequestType
	for _, r := range routes(&server{}) {
		all = append(all, RequestType{r.method, r.path, r.body})
	}
	all = append(all, RequestType{Method: http.MethodPost, Path: "/v1/unknown"})
	return all
}

// InFlightAfter reads a body up to its limits and releases it. It returns the number of bytes that still count.
func InFlightAfter(body io.Reader) int64 {
	var counter atomic.Int64
	b := &limitedBody{from: body, control: http.NewResponseController(httptest.NewRecorder()), start: time.Now(),
		inFlight: &counter}
	_, _ = io.Copy(io.Discard, b)
	b.release()
	return counter.Load()
}

// Age makes the last result of h older.
func (h *Health) Age(d time.Duration) { h.at = h.at.Add(-d) }
