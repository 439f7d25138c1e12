// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// redacted is what a Plaintext shows of itself.
const redacted = "[redacted]"

// Plaintext is a secret value on its way through the program. It hides its bytes:
// printing, logging or marshalling one gives "[redacted]", whatever the verb.
// The bytes are behind a func because fmt follows unexported slices and
// strings, but prints no more of a func than its address.
//
// The zero Plaintext means "no value given", which is not the same as an empty one.
type Plaintext struct {
	expose func() []byte
}

// NewPlaintext wraps bytes, which the caller must not change afterwards.
func NewPlaintext(b []byte) Plaintext {
	if b == nil {
		b = []byte{}
	}
	return Plaintext{expose: func() []byte { return b }}
}

// PlaintextString wraps a string.
func PlaintextString(s string) Plaintext { return NewPlaintext([]byte(s)) }

// Expose is the one way to the bytes. The caller must not change them.
func (v Plaintext) Expose() []byte {
	if v.expose == nil {
		return nil
	}
	return v.expose()
}

// IsZero reports whether no value was given.
func (v Plaintext) IsZero() bool { return v.expose == nil }

// Len is the length of the value in bytes.
func (v Plaintext) Len() int { return len(v.Expose()) }

// Format writes "[redacted]" for every verb and flag.
func (v Plaintext) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// String returns "[redacted]".
func (v Plaintext) String() string { return redacted }

// GoString returns "[redacted]".
func (v Plaintext) GoString() string { return redacted }

// LogValue returns "[redacted]".
func (v Plaintext) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON gives "[redacted]": a value crosses a wire only where code says so.
func (v Plaintext) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText gives "[redacted]".
func (v Plaintext) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalJSON refuses, since what MarshalJSON wrote is no value.
func (v *Plaintext) UnmarshalJSON([]byte) error {
	return errors.New("a secret value is not read from JSON implicitly")
}
