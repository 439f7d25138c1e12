// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"io"
	"net/http"
	"time"
)

// What the server reads of a request after it has answered, to throw it away.
const (
	unreadBytes    = 2 * maxRequestBytes
	unreadTime     = 5 * time.Second
	unreadRequests = 64 // at the same time
)

// dropUnread reads the rest of a request that is refused before its end. If the server closed the connection with
// unread bytes, the system would reset it, and a client that sends its whole request before it reads would see
// "connection reset" instead of the answer. Above the limits, the connection is closed all the same.
//
// HTTP/2 needs none of this: an answer ends its stream, and not the connection.
func (s *server) dropUnread(w http.ResponseWriter, r *http.Request) {
	// A client that asks with Expect sends no body after a refusal.
	if r.ProtoMajor != 1 || r.ContentLength == 0 || r.Header.Get("Expect") != "" {
		return
	}
	select {
	case s.unread <- struct{}{}:
		defer func() { <-s.unread }()
	default:
		return
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(unreadTime)) != nil || control.Flush() != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, unreadBytes) // after an error, nothing more can be read
}
