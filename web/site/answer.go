// SPDX-License-Identifier: MPL-2.0

package site

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
)

// answer keeps an answer until it is complete: an error then replaces it, and its token is checked before it leaves.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	plain  bool // is not compressed: it holds a value
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// compressFrom is the size in bytes from which compression saves a packet.
const compressFrom = 1400

// send writes the answer. A page with a value is not compressed, because the compressed size reveals
// something about the value.
func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept-Encoding, HX-Request")
	if a.plain || a.body.Len() < compressFrom || !acceptsGzip(r) {
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body.Bytes())
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(a.status)
	z := gzip.NewWriter(w)
	_, _ = z.Write(a.body.Bytes())
	_ = z.Close() // the connection has failed
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}
