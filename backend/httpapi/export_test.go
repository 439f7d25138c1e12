// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// UnreadRequests is how many refused requests the server reads to their end at the same time.
const UnreadRequests = unreadRequests

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
	all := newCallers(1)
	b := &limitedBody{from: body, control: http.NewResponseController(httptest.NewRecorder()), start: time.Now(),
		caller: all.enter(backend.Principal{})}
	_, _ = io.Copy(io.Discard, b)
	b.release()
	own, total := b.caller.read(0)
	return own + total
}

// InFlight has a server read one body of each size at the same time, each of another principal. It returns a function
// that has it read one more.
func InFlight(sizes ...int64) func(principal string, size int64) error {
	all := newCallers(1)
	for i, n := range sizes {
		all.enter(backend.Principal{ID: string(rune('0' + i))}).read(n)
	}
	return func(principal string, size int64) error {
		b := &limitedBody{from: io.LimitReader(zeros{}, size), start: time.Now(),
			control: http.NewResponseController(httptest.NewRecorder()), caller: all.enter(backend.Principal{ID: principal})}
		_, err := io.Copy(io.Discard, b)
		return err
	}
}

// zeros is a body of digits.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// Age makes the last result of h older.
func (h *Health) Age(d time.Duration) { h.at = h.at.Add(-d) }

// RenewSession makes the session of a client due for renewal, as after a part of its life.
func RenewSession(of backend.Service) { of.(*client).session.renew = time.Now() }

// ExpireSession makes the session of a client expire.
func ExpireSession(of backend.Service) {
	s := &of.(*client).session
	s.renew, s.expires = time.Now(), time.Now()
}
