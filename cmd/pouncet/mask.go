// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	// leastMasked is the length of the shortest text that is masked, in bytes.
	// Masking every letter "a" would hide nothing and make the output unreadable.
	leastMasked = 4
	maskText    = "***"
)

// mask is a writer that replaces the secrets in the text that passes through
// it, even if a secret arrives in several writes. It delays only bytes that
// may be the start of a secret.
type mask struct {
	to      io.Writer
	secrets [][]byte // longest first

	mu      sync.Mutex
	pending []byte // may be the start of a secret
}

// newMask returns a mask of values: as they are, line by line, and in the
// encodings in which programs print them (base64, URL and JSON).
func newMask(to io.Writer, values [][]byte) *mask {
	seen := map[string]bool{}
	m := &mask{to: to}
	add := func(s string) {
		if len(s) >= leastMasked && !seen[s] {
			seen[s] = true
			m.secrets = append(m.secrets, []byte(s))
		}
	}
	for _, v := range values {
		text := string(v)
		add(text)
		if strings.Contains(text, "\n") {
			for line := range strings.Lines(text) {
				add(strings.TrimSpace(line))
			}
		}
		if len(v) < leastMasked {
			continue
		}
		add(base64.StdEncoding.EncodeToString(v))
		add(base64.URLEncoding.EncodeToString(v))
		add(url.QueryEscape(text))
		add(url.PathEscape(text))
		add(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
		if quoted, err := json.Marshal(text); err == nil {
			add(string(quoted[1 : len(quoted)-1]))
		}
	}
	slices.SortFunc(m.secrets, func(a, b []byte) int { return len(b) - len(a) })
	return m
}

// Write implements io.Writer.
func (m *mask) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := append(m.pending, p...)
	var out []byte
	for i := 0; i < len(text); {
		n, complete := m.match(text[i:])
		switch {
		case complete:
			out = append(out, maskText...)
			i += n
		case n > 0: // the rest may be the start of a secret
			m.pending = bytes.Clone(text[i:])
			_, err := m.to.Write(out)
			return len(p), err
		default:
			out = append(out, text[i])
			i++
		}
	}
	m.pending = nil
	_, err := m.to.Write(out)
	return len(p), err
}

// match reports whether text starts with a complete secret of n bytes. If n is
// not 0 and the secret is not complete, the n bytes of text may be the start
// of one. A longer secret that may still follow comes before a shorter one.
func (m *mask) match(text []byte) (n int, complete bool) {
	for _, s := range m.secrets {
		if bytes.HasPrefix(text, s) {
			return len(s), true
		}
		if len(text) < len(s) && bytes.HasPrefix(s, text) {
			return len(text), false
		}
	}
	return 0, false
}

// Close writes the pending bytes. They may contain shorter secrets.
func (m *mask) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	pending := m.pending
	m.pending = nil
	for i := 0; i < len(pending); i++ {
		for _, s := range m.secrets {
			if bytes.HasPrefix(pending[i:], s) {
				pending = slices.Concat(pending[:i], []byte(maskText), pending[i+len(s):])
				i += len(maskText) - 1
				break
			}
		}
	}
	_, err := m.to.Write(pending)
	return err
}
