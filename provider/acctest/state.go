// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// A State holds the Terraform state of a workspace in the memory of this process.
type State struct {
	mu   sync.Mutex
	text []byte // nil if there is no state
}

// StateInMemory lets Terraform keep its state in this process, and not in a file. Call it before anything is written
// into the workspace. Terraform writes the whole file after each object: for a thousand objects, this takes more than
// half of the time of an apply.
func (w *Workspace) StateInMemory() *State {
	w.t.Helper()
	s := new(State)
	server := httptest.NewServer(s)
	w.t.Cleanup(server.Close)
	w.Env = append(w.Env, "TF_HTTP_ADDRESS="+server.URL)
	w.Write("backend.tf", "terraform {\n  backend \"http\" {}\n}\n")
	w.Must("init", "-input=false", "-no-color")
	return s
}

// ServeHTTP answers the backend "http" of Terraform.
func (s *State) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		if text := s.Get(); text != nil {
			_, _ = io.Copy(rw, bytes.NewReader(text)) // Terraform reports an answer that ends early
			return
		}
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	s.Set(text)
}

// Get returns the state, or nil if there is none.
func (s *State) Get() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// Set replaces the state. With nil, the workspace has no state.
func (s *State) Set(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
}
