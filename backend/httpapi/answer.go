// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A response must be read within writeTime, and one second more for each writeRate bytes.
const (
	writeTime = 15 * time.Second
	writeRate = 1 << 20
)

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // this is a defect: guard logs it and answers with an error
	}
	send(w, status, text)
}

// send sends JSON.
func send(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="pouncet"`)
	}
	// With a known length, the client reads the body at once.
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	// A client that reads slowly would keep the text in memory.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime + time.Duration(len(text)/writeRate)*
		time.Second))
	w.WriteHeader(status)
	_, _ = w.Write(text) // an error means that the client has disconnected
}

// envelope is the body of an error response.
type envelope struct {
	Error *backend.Error `json:"error"`
}

func refuse(w http.ResponseWriter, err error) {
	e := backend.AsError(err)
	switch {
	case e.Code == backend.CodeUnavailable: // it says what the call has waited for
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = backend.Errorf(backend.CodeUnavailable, "the request was cancelled or took too long").
			WithHint("send fewer references or changes in one request")
	}
	because(w, string(e.Code))
	answer(w, statusOf(e.Code), envelope{e})
}

// busy refuses a request that the server may be able to serve later.
func busy(w http.ResponseWriter, err *backend.Error) {
	because(w, refusedBusy)
	tryLater(w, err.WithHint("try again in a second"), 1)
}

// tryLater refuses a request, and says when to send it again.
func tryLater(w http.ResponseWriter, err *backend.Error, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	answer(w, http.StatusTooManyRequests, envelope{err})
}
