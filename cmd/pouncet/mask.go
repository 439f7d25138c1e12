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
	// leastMasked is the shortest text that is masked: the letter "a" as a
	// secret would make any output unreadable, and hide nothing.
	leastMasked = 4
	maskText    = "***"
)

// mask is a writer that replaces secrets in what passes through it, also where
// they are written in pieces. It holds back no more than what may be the
// beginning of one.
type mask struct {
	to      io.Writer
	secrets [][]byte // longest first

	mu   sync.Mutex
	held []byte
}

// newMask masks values as they are, line by line, and in the forms in which
// programs print them: base64, URL-encoded and JSON.
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
	text := append(m.held, p...)
	var out []byte
	for i := 0; i < len(text); {
		n, whole := m.at(text[i:])
		switch {
		case whole:
			out = append(out, maskText...)
			i += n
		case n > 0: // the rest may be the beginning of a secret
			m.held = bytes.Clone(text[i:])
			_, err := m.to.Write(out)
			return len(p), err
		default:
			out = append(out, text[i])
			i++
		}
	}
	m.held = nil
	_, err := m.to.Write(out)
	return len(p), err
}

// at reports whether text begins with a secret, of n bytes, or may do so once
// more of it is there. A longer secret that is not complete yet is waited for.
func (m *mask) at(text []byte) (n int, whole bool) {
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

// Close writes what was held back: nothing more comes.
func (m *mask) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.held
	m.held = nil
	for i := 0; i < len(held); i++ { // shorter secrets may be inside
		for _, s := range m.secrets {
			if bytes.HasPrefix(held[i:], s) {
				held = slices.Concat(held[:i], []byte(maskText), held[i+len(s):])
				i += len(maskText) - 1
				break
			}
		}
	}
	_, err := m.to.Write(held)
	return err
}
